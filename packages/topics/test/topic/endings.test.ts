import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { MemoryBackplane, Topics } from '../../src/index.ts';
import { RelayedBackplane } from '../compliance/support/relayed-backplane.ts';
import { numbers, readEvents, turns } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

const NOTHING_LEFT = { topics: 0, subscriptions: 0 };

describe('Topics.delete', () => {
  it('ends all subscriptions after what they were owed, and forgets the history', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const subscription = await room.subscribe();
    const paused = new RecordingSink();
    paused.isFull = true;
    const attachment = await room.attach(paused);
    attachment.resume();
    for (const number of numbers(3)) await room.publish(number);
    await topics.delete('room');
    expect(await readEvents(subscription, 10)).toEqual([0, 1, 2, 'end deleted']);
    expect(subscription.end).toMatchObject({ how: 'deleted' });
    paused.isFull = false;
    attachment.resume();
    expect(paused.shown).toEqual([0, 1, 2, 'end deleted']);
    expect(topics.stats()).toMatchObject({ ...NOTHING_LEFT, backplane: { topics: 0, records: 0 } });
    // A topic of the same name is new.
    const again = await room.subscribe({ after: 'start' });
    await room.publish(7);
    expect(await readEvents(again, 1)).toEqual([7]);
  });

  it('ends a subscription that is being made, or makes it on the new topic', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    await room.publish(1);
    const made = numbers(10).map((number) => room.subscribe(number % 2 === 0 ? { after: 'start' } : {}));
    await topics.delete('room');
    const subscriptions = await Promise.all(made);
    await room.publish(2);
    for (const subscription of subscriptions) {
      const [first] = await readEvents(subscription, 1);
      expect(['end deleted', 1, 2]).toContain(first);
    }
    expect(topics.stats()).toMatchObject(NOTHING_LEFT);
  });
});

describe('Topics.revoke', () => {
  it('ends exactly the subscriptions of the subject', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const of = (subject?: string) => room.subscribe(subject === undefined ? {} : { subject });
    const [ada, second, bob, none] = [await of('ada'), await of('ada'), await of('bob'), await of()];
    await topics.revoke('room', 'ada');
    await room.publish(1);
    expect(await readEvents(ada, 5)).toEqual(['end revoked']);
    expect(await readEvents(second, 5)).toEqual(['end revoked']);
    expect(await readEvents(bob, 1)).toEqual([1]);
    expect(await readEvents(none, 1)).toEqual([1]);
  });

  it('ends all subscriptions of the topic without a subject, and not those of others', async () => {
    await using topics = new Topics();
    const [room, other] = [topics.topic<number>('room'), topics.topic<number>('other')];
    const subscriptions = [await room.subscribe({ subject: 'ada' }), await room.subscribe()];
    const kept = await other.subscribe({ subject: 'ada' });
    await topics.revoke('room');
    for (const subscription of subscriptions) {
      expect(await readEvents(subscription, 5)).toEqual(['end revoked']);
    }
    await other.publish(1);
    expect(await readEvents(kept, 1)).toEqual([1]);
    // It is a matter of the present subscriptions only.
    const again = await room.subscribe({ subject: 'ada' });
    await room.publish(2);
    expect(await readEvents(again, 1)).toEqual([2]);
  });

  it.each(['wait', 'drop-oldest', 'keep-latest', 'close'] as const)(
    'gives a subscriber that was not ready (%s) nothing more, neither what waited nor what came later',
    async (policy) => {
      await using topics = new Topics();
      const room = topics.topic<string>('room');
      const sink = new RecordingSink();
      sink.isFull = true;
      const attachment = await room.attach(sink, { policy, maxQueue: 5, subject: 'ada', presence: true });
      attachment.resume();
      await room.publish('waits');
      await topics.revoke('room', 'ada');
      for (const text of ['secret', 'of', 'the', 'others', 'and', 'more', 'of', 'it'])
        await room.publish(text);
      await room.join('secret member');
      expect(topics.stats()).toMatchObject(NOTHING_LEFT);
      sink.isFull = false;
      attachment.resume();
      await turns();
      expect(sink.shown).toEqual([[], 'end revoked']);
      expect(attachment.end).toMatchObject({ how: 'revoked' });
    },
  );

  it('ends a subscription that is being made', async () => {
    await using topics = new Topics();
    const room = topics.topic<string>('room');
    await room.publish('old');
    const options = [{}, { presence: true }, { after: 'start' }, { last: 1, presence: true }];
    const sinks = options.map(() => new RecordingSink());
    const making = options.map((each, at) =>
      room.attach(sinks[at] as RecordingSink, { subject: 'ada', ...each }),
    );
    const other = room.subscribe({ subject: 'bob' });
    await topics.revoke('room', 'ada');
    await room.publish('secret');
    for (const attachment of await Promise.all(making)) attachment.resume();
    for (const { shown } of sinks) expect(shown).toEqual(['end revoked']);
    expect(await readEvents(await other, 1)).toEqual(['secret']);
  });

  it('ends a subscription that is being made, if the backplane takes time', async () => {
    const clock = new VirtualClock();
    await using store = new MemoryBackplane({ clock });
    await using backplane = new RelayedBackplane(store, clock);
    await using topics = new Topics({ backplane, clock });
    const room = topics.topic<string>('room');
    // Follows the log, so that a revocation comes while presence is asked for.
    await room.subscribe();
    const sink = new RecordingSink();
    const making = room.attach(sink, { subject: 'ada', presence: true });
    await turns(1);
    await topics.revoke('room', 'ada');
    (await making).resume();
    await room.publish('secret');
    await turns();
    expect(sink.shown).toEqual(['end revoked']);
  });

  it('keeps from the reader what it has not read', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    const subscription = await room.subscribe({ subject: 'ada' });
    for (const number of numbers(5)) await room.publish(number);
    expect((await subscription.next()).value).toMatchObject({ data: 0 });
    await topics.revoke('room', 'ada');
    expect(await readEvents(subscription, 5)).toEqual(['end revoked']);
  });

  it('is counted, so that a door knows that it has to ask again', async () => {
    await using topics = new Topics();
    const room = topics.topic('room');
    const before = room.revocations;
    await topics.revoke('other');
    expect([room.revocations, topics.revocations]).toEqual([before + 1, before + 1]);
  });

  it('ends a subscription that reads the history', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    for (const number of numbers(600)) await room.publish(number);
    const sink = new RecordingSink();
    sink.isFull = true;
    const attachment = await room.attach(sink, { after: 'start', subject: 'ada' });
    attachment.resume();
    await topics.revoke('room', 'ada');
    await room.publish(600);
    sink.isFull = false;
    attachment.resume();
    expect(sink.shown).toEqual([0, 'end revoked']);
  });
});

describe('Topics.close', () => {
  it('ends all subscriptions with closed, and refuses further calls', async () => {
    const topics = new Topics();
    const room = topics.topic<number>('room');
    const subscription = await room.subscribe();
    const waiting = subscription.next();
    await topics.close();
    await topics.close();
    expect((await waiting).value).toMatchObject({ kind: 'end', how: 'closed' });
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    const closed = { name: 'BackplaneError', code: 'ERR_TOPICS_CLOSED' };
    await expect(room.publish(1)).rejects.toMatchObject(closed);
    await expect(room.subscribe()).rejects.toMatchObject(closed);
    await expect(room.attach(new RecordingSink())).rejects.toMatchObject(closed);
    await expect(room.join('ada')).rejects.toMatchObject(closed);
    await expect(room.members()).rejects.toMatchObject(closed);
    await expect(topics.delete('room')).rejects.toMatchObject(closed);
    await expect(topics.revoke('room')).rejects.toMatchObject(closed);
  });

  it.each([{}, { after: 'start' }, { last: 3 }, { presence: true }])(
    'settles a subscription that is being made (%j), and leaves none open',
    async (options) => {
      await using backplane = new MemoryBackplane();
      const topics = new Topics({ backplane });
      const room = topics.topic<number>('room');
      await room.publish(1);
      const made = room.subscribe(options).then(
        (subscription) => readEvents(subscription, 10),
        (error: { code: string }) => [error.code],
      );
      await topics.close();
      expect((await made).at(-1)).toMatch(/^(end closed|ERR_TOPICS_CLOSED)$/);
      expect(topics.stats()).toMatchObject(NOTHING_LEFT);
      await topics.delete('room').catch(() => {});
      await backplane.delete('room');
      expect(backplane.stats()).toMatchObject({ topics: 0 });
    },
  );

  it('leaves a backplane open that it did not make', async () => {
    await using backplane = new MemoryBackplane();
    const [first, second] = [new Topics({ backplane }), new Topics({ backplane })];
    const ended = await first.topic<number>('room').subscribe();
    const kept = await second.topic<number>('room').subscribe();
    await first.close();
    await second.topic<number>('room').publish(1);
    expect(await readEvents(ended, 5)).toEqual(['end closed']);
    expect(await readEvents(kept, 1)).toEqual([1]);
    await second.close();
  });

  it('lets its members leave', async () => {
    const clock = new VirtualClock();
    await using backplane = new MemoryBackplane({ clock });
    const [first, second] = [new Topics({ backplane, clock }), new Topics({ backplane, clock })];
    const membership = await first.topic('room').join('ada');
    await first.topic('room').join('bob');
    await second.topic('room').join('bob');
    await first.close();
    await membership.leave();
    await clock.advance(5_000);
    expect(await second.topic('room').members()).toEqual([{ member: 'bob' }]);
    await second.close();
    await clock.advance(5_000);
    expect(backplane.stats()).toMatchObject({ members: 0 });
  });

  it('ends subscriptions when the backplane is closed', async () => {
    const backplane = new MemoryBackplane();
    await using topics = new Topics({ backplane });
    const subscription = await topics.topic('room').subscribe();
    await backplane.close();
    expect(await readEvents(subscription, 5)).toEqual(['end closed']);
    expect(topics.stats()).toMatchObject(NOTHING_LEFT);
  });
});
