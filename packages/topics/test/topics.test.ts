import { describe, expect, it } from 'vitest';
import { type SubscriptionSink, type TopicEvent, Topics } from '../src/index.ts';

/** Reads until `count` records have come, or the end. */
async function records(events: AsyncIterable<TopicEvent>, count: number): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const event of events) {
    read.push(event.kind === 'record' ? event.data : event);
    if (read.length === count) break;
  }
  return read;
}

class Sink implements SubscriptionSink {
  readonly events: TopicEvent[] = [];
  isFull = false;

  deliver(event: TopicEvent): boolean {
    this.events.push(event);
    return !this.isFull;
  }

  get data(): unknown[] {
    return this.events.map((event) => (event.kind === 'record' ? event.data : event.kind));
  }
}

describe('Topic', () => {
  it('delivers records to all subscribers in one order, also those that are published while one is delivered', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const [first, second] = [new Sink(), new Sink()];
    const publishing: SubscriptionSink = {
      deliver(event) {
        if (event.kind === 'record' && event.data === 1) void room.publish(2);
        return true;
      },
    };
    for (const sink of [first, publishing, second]) (await room.attach(sink)).resume();
    await room.publish(1);
    await room.publish(3);
    expect(first.data).toEqual([1, 2, 3]);
    expect(second.data).toEqual([1, 2, 3]);
  });

  it('goes on after a cursor, without a gap or a double', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const cursors: string[] = [];
    for (let at = 0; at < 600; at += 1) cursors.push(await room.publish(at));
    const subscription = await room.subscribe({ after: cursors[9] as string });
    expect(subscription.cursor).toBe(cursors[9]);
    const reading = records(subscription, 690);
    for (let at = 600; at < 700; at += 1) void room.publish(at);
    expect(await reading).toEqual(Array.from({ length: 690 }, (_, index) => index + 10));
    expect(topics.stats()).toMatchObject({ subscriptions: 0, topics: 0, published: 700 });
  });

  it('reads on from the history if its sink was full, and reports a gap only if the history is too short', async () => {
    await using topics = new Topics({ maxRecords: 5 });
    const room = topics.topic<number>('room');
    const sink = new Sink();
    sink.isFull = true;
    const attachment = await room.attach(sink, { maxQueue: 2 });
    attachment.resume();
    for (let at = 0; at < 6; at += 1) await room.publish(at);
    sink.isFull = false;
    attachment.resume();
    expect(sink.data).toEqual([0, 1, 2, 3, 4, 5]);
    sink.isFull = true;
    for (let at = 6; at < 20; at += 1) await room.publish(at);
    sink.isFull = false;
    attachment.resume();
    expect(sink.data.slice(6)).toEqual([6, 7, 8, 'gap', 15, 16, 17, 18, 19]);
    await room.publish(20);
    expect(sink.data.at(-1)).toBe(20);
  });
});
