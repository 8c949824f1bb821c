import { describe, expect, it } from 'vitest';
import { type SubscribeOptions, type Topic, type TopicEvent, Topics } from '../../src/index.ts';
import { numbers } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

/** Attaches a sink that has taken the record -1 and is full. */
async function attachFull(room: Topic<number>, options: SubscribeOptions) {
  const sink = new RecordingSink();
  sink.isFull = true;
  const attachment = await room.attach(sink, options);
  attachment.resume();
  const cursor = await room.publish(-1);
  const resume = (): unknown[] => {
    sink.isFull = false;
    const { length } = sink.events;
    attachment.resume();
    return sink.shown.slice(length);
  };
  return { sink, attachment, cursor, resume };
}

describe('the policy of a subscription', () => {
  it('wait: reads from the history what it could not queue', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const { resume } = await attachFull(room, { policy: 'wait', maxQueue: 3 });
    for (const number of numbers(50)) await room.publish(number);
    expect(resume()).toEqual(numbers(50));
    expect(topics.stats().dropped).toBe(0);
  });

  it('wait: reports a gap with reason slow if the history is too short', async () => {
    await using topics = new Topics({ maxRecords: 4 });
    const room = topics.topic<number>('room');
    const { resume, sink, attachment } = await attachFull(room, { policy: 'wait', maxQueue: 3 });
    const cursors: string[] = [];
    for (const number of numbers(50)) cursors.push(await room.publish(number));
    expect(resume()).toEqual([0, 1, 2, 'gap slow', 46, 47, 48, 49]);
    const gap = sink.events.find((event): event is TopicEvent & { kind: 'gap' } => event.kind === 'gap');
    expect(gap?.cursor).toBe(cursors[45]);
    expect(topics.stats().dropped).toBeGreaterThan(0);
    await room.publish(50);
    expect([sink.shown.at(-1), attachment.cursor]).toEqual([
      50,
      (sink.events.at(-1) as { cursor: string }).cursor,
    ]);
  });

  it('drop-oldest: keeps the newest, and reports one gap with reason slow', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const { resume } = await attachFull(room, { policy: 'drop-oldest', maxQueue: 3 });
    for (const number of numbers(50)) await room.publish(number);
    expect(resume()).toEqual(['gap slow', 47, 48, 49]);
    expect(topics.stats().dropped).toBe(47);
  });

  it('drop-oldest: reports no gap if everything fitted', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const { resume } = await attachFull(room, { policy: 'drop-oldest', maxQueue: 3 });
    for (const number of numbers(3)) await room.publish(number);
    expect(resume()).toEqual([0, 1, 2]);
    expect(topics.stats().dropped).toBe(0);
  });

  it('keep-latest: keeps the newest record of each key, in order', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const { resume } = await attachFull(room, { policy: 'keep-latest', maxQueue: 10 });
    for (const number of numbers(30)) await room.publish(number, { key: `key ${number % 3}` });
    await room.publish(30);
    await room.publish(31, { key: 'key 0' });
    expect(resume()).toEqual(['gap slow', 28, 29, 30, 31]);
    expect(topics.stats().dropped).toBe(28);
  });

  it('keep-latest: keeps no more than maxQueue keys', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const { resume } = await attachFull(room, { policy: 'keep-latest', maxQueue: 4 });
    for (const number of numbers(30)) await room.publish(number, { key: `key ${number}` });
    expect(resume()).toEqual(['gap slow', 26, 27, 28, 29]);
  });

  it('close: ends the subscription with slow', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const { resume, attachment, cursor, sink } = await attachFull(room, { policy: 'close', maxQueue: 3 });
    for (const number of numbers(3)) await room.publish(number);
    expect(attachment.end).toBeUndefined();
    for (const number of numbers(50)) await room.publish(number);
    expect(attachment.end).toEqual({ kind: 'end', how: 'slow', cursor });
    expect(topics.stats()).toMatchObject({ subscriptions: 0, topics: 0 });
    expect(resume()).toEqual(['end slow']);
    await room.publish(99);
    expect(sink.shown.at(-1)).toBe('end slow');
    // The subscriber can come back with that cursor and has missed nothing.
    const again = new RecordingSink();
    (await room.attach(again, { after: cursor })).resume();
    expect(again.shown).toEqual([...numbers(3), ...numbers(50), 99]);
  });

  it('keeps no more than maxQueueBytes, and goes back to the history early', async () => {
    await using topics = new Topics({ maxRecords: 2, maxBytes: 1024 * 1024 });
    const room = topics.topic<string>('room');
    const texts = numbers(8).map((number) => `${number}`.repeat(1_000));
    const limits = { maxQueueBytes: 4 * 1_200 };
    const last = texts.slice(-2);
    for (const [policy, expected] of [
      ['wait', [...texts.slice(0, 4), 'gap slow', ...last]],
      ['drop-oldest', ['gap slow', ...texts.slice(-4)]],
      ['keep-latest', ['gap slow', ...texts.slice(-4)]],
      ['close', ['end slow']],
    ] as const) {
      const { resume } = await attachFull(room as never, { policy, ...limits });
      for (const text of texts) await room.publish(text);
      expect(resume(), policy).toEqual(expected);
    }
  });

  it('lets a record that is larger than maxQueueBytes wait alone', async () => {
    await using topics = new Topics();
    const room = topics.topic<number | string>('room');
    const large = 'x'.repeat(5_000);
    const { resume } = await attachFull(room as never, { policy: 'drop-oldest', maxQueueBytes: 1_000 });
    for (const data of [1, 2, large]) await room.publish(data);
    expect(resume()).toEqual(['gap slow', large]);
  });

  it('limits what comes while the history is read as well', async () => {
    await using topics = new Topics({ maxRecords: 2 });
    const room = topics.topic<number>('room');
    await room.publish(0);
    await room.publish(1);
    const sink = new RecordingSink();
    sink.isFull = true;
    const attachment = await room.attach(sink, { after: 'start', maxQueue: 3 });
    attachment.resume();
    for (const number of numbers(50)) await room.publish(2 + number);
    sink.isFull = false;
    attachment.resume();
    // The page that was read, and then what the history has: what came in between is not kept for it.
    expect(sink.shown).toEqual([0, 1, 'gap slow', 50, 51]);
  });

  it('takes no more from a reader of large records than it needs', async () => {
    await using topics = new Topics({ maxRecords: 0 });
    const room = topics.topic<string>('room');
    const subscription = await room.subscribe({ policy: 'drop-oldest', maxQueueBytes: 1 });
    for (const number of numbers(20)) await room.publish(`${number} ${'x'.repeat(200_000)}`);
    const read: string[] = [];
    while (read.length < 2) {
      const { value } = await subscription.next();
      read.push(value?.kind === 'record' ? String(value.data).slice(0, 2).trim() : `${value?.kind}`);
    }
    expect(read).toEqual(['gap', '19']);
  });

  it('does not delay subscribers that are ready', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    for (const policy of ['wait', 'drop-oldest', 'keep-latest', 'close'] as const) {
      await attachFull(room, { policy, maxQueue: 1 });
    }
    const sink = new RecordingSink();
    (await room.attach(sink)).resume();
    for (const number of numbers(20)) await room.publish(number);
    expect(sink.shown).toEqual(numbers(20));
  });

  it('does not deliver within a delivery when the sink resumes or publishes', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const sink = new RecordingSink();
    const attachment = await room.attach(sink, { after: 'start', maxQueue: 2 });
    let depth = 0;
    sink.onEvent = (event) => {
      depth += 1;
      expect(depth).toBe(1);
      if (event.kind === 'record' && Number(event.data) < 20) void room.publish(Number(event.data) + 1);
      attachment.resume();
      depth -= 1;
    };
    attachment.resume();
    await room.publish(0);
    expect(sink.shown).toEqual(numbers(21));
  });

  it('closes the subscription of a sink that throws, and serves the others', async () => {
    const warnings: string[] = [];
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (_: object, text: string) => warnings.push(text),
    };
    await using topics = new Topics({ logger });
    const room = topics.topic<number>('room');
    const throwing = await room.attach({
      deliver() {
        throw new Error('broken');
      },
    });
    throwing.resume();
    const sink = new RecordingSink();
    (await room.attach(sink)).resume();
    for (const number of numbers(3)) await room.publish(number);
    expect(sink.shown).toEqual([0, 1, 2]);
    expect(topics.stats().subscriptions).toBe(1);
    expect(warnings).toEqual(['a subscriber threw, and its subscription was closed']);
  });

  it.each([
    { policy: 'drop' as 'wait' },
    { maxQueue: 0 },
    { maxQueue: 1.5 },
    { maxQueueBytes: 0 },
    { unknown: 1 } as SubscribeOptions,
    { presence: 'yes' as unknown as boolean },
    { invalidCursor: 'ignore' as 'gap' },
    { subject: '' },
    { signal: {} as AbortSignal },
  ])('rejects the options %j', async (options) => {
    await using topics = new Topics();
    const room = topics.topic('room');
    const usage = { name: 'TopicsUsageError', code: 'ERR_TOPICS_USAGE' };
    await expect(room.subscribe(options)).rejects.toMatchObject(usage);
    await expect(room.attach(new RecordingSink(), options)).rejects.toMatchObject(usage);
    expect(topics.stats().subscriptions).toBe(0);
  });
});

describe('a subscription that is read with a loop', () => {
  it.each([
    ['keep-latest', [99]],
    ['drop-oldest', [99]],
  ] as const)('has no stale record with %s', async (policy, expected) => {
    await using topics = new Topics();
    const prices = topics.topic<number>('prices');
    const subscription = await prices.subscribe({ policy, maxQueue: 1 });
    for (let price = 0; price < 100; price += 1) await prices.publish(price, { key: 'a' });
    const gap = await subscription.next();
    expect(gap.value).toMatchObject({ kind: 'gap', reason: 'slow' });
    const read: unknown[] = [];
    for (const one of expected) {
      const { value } = await subscription.next();
      read.push(value?.kind === 'record' ? value.data : value);
      expect(read.at(-1)).toBe(one);
    }
    const next = subscription.next();
    await prices.publish(100, { key: 'a' });
    expect((await next).value).toMatchObject({ kind: 'record', data: 100 });
  });
});
