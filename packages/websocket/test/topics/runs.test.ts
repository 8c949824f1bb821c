import { VirtualClock } from '@landspout/ioloop/testing';
import { Runs } from '@landspout/topics';
import { afterEach, describe, expect, it } from 'vitest';
import type { TopicAuthorization } from '../../src/topics/index.ts';
import { gate } from '../fixtures/gate.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';
import { type TopicClient, withDoor } from '../fixtures/topic-client.ts';

const REFUSED = 'ERR_TOPICS_REFUSED';
let runs: Runs;
afterEach(() => runs.close());

const newRuns = (options = {}) => new Runs({ logger: new RecordingLogger(), ...options });

async function read(client: TopicClient, run: string, options: object = {}) {
  const { cursor } = await client.request({ op: 'sub', run, ...options });
  expect(await client.next()).toEqual({ op: 'pos', run, cursor });
  return cursor as string;
}

describe('TopicHandler, with runs', () => {
  it('delivers a run from its start to its end, with its result', async () => {
    runs = newRuns();
    await withDoor({ runs }, async ({ client }) => {
      const { opened, open } = gate();
      await runs.start('r', { owner: 'ann' }, async (run) => {
        await run.write('a');
        await opened;
        await run.write({ b: 1 });
        return { total: 2 };
      });
      const reader = await client();
      await read(reader, 'r');
      expect(await reader.next()).toMatchObject({ op: 'msg', run: 'r', data: 'a' });
      open();
      expect(await reader.next()).toMatchObject({ op: 'msg', run: 'r', data: { b: 1 } });
      const end = await reader.next();
      expect(end).toEqual({
        op: 'end',
        run: 'r',
        how: 'finished',
        cursor: expect.any(String),
        result: { total: 2 },
      });
      // After the end: all of it, what is left, or only the end.
      for (const [after, count] of [
        [undefined, 2],
        ['start', 2],
        [end.cursor, 0],
      ] as const) {
        await read(reader, 'r', { after });
        const frames = await reader.nextFrames(count + 1);
        expect(frames.map(({ op }) => op)).toEqual([...Array(count).fill('msg'), 'end']);
      }
    });
  });

  it('sends why a run has failed, without details', async () => {
    runs = newRuns();
    await withDoor({ runs }, async ({ client }) => {
      await runs.start('r', { owner: 'ann' }, () => Promise.reject(new Error('secret')));
      const reader = await client();
      await read(reader, 'r');
      const end = await reader.text();
      expect(JSON.parse(end)).toMatchObject({ op: 'end', how: 'failed', error: { code: 'ERR_RUN_FAILED' } });
      expect(end).not.toContain('secret');
    });
  });

  it('cancels a run, and says how one has ended', async () => {
    runs = newRuns();
    await withDoor({ runs }, async ({ client }) => {
      let isAborted = false;
      await runs.start('r', { owner: 'ann' }, (run) => {
        return new Promise<void>((resolve) => {
          run.signal.addEventListener('abort', () => {
            isAborted = true;
            resolve();
          });
        });
      });
      const [reader, other] = [await client(), await client()];
      await read(reader, 'r');
      expect(await other.request({ op: 'cancel', run: 'r' })).toEqual({ op: 'ok', id: 1, how: 'running' });
      expect(await reader.next()).toMatchObject({ op: 'end', run: 'r', how: 'cancelled' });
      expect(isAborted).toBe(true);
      expect(await other.request({ op: 'cancel', run: 'r' })).toEqual({ op: 'ok', id: 2, how: 'cancelled' });
    });
  });

  it('refuses what is not allowed, does not exist or has expired in the same words', async () => {
    const clock = new VirtualClock();
    runs = newRuns({ clock, ttlMs: 1_000 });
    const authorize = ({ action, topic }: TopicAuthorization) => action === 'read' && topic !== 'secret';
    await withDoor({ runs, authorize }, async ({ client, log }) => {
      const producer = async () => 'done';
      for (const id of ['secret', 'old', 'mine'])
        await (await runs.start(id, { owner: 'ann' }, producer)).ended;
      const reader = await client();
      await read(reader, 'old');
      await reader.next();
      await clock.advance(2_000);
      const replies = new Set<string>();
      for (const run of ['secret', 'missing', 'old']) {
        const { id, run: named, ...rest } = await reader.request({ op: 'sub', run });
        expect([id, named]).toEqual([expect.any(Number), run]);
        replies.add(JSON.stringify(rest));
      }
      for (const run of ['mine', 'missing']) {
        const { id, run: named, ...rest } = await reader.request({ op: 'cancel', run });
        expect([id, named]).toEqual([expect.any(Number), run]);
        replies.add(JSON.stringify(rest));
      }
      expect([...replies]).toEqual([expect.stringContaining(REFUSED)]);
      expect(log.problems).toEqual([]);
    });
  });

  it('refuses runs if the class has none', async () => {
    runs = newRuns();
    await withDoor({}, async ({ client }) => {
      const reader = await client();
      expect(await reader.request({ op: 'sub', run: 'r' })).toMatchObject({ op: 'err', code: REFUSED });
      expect(await reader.request({ op: 'cancel', run: 'r' })).toMatchObject({ op: 'err', code: REFUSED });
    });
  });

  it('tells a run from a topic of the same name', async () => {
    runs = newRuns();
    await withDoor({ runs }, async ({ client, topics }) => {
      const { opened, open } = gate();
      await runs.start('x', { owner: 'ann' }, async (run) => {
        await opened;
        await run.write('of the run');
      });
      const reader = await client();
      await read(reader, 'x');
      await reader.subscribe('x');
      await topics.topic('x').publish('of the topic');
      expect(await reader.next()).toMatchObject({ op: 'msg', topic: 'x', data: 'of the topic' });
      open();
      expect(await reader.next()).toMatchObject({ op: 'msg', run: 'x', data: 'of the run' });
      expect(await reader.next()).toMatchObject({ op: 'end', run: 'x' });
      expect(await reader.request({ op: 'unsub', run: 'x' })).toMatchObject({ op: 'ok' });
      await topics.topic('x').publish('again');
      expect(await reader.next()).toMatchObject({ op: 'msg', topic: 'x', data: 'again' });
    });
  });
});
