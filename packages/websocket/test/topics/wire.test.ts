import { once } from 'node:events';
import { Topics } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RecordingLogger, until } from '../fixtures/running-application.ts';
import { SUBPROTOCOL, withDoor } from '../fixtures/topic-client.ts';

describe('TopicHandler, frame by frame', () => {
  it('replies, states the position and delivers, as text that is the same for all subscribers', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const [one, other] = [await client(), await client()];
      one.send('{"op":"sub","topic":"room:1","id":7}');
      other.send('{"op":"sub","topic":"room:1","id":8,"later":[1,{"a":null}]}');
      const ok = JSON.parse(await one.text());
      expect(ok).toEqual({ op: 'ok', id: 7, cursor: expect.stringMatching(/^[A-Za-z0-9._-]{1,64}$/) });
      expect(await one.text()).toBe(`{"op":"pos","topic":"room:1","cursor":"${ok.cursor}"}`);
      await other.nextFrames(2);
      const cursor = await topics.topic('room:1').publish({ text: 'grüß "dich"', n: [1, null] });
      const text = `{"op":"msg","topic":"room:1","cursor":"${cursor}","data":{"text":"grüß \\"dich\\"","n":[1,null]}}`;
      expect(await one.text()).toBe(text);
      expect(await other.text()).toBe(text);
    });
  });

  it('serves the client of another library', async () => {
    await withDoor({}, async ({ url }) => {
      const socket = new WebSocket(url, SUBPROTOCOL);
      const frames: string[] = [];
      socket.on('message', (message, isBinary) => frames.push(isBinary ? 'binary' : String(message)));
      await once(socket, 'open');
      expect(socket.protocol).toBe(SUBPROTOCOL);
      socket.send('{"op":"sub","topic":"t","id":1}');
      socket.send('{"op":"pub","topic":"t","data":"hello","id":2}');
      await until(() => frames.length === 4);
      const parsed = frames.map((frame) => JSON.parse(frame));
      expect(parsed.map(({ op }) => op)).toEqual(['ok', 'pos', 'msg', 'ok']);
      expect(parsed[2]).toMatchObject({ topic: 't', data: 'hello' });
      expect(parsed[3]).toEqual({ op: 'ok', id: 2, cursor: parsed[2].cursor });
      socket.close(1000);
      await once(socket, 'close');
    });
  });

  it('sends bytes as base64', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const reader = await client();
      await reader.subscribe('t');
      const cursor = await topics.topic('t').publish(Buffer.from([0, 255, 16]));
      expect(await reader.text()).toBe(`{"op":"msg","topic":"t","cursor":"${cursor}","bytes":"AP8Q"}`);
    });
  });

  it('keeps the text of a record as it was published', async () => {
    await withDoor({}, async ({ client }) => {
      const reader = await client();
      await reader.subscribe('t');
      reader.send('{"op":"pub","topic":"t","data":{"__proto__":{"a":1},"b":"\\u2028\\ud800"},"id":1}');
      const text = await reader.text();
      expect(text).toContain('"data":{"__proto__":{"a":1},"b":"\u2028\\ud800"}}');
    });
  });

  it('begins with the last records, after a cursor, or at the start', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const topic = topics.topic('t');
      const cursors: string[] = [];
      for (let n = 1; n <= 5; n += 1) cursors.push(await topic.publish(n));
      const read = async (options: object, count: number) => {
        const reader = await client();
        const start = await reader.subscribe('t', options);
        const frames = await reader.nextFrames(count);
        expect(await reader.hasNothing()).toBe(true);
        return [start, frames.map(({ data }) => data)];
      };
      expect(await read({ last: 2 }, 2)).toEqual([cursors[2], [4, 5]]);
      expect(await read({ after: cursors[0] }, 4)).toEqual([cursors[0], [2, 3, 4, 5]]);
      expect(await read({ after: cursors[3], last: 4 }, 1)).toEqual([cursors[3], [5]]);
      expect((await read({ after: 'start' }, 5))[1]).toEqual([1, 2, 3, 4, 5]);
      expect(await read({ last: 0 }, 0)).toEqual([cursors[4], []]);
      expect(await read({}, 0)).toEqual([cursors[4], []]);
    });
  });

  it('refuses a second subscription of the same topic, and accepts it after the first has ended', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const reader = await client();
      await reader.subscribe('t');
      expect(await reader.request({ op: 'sub', topic: 't' })).toMatchObject({
        op: 'err',
        topic: 't',
        code: 'ERR_TOPICS_DUPLICATE',
      });
      expect(await reader.request({ op: 'unsub', topic: 't' })).toEqual({ op: 'ok', id: 3 });
      await topics.topic('t').publish('missed');
      await reader.subscribe('t');
      await topics.topic('t').publish('seen');
      expect(await reader.next()).toMatchObject({ op: 'msg', data: 'seen' });
      await topics.delete('t');
      expect(await reader.next()).toMatchObject({ op: 'end', topic: 't', how: 'deleted' });
      await reader.subscribe('t');
    });
  });

  it('confirms an unsub of what is not subscribed', async () => {
    await withDoor({}, async ({ client }) => {
      const reader = await client();
      expect(await reader.request({ op: 'unsub', topic: 't' })).toEqual({ op: 'ok', id: 1 });
    });
  });

  it('publishes once if a ref is repeated', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const writer = await client();
      const first = await writer.publish('t', 'a', 'ref-1');
      expect(await writer.publish('t', 'a', 'ref-1')).toBe(first);
      expect(await writer.publish('t', 'a', 'ref-2')).not.toBe(first);
      expect(topics.stats().backplane.records).toBe(2);
    });
  });

  it('accepts only what the schema of a topic does', async () => {
    const topics = new Topics({ logger: new RecordingLogger() });
    const validate = (value: unknown) => {
      const { text } = (value ?? {}) as { readonly text?: unknown };
      return typeof text === 'string'
        ? { value: { text: text.trim() } }
        : { issues: [{ message: 'no text' }] };
    };
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    const topic = (name: string) => topics.topic(name, { schema });
    await withDoor({ topics, topic }, async ({ client, log }) => {
      const writer = await client();
      const code = 'ERR_TOPICS_INVALID_DATA';
      expect(await writer.request({ op: 'pub', topic: 't', data: 7 })).toMatchObject({
        op: 'err',
        topic: 't',
        code,
      });
      await writer.subscribe('t');
      writer.send({ op: 'pub', topic: 't', data: { text: ' a ', more: 1 }, id: 9 });
      expect(await writer.next()).toMatchObject({ op: 'msg', data: { text: 'a' } });
      expect(log.problems).toEqual([]);
    });
    await topics.close();
  });

  it('keeps the order of what one client publishes', async () => {
    await withDoor({}, async ({ client }) => {
      const [reader, writer] = [await client(), await client()];
      await reader.subscribe('t');
      for (let n = 0; n < 20; n += 1) writer.send({ op: 'pub', topic: 't', data: n, id: n });
      const frames = await reader.nextFrames(20);
      expect(frames.map(({ data }) => data)).toEqual([...Array(20).keys()]);
      expect((await writer.nextFrames(20)).map(({ id }) => id)).toEqual([...Array(20).keys()]);
    });
  });

  it('ends all subscriptions of a topic that is deleted, and those of a subject that is revoked', async () => {
    let opened = 0;
    const subject = () => `user ${opened}`;
    await withDoor({ subject }, async ({ client, topics }) => {
      const readers = [];
      for (opened = 1; opened <= 3; opened += 1) {
        const reader = await client();
        await reader.subscribe('t');
        readers.push(reader);
      }
      const cursor = await topics.topic('t').publish(1);
      for (const reader of readers) expect(await reader.next()).toMatchObject({ op: 'msg', data: 1 });
      await topics.revoke('t', 'user 2');
      expect(await readers[1]?.next()).toEqual({ op: 'end', topic: 't', how: 'revoked', cursor });
      await topics.topic('t').publish(2);
      expect(await readers[1]?.hasNothing()).toBe(true);
      await topics.delete('t');
      for (const reader of [readers[0], readers[2]]) {
        expect(await reader?.next()).toMatchObject({ op: 'msg', data: 2 });
        expect(await reader?.next()).toMatchObject({ op: 'end', how: 'deleted' });
      }
      expect(topics.stats().subscriptions).toBe(0);
    });
  });

  it('ends subscriptions with `closed` if the topics are closed', async () => {
    await withDoor({}, async ({ client, topics }) => {
      const reader = await client();
      const cursor = await reader.subscribe('t');
      await topics.close();
      expect(await reader.next()).toEqual({ op: 'end', topic: 't', how: 'closed', cursor });
      expect(await reader.request({ op: 'pub', topic: 't', data: 1 })).toMatchObject({
        op: 'err',
        code: 'ERR_TOPICS_UNAVAILABLE',
      });
    });
  });

  it.each([
    ['no subprotocol', undefined],
    ['another subprotocol', 'graphql-ws'],
  ])('refuses an upgrade with %s', async (_, subprotocol) => {
    await withDoor({}, async ({ url }) => {
      const socket = new WebSocket(url, subprotocol);
      const [, response] = await once(socket, 'unexpected-response');
      expect(response.statusCode).toBe(400);
      socket.on('error', () => {});
      socket.terminate();
    });
  });

  it('accepts the subprotocol among others', async () => {
    await withDoor({}, async ({ url }) => {
      const socket = new WebSocket(url, ['token.abc', SUBPROTOCOL]);
      await once(socket, 'open');
      expect(socket.protocol).toBe(SUBPROTOCOL);
      socket.terminate();
    });
  });
});
