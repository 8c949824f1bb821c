import { Topics } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { type WebSocketClientConnection, websocketConnect } from '../../src/index.ts';
import type { TopicHandler } from '../../src/topics/index.ts';
import { RecordingLogger, until } from '../fixtures/running-application.ts';
import { type Frame, SUBPROTOCOL, withDoor } from '../fixtures/topic-client.ts';

/** A subscriber that connects again whenever it is cut off, and keeps all that it gets. */
class Subscriber {
  readonly got: unknown[] = [];
  readonly others: Frame[] = [];
  readonly codes: (number | undefined)[] = [];
  cursor: string | undefined;
  connection: WebSocketClientConnection | undefined;

  async connect(url: string): Promise<void> {
    const connection = await websocketConnect(url, {
      subprotocols: [SUBPROTOCOL],
      onMessage: (message) => {
        if (message === null) this.codes.push(connection.closeCode);
        // What a connection delivers after it was replaced is not read.
        else if (this.connection === connection) this.#receive(JSON.parse(String(message)));
      },
    });
    this.connection = connection;
    void connection.writeMessage({ op: 'sub', topic: 't', after: this.cursor ?? 'start', id: 1 });
  }

  #receive(frame: Frame): void {
    if (frame.op === 'msg') this.got.push(frame.data);
    else if (frame.op !== 'ok' && frame.op !== 'pos') this.others.push(frame);
    if (frame.op !== 'ok' && frame.cursor !== undefined) this.cursor = frame.cursor;
  }
}

function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

const upTo = (count: number) => [...Array(count).keys()];

describe('TopicHandler, resuming', () => {
  it('goes on where a client was when its server was replaced', async () => {
    const topics = new Topics({ logger: new RecordingLogger() });
    const subscriber = new Subscriber();
    let published = 0;
    const publish = async (count: number) => {
      for (const last = published + count; published < last; published += 1)
        await topics.topic('t').publish(published);
    };
    for (let round = 1; round <= 3; round += 1) {
      await withDoor({ topics }, async ({ url, server }) => {
        await subscriber.connect(url);
        await publish(5);
        await until(() => subscriber.got.length === published);
        // Some reach the client before the close frame, and some do not.
        const stopped = server.stop({ graceMs: 0 });
        await publish(50);
        await stopped;
        expect(subscriber.codes).toEqual(Array(round).fill(1012));
      });
      await publish(5);
    }
    await withDoor({ topics }, async ({ url }) => {
      await subscriber.connect(url);
      await until(() => subscriber.got.length >= published);
      expect(subscriber.got).toEqual(upTo(180));
      expect(subscriber.others).toEqual([]);
    });
    await topics.close();
  });

  it('delivers every record once to each of 500 clients that are cut off at random', async () => {
    const [pauses, cuts] = [randomFrom(18), randomFrom(2026)];
    await withDoor({}, async ({ url, topics, log }) => {
      const subscribers = Array.from({ length: 500 }, () => new Subscriber());
      await Promise.all(subscribers.map((one) => one.connect(url)));
      const reconnecting: Promise<void>[] = [];
      let published = 0;
      let cut = 0;
      for (let round = 0; round < 10; round += 1) {
        const storm = (async () => {
          for (let n = 0; n < 10; n += 1) {
            await topics.topic('t').publish(published);
            published += 1;
            if (pauses(2) === 0) await new Promise((resolve) => setImmediate(resolve));
          }
        })();
        for (const one of subscribers) {
          if (cuts(10) > 0 || one.connection === undefined) continue;
          cut += 1;
          if (cut % 2 === 0) one.connection.abort();
          else one.connection.close();
          one.connection = undefined;
          reconnecting.push(one.connect(url));
        }
        await storm;
      }
      await Promise.all(reconnecting);
      await until(() => subscribers.every(({ got }) => got.length >= published));
      expect(cut).toBeGreaterThan(100);
      for (const { got, others } of subscribers) {
        expect(got).toEqual(upTo(100));
        expect(others).toEqual([]);
      }
      expect(log.problems).toEqual([]);
      for (const { connection } of subscribers) connection?.abort();
      await until(() => topics.stats().subscriptions === 0);
    });
  });

  it('sends a long history only as fast as the client reads it', async () => {
    const handlers: TopicHandler[] = [];
    const topicsOptions = { maxRecords: 1_000, maxBytes: 32 * 1024 * 1024 };
    const opened = (handler: TopicHandler) => handlers.push(handler);
    await withDoor({ opened, topicsOptions }, async ({ client, topics }) => {
      const filler = 'x'.repeat(16 * 1024);
      for (let n = 0; n < 1_000; n += 1) await topics.topic('t').publish({ n, filler });
      const reader = await client();
      const started = reader.subscribe('t', { after: 'start' });
      const limit = (64 + 17) * 1024;
      const handler = handlers[0] as TopicHandler;
      await started;
      let most = 0;
      for (let n = 0; n < 1_000; n += 1) {
        most = Math.max(most, handler.queuedBytes);
        expect(await reader.next()).toMatchObject({ op: 'msg', data: { n } });
      }
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(limit);
      await topics.topic('t').publish('live');
      expect((await reader.next()).data).toBe('live');
    });
  });

  it('notifies a client of the gap if the history does not reach back far enough', async () => {
    await withDoor({ topicsOptions: { maxRecords: 3 } }, async ({ client, topics }) => {
      const cursors: string[] = [];
      for (let n = 0; n < 10; n += 1) cursors.push(await topics.topic('t').publish(n));
      const reader = await client();
      const start = await reader.subscribe('t', { after: cursors[1] });
      expect(start).toBe(cursors[6]);
      expect(await reader.next()).toEqual({ op: 'gap', topic: 't', reason: 'trimmed', cursor: cursors[6] });
      const frames = await reader.nextFrames(3);
      expect(frames.map(({ data }) => data)).toEqual([7, 8, 9]);
    });
  });
});
