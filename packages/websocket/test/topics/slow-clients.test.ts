import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { TopicHandler } from '../../src/topics/index.ts';
import { until } from '../fixtures/running-application.ts';
import { type Frame, type TopicClient, withDoor } from '../fixtures/topic-client.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const KIB = 1024;
/** More than the kernel takes for a client that does not read. */
const RECORDS = 300;
const FILLER = 'x'.repeat(64 * KIB);
/** What a connection may hold back: `highWaterBytes`, and the frame with which it was reached. */
const MOST_QUEUED = 64 * KIB + FILLER.length + KIB;

async function readUntil(client: TopicClient, isLast: (frame: Frame) => boolean): Promise<Frame[]> {
  const frames: Frame[] = [];
  for (;;) {
    const frame = await client.next();
    frames.push(frame);
    if (isLast(frame)) return frames;
  }
}

/** Waits until the server sends no more although there is more. @returns the most that it has held back. */
async function stalled(handlers: readonly TopicHandler[]): Promise<number> {
  let [most, last, times] = [0, 0, 0];
  await until(() => {
    const queued = handlers[0]?.queuedBytes ?? 0;
    times = queued > 0 && queued === last ? times + 1 : 0;
    last = queued;
    most = Math.max(most, queued);
    return times === 20;
  });
  return most;
}

const numberOf = ({ data }: Frame) => (data as { readonly n: number }).n;
const isLastRecord = (frame: Frame) => frame.op === 'msg' && numberOf(frame) === RECORDS - 1;

describe('TopicHandler, with a client that does not read', () => {
  it('delays no other client, holds back little, and notifies the client of what it missed', async () => {
    const handlers: TopicHandler[] = [];
    const opened = (handler: TopicHandler) => handlers.push(handler);
    await withDoor(
      { opened, topicsOptions: { maxRecords: 20, maxBytes: 64 * KIB * KIB } },
      async ({ client, topics }) => {
        const slow = await client();
        await slow.subscribe('t');
        const readers: TopicClient[] = [];
        for (let n = 0; n < 3; n += 1) {
          const reader = await client();
          await reader.subscribe('t');
          readers.push(reader);
        }
        let most = 0;
        for (let n = 0; n < RECORDS; n += 1) {
          await topics.topic('t').publish({ n, filler: FILLER });
          for (const reader of readers) expect(numberOf(await reader.next())).toBe(n);
          most = Math.max(most, handlers[0]?.queuedBytes ?? 0);
        }
        expect(most).toBeGreaterThan(0);
        expect(most).toBeLessThanOrEqual(MOST_QUEUED);
        const frames = await readUntil(slow, isLastRecord);
        const gaps = frames.filter(({ op }) => op !== 'msg');
        expect(gaps).toEqual([{ op: 'gap', topic: 't', reason: 'slow', cursor: expect.any(String) }]);
        const numbers = frames.filter(({ op }) => op === 'msg').map(numberOf);
        const at = frames.findIndex(({ op }) => op === 'gap');
        // Without a hole before the gap, and after it the whole history.
        expect(numbers.slice(0, at)).toEqual([...Array(at).keys()]);
        expect(numbers.slice(at)).toEqual([...Array(20).keys()].map((n) => RECORDS - 20 + n));
        expect(topics.stats().dropped).toBeGreaterThan(0);
      },
    );
  });

  it('serves all its topics in turn when it reads again', async () => {
    const names = ['a', 'b', 'c', 'd'];
    await withDoor(
      { topicsOptions: { maxRecords: RECORDS, maxBytes: 64 * KIB * KIB } },
      async ({ client, topics }) => {
        const slow = await client();
        for (const name of names) await slow.subscribe(name);
        const count = RECORDS / 4;
        for (let n = 0; n < count; n += 1) {
          for (const name of names) await topics.topic(name).publish({ n, filler: FILLER });
        }
        const got = new Map(names.map((name) => [name, [] as number[]]));
        let isDone = 0;
        await readUntil(slow, (frame) => {
          expect(frame.op).toBe('msg');
          got.get(frame.topic as string)?.push(numberOf(frame));
          isDone += 1;
          return isDone === count * names.length;
        });
        for (const numbers of got.values()) expect(numbers).toEqual([...Array(count).keys()]);
      },
    );
  });

  it('sends nothing that waited for it after a revocation', async () => {
    const handlers: TopicHandler[] = [];
    const opened = (handler: TopicHandler) => handlers.push(handler);
    await withDoor(
      { opened, topicsOptions: { maxRecords: RECORDS, maxBytes: 64 * KIB * KIB } },
      async ({ client, topics }) => {
        const slow = await client();
        await slow.subscribe('t');
        for (let n = 0; n < RECORDS; n += 1) await topics.topic('t').publish({ n, filler: FILLER });
        expect(await stalled(handlers)).toBeLessThanOrEqual(MOST_QUEUED);
        await topics.revoke('t');
        const frames = await readUntil(slow, ({ op }) => op === 'end');
        expect(frames.at(-1)).toMatchObject({ op: 'end', how: 'revoked' });
        const numbers = frames.slice(0, -1).map(numberOf);
        expect(numbers).toEqual([...Array(numbers.length).keys()]);
        expect(numbers.length).toBeLessThan(RECORDS);
        expect(await slow.hasNothing()).toBe(true);
      },
    );
  });

  it('is not read while it does not read its replies', async () => {
    const options = { framesPerSecond: 1_000_000, frameBurst: 1_000_000 };
    const handlers: TopicHandler[] = [];
    const opened = (handler: TopicHandler) => handlers.push(handler);
    await withDoor({ opened, options }, async ({ client }) => {
      const flooder = await client();
      // Each reply repeats the name, with escapes: 15 MB in total, more than the kernel takes.
      const topic = '"'.repeat(256);
      const count = 25_000;
      for (let id = 0; id < count; id += 1) flooder.send({ op: 'pub', topic, id });
      expect(await stalled(handlers)).toBeLessThanOrEqual(MOST_QUEUED);
      const replies = await flooder.nextFrames(count);
      expect(replies.map(({ id }) => id)).toEqual([...Array(count).keys()]);
    });
  });
});

describe('TopicHandler, after the end of a connection', () => {
  it('keeps nothing of it', async () => {
    let alive = 0;
    const collected = new FinalizationRegistry<undefined>(() => {
      alive -= 1;
    });
    const opened = (handler: TopicHandler) => {
      alive += 1;
      collected.register(handler, undefined);
    };
    const member = () => ({ member: 'ann' });
    const options = { reauthorizeMs: 60_000 };
    await withDoor({ opened, member, options }, async ({ client, topics }) => {
      const stays = await client();
      await stays.subscribe('t0');
      for (let n = 0; n < 20; n += 1) {
        const reader = await client();
        for (let topic = 0; topic < 5; topic += 1) {
          await reader.subscribe(`t${topic}`, { presence: topic === 1 });
          if (topic === 1) expect((await reader.next()).op).toBe('presence');
        }
        await topics.topic('t0').publish(n);
        if (n % 2 === 0) reader.connection.abort();
        else reader.close();
      }
      await until(() => topics.stats().subscriptions === 1);
      expect(topics.stats().members).toBe(1);
      await until(() => {
        collectGarbage();
        return alive === 1;
      });
    });
  });
});
