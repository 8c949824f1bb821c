import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/compliance/seeded-random.ts';
import { type Backplane, MemoryBackplane, type Subscription, Topics } from '../../src/index.ts';
import { RelayedBackplane } from '../compliance/support/relayed-backplane.ts';
import { numbers, turns } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

/** Settings with which no reader can be too late. */
const KEEPS_ALL = { maxRecords: 100_000, maxBytes: 64 * 1024 * 1024 };

describe('Topic under load', () => {
  it('delivers to 5,000 subscribers while one of them never reads', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const stuck = await room.subscribe();
    const full = new RecordingSink();
    full.isFull = true;
    const paused = await room.attach(full);
    paused.resume();
    const counts = new Uint32Array(5000);
    const attachments = await Promise.all(
      numbers(5000).map((index) =>
        room.attach({
          deliver(event) {
            if (event.kind === 'record' && event.data === counts[index])
              counts[index] = Number(counts[index]) + 1;
            return true;
          },
        }),
      ),
    );
    for (const attachment of attachments) attachment.resume();
    for (const number of numbers(300)) await room.publish(number);
    expect(counts.every((count) => count === 300)).toBe(true);
    expect(topics.stats()).toMatchObject({ subscriptions: 5002, dropped: 0 });
    expect(full.shown).toEqual([0]);
    // What it did not read is still there for it.
    expect((await stuck.next()).value).toMatchObject({ data: 0 });
    full.isFull = false;
    paused.resume();
    expect(full.shown).toEqual(numbers(300));
  });

  it('keeps no more than maxQueue records for a subscriber that never reads', async () => {
    await using topics = new Topics({ maxRecords: 10 });
    const room = topics.topic<number>('room');
    const stuck = await room.subscribe({ maxQueue: 5 });
    for (const number of numbers(2000)) await room.publish(number);
    const read: unknown[] = [];
    for (let next = await stuck.next(); ; next = await stuck.next()) {
      const event = next.value;
      if (event === undefined) break;
      read.push(event.kind === 'record' ? event.data : event.kind);
      if (event.kind === 'record' && event.data === 1999) break;
    }
    // 16 that the subscription has taken, 5 that waited for it, and what the history still has.
    expect(read).toEqual([...numbers(21), 'gap', ...numbers(2000).slice(-10)]);
    expect(topics.stats().dropped).toBeGreaterThan(0);
  });

  it.each([
    ['in this process', 11],
    ['in this process', 12],
    ['elsewhere', 13],
    ['elsewhere', 14],
  ])(
    'loses no record of a storm while readers come and go, with a store %s (seed %i)',
    async (where, seed) => {
      const random = new SeededRandom(seed);
      const clock = new VirtualClock();
      await using store = new MemoryBackplane({ clock });
      const node = (): Backplane => (where === 'elsewhere' ? new RelayedBackplane(store, clock) : store);
      await using topics = new Topics({ ...KEEPS_ALL, clock, backplane: node() });
      await using publishers = new Topics({ ...KEEPS_ALL, clock, backplane: node() });
      const room = topics.topic<string>('room');
      const published = publishers.topic<string>('room');
      const all: string[] = [];
      const witness = new RecordingSink();
      witness.onEvent = (event) => {
        if (event.kind === 'record') all.push(event.cursor);
      };
      (await room.attach(witness)).resume();
      let isOver = false;

      /** Reads, leaves at random, comes back after its cursor, and so on; @returns all that it has read. */
      const read = async (): Promise<{ first: string; seen: string[] }> => {
        let cursor: string | undefined;
        let first = '';
        const seen: string[] = [];
        for (;;) {
          const subscription: Subscription<string> = await room.subscribe(
            cursor === undefined ? {} : { after: cursor, maxQueue: 1 + random.below(20) },
          );
          if (cursor === undefined) first = subscription.cursor;
          let left = 1 + random.below(30);
          for await (const event of subscription) {
            if (event.kind !== 'record') throw new Error(`unexpected: ${event.kind}`);
            seen.push(event.cursor);
            if (event.data === 'last') return { first, seen };
            left -= 1;
            if (left === 0 && !isOver) break;
            if (random.below(3) === 0) await random.pause();
          }
          cursor = subscription.cursor;
          await random.pause();
        }
      };
      const publish = async (publisher: number): Promise<void> => {
        for (const number of numbers(60)) {
          await random.pause();
          await published.publish(`${publisher}:${number}`);
        }
      };
      const readers = numbers(500).map(async () => {
        for (let pauses = random.below(10); pauses > 0; pauses -= 1) await random.pause();
        return await read();
      });
      await Promise.all(numbers(5).map(publish));
      isOver = true;
      await published.publish('last');
      for (const { first, seen } of await Promise.all(readers)) {
        // A reader that came after the last record would wait for ever, so all have seen it.
        expect(seen).toEqual(all.slice(all.indexOf(first) + 1));
      }
      await turns();
      expect(topics.stats()).toMatchObject({ topics: 1, subscriptions: 1, dropped: 0 });
    },
  );
});
