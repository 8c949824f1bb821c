import { describe, expect, it } from 'vitest';
import { readRun, readTopic } from '../../src/browser/index.ts';
import { numbers, turns, until, withTopics } from './harness.ts';

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const value of values) result.push(value);
  return result;
}

describe('readTopic', () => {
  it('yields records and gaps, and ends after the end', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(3)) log.append({ data });
      log.trim(2);
      log.finish('deleted');
      const events = await all(readTopic(connect(), 'room', { after: log.cursorAt(0) }));
      expect(events).toEqual([
        { kind: 'gap', reason: 'trimmed', cursor: log.cursorAt(2) },
        { kind: 'record', data: 2, cursor: log.cursorAt(3) },
        { kind: 'end', how: 'deleted', cursor: log.end?.cursor },
      ]);
    }));

  it('closes the subscription when the loop is left', () =>
    withTopics(async ({ topics, connect }) => {
      topics.log('room').append({ data: 1 });
      const client = connect();
      for await (const event of readTopic(client, 'room', { last: 1 })) {
        expect(event).toMatchObject({ kind: 'record', data: 1 });
        break;
      }
      await until(() => topics.count('unsub') === 1);
      client.subscribe('room', {}).close();
    }));

  it('throws the error of a refused subscription', () =>
    withTopics(async ({ topics, connect }) => {
      topics.hidden.add('secret');
      const reading = readTopic(connect(), 'secret').next();
      await expect(reading).rejects.toMatchObject({ code: 'ERR_TOPICS_REFUSED' });
    }));

  it('ends when the client is closed', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      const reading = readTopic(client, 'room').next();
      await until(() => topics.count('sub') === 1);
      client.close();
      await expect(reading).resolves.toEqual({ done: true, value: undefined });
      await expect(readTopic(client, 'room').next()).rejects.toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
    }));

  it('lets the server wait while the loop is slow, and loses nothing', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(2_500)) log.append({ data });
      const records: unknown[] = [];
      for await (const event of readTopic(connect(), 'room', { after: 'start' })) {
        if (records.length === 0) {
          await until(() => topics.count('unsub') === 1);
          await turns(5);
        }
        if (event.kind === 'record') records.push(event.data);
        if (records.length === 2_500) break;
      }
      expect(records).toEqual(numbers(2_500));
      expect(topics.count('sub')).toBe(3);
    }));
});

describe('readRun', () => {
  it('reads a run from its start to its end', () =>
    withTopics(async ({ topics, connect }) => {
      const run = topics.run('r');
      for (const data of numbers(3)) run.append({ data });
      const client = connect();
      const data: unknown[] = [];
      for await (const event of readRun<number>(client, 'r')) {
        if (event.kind === 'record') data.push(event.data);
        if (data.length === 3 && run.end === undefined) run.finish('finished', { result: 'done' });
        if (event.kind === 'end') data.push(event.result);
      }
      expect(data).toEqual([0, 1, 2, 'done']);
    }));
});
