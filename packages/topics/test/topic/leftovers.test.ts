import { getEventListeners } from 'node:events';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { MemoryBackplane, Topics } from '../../src/index.ts';
import { deferred, withFaults } from '../runs/support.ts';
import { numbers, readEvents, turns } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

const NOTHING = {
  topics: 0,
  subscriptions: 0,
  members: 0,
  pending: 0,
  backplane: { topics: 0, records: 0, members: 0 },
};

/** Topics that keep no history, so that only subscriptions and members keep a topic. */
const withoutHistory = (clock = new VirtualClock()) => new Topics({ maxRecords: 0, dedupeMs: 0, clock });

/** Asserts that nothing is left after the sweep for topics that publishers alone have used. */
async function assertNothing(topics: Topics, clock: VirtualClock): Promise<void> {
  expect(topics.stats()).toMatchObject({ topics: 0, subscriptions: 0, members: 0, pending: 0 });
  await clock.advance(60_000);
  expect(topics.stats()).toMatchObject(NOTHING);
}

describe('a subscription that is over', () => {
  it('leaves nothing behind when its loop is left', async () => {
    const clock = new VirtualClock();
    await using topics = withoutHistory(clock);
    const room = topics.topic<number>('room');
    const loop = async () => {
      for await (const event of await room.subscribe())
        if (event.kind === 'record' && event.data === 2) break;
    };
    const loops = numbers(20).map(loop);
    await turns();
    expect(topics.stats()).toMatchObject({ topics: 1, subscriptions: 20 });
    for (const number of numbers(4)) await room.publish(number);
    await Promise.all(loops);
    await assertNothing(topics, clock);
  });

  it('leaves nothing behind when its loop throws', async () => {
    const clock = new VirtualClock();
    await using topics = withoutHistory(clock);
    const room = topics.topic<number>('room');
    const subscription = await room.subscribe();
    const loop = (async () => {
      for await (const _ of subscription) throw new Error('in the loop');
    })();
    await room.publish(1);
    await expect(loop).rejects.toThrow('in the loop');
    await assertNothing(topics, clock);
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  it('leaves nothing behind when it is closed, disposed of, or returned from', async () => {
    await using topics = withoutHistory();
    const room = topics.topic<number>('room');
    const closed = await room.subscribe();
    const waiting = closed.next();
    closed.close();
    closed.close();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const returned = await room.subscribe();
    await returned.return();
    {
      await using _disposed = await room.subscribe({ presence: true });
    }
    const attachment = await room.attach(new RecordingSink());
    attachment.close();
    attachment.close();
    attachment.resume();
    expect(topics.stats()).toMatchObject(NOTHING);
  });

  it('leaves nothing behind when its signal is aborted', async () => {
    const clock = new VirtualClock();
    await using topics = withoutHistory(clock);
    const room = topics.topic<number>('room');
    const controller = new AbortController();
    const { signal } = controller;
    const subscription = await room.subscribe({ signal });
    const sink = new RecordingSink();
    (await room.attach(sink, { signal })).resume();
    const waiting = subscription.next();
    const reason = new Error('the client has gone');
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(subscription.next()).rejects.toBe(reason);
    await room.publish(1);
    expect(sink.events).toEqual([]);
    await assertNothing(topics, clock);
  });

  it('is not made with a signal that is aborted before or meanwhile', async () => {
    await using topics = withoutHistory();
    const room = topics.topic<number>('room');
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    await expect(room.subscribe({ signal })).rejects.toBe(reason);
    await expect(room.attach(new RecordingSink(), { signal })).rejects.toBe(reason);
    const controller = new AbortController();
    const made = [
      room.subscribe({ signal: controller.signal }),
      room.subscribe({ signal: controller.signal, after: 'start', presence: true }),
      room.attach(new RecordingSink(), { signal: controller.signal }),
    ];
    controller.abort(reason);
    for (const outcome of await Promise.allSettled(made)) {
      expect(outcome).toEqual({ status: 'rejected', reason });
    }
    await turns();
    expect(topics.stats()).toMatchObject(NOTHING);
  });

  it.each(['follow', 'read'] as const)(
    'settles when its signal is aborted although the backplane is silent (%s), and leaves nothing behind',
    async (method) => {
      await using store = new MemoryBackplane();
      const gate = deferred();
      const silent = async (...args: unknown[]) => {
        await gate.promise;
        return (store[method] as (...args: unknown[]) => never)(...args);
      };
      await using topics = new Topics({
        maxRecords: 0,
        dedupeMs: 0,
        backplane: withFaults(store, { [method]: silent }),
      });
      const controller = new AbortController();
      const { signal } = controller;
      const options = { signal, after: 'start', presence: true };
      const room = topics.topic('room');
      const made = [room.subscribe(options), room.attach(new RecordingSink(), options)];
      await turns();
      const reason = new Error('gone');
      controller.abort(reason);
      for (const outcome of await Promise.allSettled(made)) {
        expect(outcome).toEqual({ status: 'rejected', reason });
      }
      expect(topics.stats().subscriptions).toBe(0);
      gate.resolve();
      await turns();
      expect(topics.stats()).toMatchObject(NOTHING);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    },
  );

  it('keeps no listener of a signal when it could not be made', async () => {
    await using topics = withoutHistory();
    const room = topics.topic<number>('room');
    const { signal } = new AbortController();
    await expect(room.subscribe({ signal, after: 'no cursor' })).rejects.toMatchObject({
      code: 'ERR_TOPICS_CURSOR',
    });
    await expect(room.subscribe({ signal, last: -1 })).rejects.toMatchObject({ code: 'ERR_TOPICS_USAGE' });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    const subscription = await room.subscribe({ signal });
    subscription.close();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('leaves nothing behind when others close it in the middle of a delivery', async () => {
    await using topics = withoutHistory();
    const room = topics.topic<number>('room');
    const sinks = numbers(7).map(() => new RecordingSink());
    const attachments = await Promise.all(sinks.map((sink) => room.attach(sink)));
    for (const attachment of attachments) attachment.resume();
    (sinks[3] as RecordingSink).onEvent = () => {
      for (const at of [0, 3, 4, 6]) attachments[at]?.close();
    };
    await room.publish(1);
    await room.publish(2);
    expect(sinks.map(({ shown }) => shown)).toEqual([[1], [1, 2], [1, 2], [1], [], [1, 2], []]);
    expect(topics.stats()).toMatchObject({ topics: 1, subscriptions: 3 });
    for (const attachment of attachments) attachment.close();
    expect(topics.stats()).toMatchObject(NOTHING);
  });

  it('counts subscriptions by topic and pattern', async () => {
    await using topics = new Topics();
    for (const name of ['room:1', 'room:1', 'room:2', 'hall']) await topics.topic(name).subscribe();
    expect(topics.subscriptionCounts()).toEqual(
      new Map([
        ['room:1', 2],
        ['room:2', 1],
        ['hall', 1],
      ]),
    );
    expect([...topics.subscriptionCounts('room:*').keys()]).toEqual(['room:1', 'room:2']);
    expect([...topics.subscriptionCounts('*l').keys()]).toEqual(['hall']);
  });

  it('forgets topics that were only asked about', async () => {
    await using topics = new Topics();
    for (const number of numbers(100)) {
      const room = topics.topic(`room ${number}`);
      expect(await room.members()).toEqual([]);
      const subscription = await room.subscribe({ last: 5, presence: true });
      expect(await readEvents(subscription, 1)).toEqual([[]]);
    }
    expect(topics.stats()).toMatchObject(NOTHING);
  });
});
