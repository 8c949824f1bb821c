import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { BackplaneError, MemoryBackplane, type TopicRecord, Topics } from '../../src/index.ts';
import { withFaults } from '../runs/support.ts';
import { HeldBackplane } from './support/held-backplane.ts';
import { AWKWARD_NAMES, numbers, readEvents, turns } from './support/reading.ts';

const USAGE = { name: 'TopicsUsageError', code: 'ERR_TOPICS_USAGE' };

describe('Topic.publish', () => {
  it('delivers a frozen copy that all subscribers share', async () => {
    await using topics = new Topics();
    const room = topics.topic<{ list: number[]; deep: { er: string } }>('room');
    const [first, second] = [await room.subscribe(), await room.subscribe()];
    const data = { list: [1], deep: { er: 'a' } };
    const publishing = room.publish(data);
    data.list.push(2);
    data.deep.er = 'b';
    await publishing;
    const [one, other] = [(await first.next()).value, (await second.next()).value] as TopicRecord<
      typeof data
    >[];
    expect(one?.data).toEqual({ list: [1], deep: { er: 'a' } });
    expect(one).toBe(other);
    expect(one?.data).toBe(other?.data);
    for (const part of [one?.data, one?.data.list, one?.data.deep]) expect(Object.isFrozen(part)).toBe(true);
    expect(() => one?.data.list.push(3)).toThrow(TypeError);
  });

  it('copies bytes before it returns', async () => {
    await using topics = new Topics();
    const room = topics.topic<Uint8Array>('room');
    const subscription = await room.subscribe();
    const buffer = Buffer.from('....data....');
    const publishing = room.publish(buffer.subarray(4, 8));
    buffer.fill(0);
    await publishing;
    const { value } = await subscription.next();
    const { data } = value as TopicRecord<Uint8Array>;
    expect(data).toEqual(new Uint8Array(Buffer.from('data')));
    expect(data.buffer.byteLength).toBe(4);
  });

  it('publishes views of any kind as their bytes', async () => {
    await using topics = new Topics();
    const room = topics.topic<ArrayBufferView>('room');
    const subscription = await room.subscribe();
    await room.publish(new DataView(new ArrayBuffer(8), 2, 3));
    await room.publish(Uint16Array.of(0x0101, 0x0202));
    await room.publish(new Uint8Array(0));
    const read = (await readEvents(subscription, 3)) as Uint8Array[];
    expect(read.map((bytes) => [...bytes])).toEqual([[0, 0, 0], [1, 1, 2, 2], []]);
  });

  it.each([undefined, () => {}, Symbol('x'), 1n, circular()])(
    'refuses data that has no JSON',
    async (data) => {
      await using topics = new Topics();
      await expect(topics.topic('room').publish(data)).rejects.toMatchObject(USAGE);
      expect(topics.stats()).toMatchObject({ published: 0, backplane: { records: 0 } });
    },
  );

  it('publishes null, false, zero and empty texts as they are', async () => {
    await using topics = new Topics();
    const room = topics.topic('room');
    const subscription = await room.subscribe();
    for (const data of [null, false, 0, '', [], {}]) await room.publish(data);
    expect(await readEvents(subscription, 6)).toEqual([null, false, 0, '', [], {}]);
  });

  it('delivers data that is nested very deeply', async () => {
    await using topics = new Topics();
    const room = topics.topic('room');
    const subscription = await room.subscribe();
    let data: unknown = 'core';
    for (let depth = 0; depth < 2_000; depth += 1) data = { data };
    await room.publish(data);
    let inner = ((await subscription.next()).value as TopicRecord).data;
    for (let depth = 0; depth < 2_000; depth += 1) {
      expect(Object.isFrozen(inner)).toBe(true);
      inner = (inner as { data: unknown }).data;
    }
    expect(inner).toBe('core');
  });

  it('refuses a record of more than maxRecordBytes bytes of UTF-8', async () => {
    await using topics = new Topics({
      maxRecordBytes: 100,
      configure: { 'large*': { maxRecordBytes: 200 } },
    });
    const room = topics.topic('room');
    const tooLarge = { name: 'TopicsLimitError', code: 'ERR_TOPICS_RECORD_TOO_LARGE' };
    await room.publish('x'.repeat(98));
    await room.publish('é'.repeat(49));
    await room.publish(new Uint8Array(100));
    for (const data of ['x'.repeat(99), 'é'.repeat(50), new Uint8Array(101), numbers(60)]) {
      await expect(room.publish(data)).rejects.toMatchObject(tooLarge);
    }
    await topics.topic('large room').publish('x'.repeat(198));
    expect(topics.stats().published).toBe(4);
  });

  it('publishes once for one id, whatever it consists of', async () => {
    await using topics = new Topics();
    const room = topics.topic<string>('room');
    const subscription = await room.subscribe();
    const cursors: string[] = [];
    for (const id of AWKWARD_NAMES) cursors.push(await room.publish(id, { id }));
    for (const [index, id] of AWKWARD_NAMES.entries()) {
      expect(await room.publish('again', { id })).toBe(cursors[index]);
    }
    const together = await Promise.all(numbers(10).map(() => room.publish('once', { id: 'once' })));
    expect(new Set(together).size).toBe(1);
    await room.publish('last');
    expect(await readEvents(subscription, AWKWARD_NAMES.length + 2)).toEqual([
      ...AWKWARD_NAMES,
      'once',
      'last',
    ]);
  });

  it('takes topics of any name, and keeps them apart', async () => {
    await using topics = new Topics();
    const subscriptions = await Promise.all(AWKWARD_NAMES.map((name) => topics.topic(name).subscribe()));
    for (const name of AWKWARD_NAMES) await topics.topic(name).publish(name);
    for (const [index, name] of AWKWARD_NAMES.entries()) {
      expect(await readEvents(subscriptions[index] as (typeof subscriptions)[0], 1)).toEqual([name]);
    }
  });

  it.each(['', 'a\nb', '\0', 'x'.repeat(257), '😀'.repeat(65), '\ud800', 7])(
    'refuses %j as the name of a topic, as a key and as an id',
    async (wrong) => {
      await using topics = new Topics();
      const name = wrong as string;
      expect(() => topics.topic(name)).toThrow(expect.objectContaining(USAGE));
      const room = topics.topic('room');
      await expect(room.publish(1, { key: name })).rejects.toMatchObject(USAGE);
      await expect(room.publish(1, { id: name })).rejects.toMatchObject(USAGE);
      await expect(topics.delete(name)).rejects.toMatchObject(USAGE);
      await expect(topics.revoke(name)).rejects.toMatchObject(USAGE);
      expect(topics.stats().published).toBe(0);
    },
  );

  it('stops waiting when its signal is aborted, and publishes nothing if it was before', async () => {
    await using backplane = new HeldBackplane();
    await using topics = new Topics({ backplane });
    const room = topics.topic<number>('room');
    const reason = new Error('no longer wanted');
    await expect(room.publish(1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    backplane.hold();
    const controller = new AbortController();
    const publishing = room.publish(2, { signal: controller.signal });
    await turns();
    controller.abort(reason);
    await expect(publishing).rejects.toBe(reason);
    const subscription = await room.subscribe({ after: 'start' });
    backplane.release();
    expect(await readEvents(subscription, 1)).toEqual([2]);
    await turns();
    expect(topics.stats().pending).toBe(0);
  });
});

function circular(): object {
  const object: { self?: object } = {};
  object.self = object;
  return object;
}

describe('Topic.publish with a schema', () => {
  const schema = z.object({ text: z.string().trim().min(1), to: z.array(z.string()).default([]) });

  it('publishes what the schema returns', async () => {
    await using topics = new Topics();
    const room = topics.topic('room', { schema });
    const subscription = await room.subscribe();
    await room.publish({ text: '  hello ' } as z.infer<typeof schema>);
    expect(await readEvents(subscription, 1)).toEqual([{ text: 'hello', to: [] }]);
  });

  it('copies the data in the call, unless the schema returns a promise', async () => {
    await using topics = new Topics();
    const returning = (validate: (value: unknown) => { value: number[] } | Promise<{ value: number[] }>) =>
      topics.topic('room', { schema: { '~standard': { version: 1, vendor: 'test', validate } } });
    const same = (value: unknown) => ({ value: value as number[] });
    const subscription = await topics.topic('room').subscribe();
    for (const room of [returning(same), returning(async (value) => same(value))]) {
      const data = [1];
      const publishing = room.publish(data);
      data.push(2);
      await publishing;
    }
    expect(await readEvents(subscription, 2)).toEqual([[1], [1, 2]]);
  });

  it('refuses what the schema refuses, with its findings', async () => {
    await using topics = new Topics();
    const room = topics.topic('room', { schema });
    const error = await room.publish({ text: '  ', to: [1] } as never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'TopicsUsageError', code: 'ERR_TOPICS_INVALID_DATA' });
    const { issues } = error as { issues: readonly { path: unknown[]; message: string }[] };
    expect(issues.map(({ path }) => path)).toEqual([['text'], ['to', 0]]);
    expect(topics.stats()).toMatchObject({ published: 0, backplane: { records: 0 } });
  });

  it('rejects with the error of a schema that throws', async () => {
    await using topics = new Topics();
    const broken = z.string().transform(() => {
      throw new Error('the schema is broken');
    });
    await expect(topics.topic('room', { schema: broken }).publish('x' as never)).rejects.toThrow(
      'the schema is broken',
    );
  });

  it('refuses a schema that is none', async () => {
    await using topics = new Topics();
    for (const wrong of [{}, null, { '~standard': {} }, 'string']) {
      expect(() => topics.topic('room', { schema: wrong as never })).toThrow(expect.objectContaining(USAGE));
    }
  });
});

describe('Topic.publish while the backplane does not respond', () => {
  it('refuses publishes beyond maxPending, and publishes nothing of them', async () => {
    await using backplane = new HeldBackplane();
    await using topics = new Topics({ backplane, maxPending: 3 });
    const room = topics.topic<number>('room');
    const subscription = await room.subscribe();
    backplane.hold();
    const waiting = numbers(3).map((number) => room.publish(number));
    await turns();
    expect(topics.stats().pending).toBe(3);
    await expect(room.publish(3)).rejects.toMatchObject({
      name: 'BackplaneError',
      code: 'ERR_TOPICS_UNAVAILABLE',
    });
    backplane.release();
    await Promise.all(waiting);
    await room.publish(4);
    expect(await readEvents(subscription, 4)).toEqual([0, 1, 2, 4]);
    expect(topics.stats()).toMatchObject({ pending: 0, published: 4 });
  });

  it('rejects after publishTimeoutMs, each publish at its own time', async () => {
    const clock = new VirtualClock();
    await using backplane = new HeldBackplane({ clock });
    await using topics = new Topics({ backplane, clock, publishTimeoutMs: 5_000 });
    const room = topics.topic<number>('room');
    backplane.hold();
    const outcomes: string[] = [];
    const publish = (number: number) =>
      void room.publish(number).then(
        () => outcomes.push(`${number} published`),
        (error: BackplaneError) => outcomes.push(`${number} ${error.code}`),
      );
    publish(1);
    await turns();
    await clock.advance(3_000);
    publish(2);
    await turns();
    await clock.advance(1_999);
    expect(outcomes).toEqual([]);
    await clock.advance(1);
    expect(outcomes).toEqual(['1 ERR_TOPICS_OUTCOME_UNKNOWN']);
    await clock.advance(2_999);
    expect(outcomes).toHaveLength(1);
    await clock.advance(1);
    expect(outcomes).toEqual(['1 ERR_TOPICS_OUTCOME_UNKNOWN', '2 ERR_TOPICS_OUTCOME_UNKNOWN']);
    // The record came late all the same, which is what the code says.
    const subscription = await room.subscribe({ after: 'start' });
    backplane.release();
    expect(await readEvents(subscription, 2)).toEqual([1, 2]);
    expect(topics.stats().pending).toBe(0);
    publish(3);
    await turns();
    expect(outcomes.at(-1)).toBe('3 published');
  });

  it('counts what the backplane has not settled, whether it is waited for or not', async () => {
    const clock = new VirtualClock();
    await using backplane = new HeldBackplane({ clock });
    await using topics = new Topics({ backplane, clock, maxPending: 2, publishTimeoutMs: 1_000 });
    const room = topics.topic<number>('room');
    backplane.hold();
    const failures = numbers(2).map((number) => room.publish(number).catch(({ code }) => code));
    await turns();
    await clock.advance(1_000);
    expect(await Promise.all(failures)).toEqual(Array(2).fill('ERR_TOPICS_OUTCOME_UNKNOWN'));
    expect(topics.stats().pending).toBe(2);
    await expect(room.publish(2)).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    backplane.release();
    await turns();
    await room.publish(3);
    expect(topics.stats()).toMatchObject({ pending: 0, backplane: { records: 3 } });
  });

  it('refuses publishes beyond maxPendingBytes, but not a large one alone', async () => {
    await using backplane = new HeldBackplane();
    await using topics = new Topics({ backplane, maxPendingBytes: 1_000 });
    const room = topics.topic<string>('room');
    backplane.hold();
    const large = room.publish('x'.repeat(5_000));
    await turns();
    const unavailable = { code: 'ERR_TOPICS_UNAVAILABLE', message: expect.stringContaining('1000') };
    await expect(room.publish('y')).rejects.toMatchObject(unavailable);
    backplane.release();
    await large;
    backplane.hold();
    const fitting = [room.publish('x'.repeat(400)), room.publish('x'.repeat(400))];
    await turns();
    await expect(room.publish('x'.repeat(400))).rejects.toMatchObject(unavailable);
    backplane.release();
    await Promise.all(fitting);
  });

  it('limits the time of deletions and revocations as well', async () => {
    const clock = new VirtualClock();
    await using store = new MemoryBackplane({ clock });
    const silent = () => new Promise<never>(() => {});
    const backplane = withFaults(store, { delete: silent, revoke: silent });
    await using topics = new Topics({ backplane, clock, publishTimeoutMs: 1_000 });
    const calls = [topics.delete('room'), topics.revoke('room', 'ada')];
    const outcomes = Promise.allSettled(calls);
    await clock.advance(1_000);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_TOPICS_OUTCOME_UNKNOWN' } });
    }
  });

  it('settles publishes that wait when it is closed', async () => {
    const clock = new VirtualClock();
    await using backplane = new HeldBackplane({ clock });
    const topics = new Topics({ backplane, clock });
    backplane.hold();
    const publishing = topics.topic('room').publish(1);
    const failure = publishing.catch((error: BackplaneError) => error.code);
    await turns();
    await topics.close();
    await clock.advance(60_000);
    expect(await failure).toBe('ERR_TOPICS_OUTCOME_UNKNOWN');
    backplane.release();
  });

  it('rejects with the error of the backplane', async () => {
    await using backplane = new HeldBackplane();
    await using topics = new Topics({ backplane });
    const error = new BackplaneError('ERR_TOPICS_BUSY', 'the queue is full');
    backplane.fail(error);
    await expect(topics.topic('room').publish(1)).rejects.toBe(error);
    expect(topics.stats()).toMatchObject({ pending: 0, published: 0 });
  });
});

describe('Topics', () => {
  it.each([
    { unknown: 1 },
    { maxRecords: -1 },
    { maxPending: 0 },
    { publishTimeoutMs: 0 },
    { configure: { 'room:*': { unknown: 1 } } },
    { configure: { 'room:*': { maxBytes: 0.5 } } },
    { backplane: {} },
    { clock: {} },
    { logger: {} },
  ])('refuses the options %j', (options) => {
    expect(() => new Topics(options as never)).toThrow();
  });

  it('applies the settings of the first pattern that matches', async () => {
    await using topics = new Topics({
      maxRecords: 4,
      configure: { 'room:1*': { maxRecords: 1 }, 'room:*': { maxRecords: 2 }, '*:log:*': { maxRecords: 3 } },
    });
    for (const [name, kept] of [
      ['room:12', 1],
      ['room:2', 2],
      ['a:log:b', 3],
      ['a:log', 4],
      ['hall', 4],
    ] as const) {
      const topic = topics.topic<number>(name);
      for (const number of numbers(6)) await topic.publish(number);
      expect(await readEvents(await topic.subscribe({ after: 'start' }), kept)).toEqual(
        numbers(6).slice(-kept),
      );
    }
  });
});
