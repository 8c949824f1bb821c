import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { type Backplane, BackplaneError, MemoryBackplane, Topics } from '../../src/index.ts';
import { RelayedBackplane } from '../compliance/support/relayed-backplane.ts';
import { deferred, MemoryLog, withFaults } from '../runs/support.ts';
import { AWKWARD_NAMES, numbers, readEvents, turns } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

/** Topics with a clock that the test advances, and a sink that follows presence in a room. */
async function watchedRoom(options: { leaveDelayMs?: number; maxMembers?: number } = {}) {
  const clock = new VirtualClock();
  const topics = new Topics({ clock, ...options });
  const room = topics.topic('room');
  const sink = new RecordingSink();
  (await room.attach(sink, { presence: true })).resume();
  return { clock, topics, room, sink, [Symbol.asyncDispose]: () => topics.close() };
}

describe('presence', () => {
  it('starts with the members, and goes on with the changes', async () => {
    await using scene = await watchedRoom();
    const { clock, room, sink } = scene;
    expect(sink.shown).toEqual([[]]);
    const ada = await room.join('ada', { meta: { name: 'Ada' } });
    await room.join('bob');
    const late = new RecordingSink();
    (await room.attach(late, { presence: true })).resume();
    await ada.leave();
    await ada.leave();
    await clock.advance(4_999);
    expect(await room.members()).toEqual([{ member: 'ada', meta: { name: 'Ada' } }, { member: 'bob' }]);
    await clock.advance(1);
    expect(await room.members()).toEqual([{ member: 'bob' }]);
    expect(sink.shown).toEqual([[], '+ada', '+bob', '-ada']);
    expect(sink.events[1]).toEqual({ kind: 'presence', joined: 'ada', meta: { name: 'Ada' } });
    expect(late.shown).toEqual([['ada', 'bob'], '-ada']);
    expect(late.events[0]).toEqual({
      kind: 'presence',
      members: [{ member: 'ada', meta: { name: 'Ada' } }, { member: 'bob' }],
    });
  });

  it('gives the members first to each of several subscribers that start together', async () => {
    await using topics = new Topics();
    const room = topics.topic('room');
    await room.join('ada');
    const subscriptions = await Promise.all(numbers(5).map(() => room.subscribe({ presence: true })));
    await room.join('bob');
    for (const subscription of subscriptions) {
      expect(await readEvents(subscription, 2)).toEqual([['ada'], '+bob']);
    }
  });

  it('gives the members first to subscribers that start together on a backplane that takes time', async () => {
    const clock = new VirtualClock();
    await using store = new MemoryBackplane({ clock });
    await using backplane = new RelayedBackplane(store, clock);
    await using topics = new Topics({ backplane, clock });
    const room = topics.topic('room');
    await room.join('ada');
    const subscriptions = await Promise.all(numbers(5).map(() => room.subscribe({ presence: true })));
    await room.join('bob');
    for (const subscription of subscriptions) {
      expect(await readEvents(subscription, 2)).toEqual([['ada'], '+bob']);
    }
  });

  it('announces a member with several joins once, and its leave after the last', async () => {
    await using scene = await watchedRoom();
    const { clock, room, sink, topics } = scene;
    const joins = [await room.join('ada'), await room.join('ada'), await room.join('ada')];
    expect(topics.stats().members).toBe(1);
    await joins[0]?.leave();
    await joins[0]?.leave();
    await joins[2]?.leave();
    await clock.advance(60_000);
    expect(sink.shown).toEqual([[], '+ada']);
    await joins[1]?.leave();
    await clock.advance(60_000);
    expect(sink.shown).toEqual([[], '+ada', '-ada']);
    expect(topics.stats()).toMatchObject({ members: 0, backplane: { members: 0 } });
  });

  it('counts joins of the same member over several Topics of one backplane', async () => {
    const clock = new VirtualClock();
    await using backplane = new MemoryBackplane({ clock });
    await using first = new Topics({ backplane, clock });
    await using second = new Topics({ backplane, clock });
    const sink = new RecordingSink();
    (await first.topic('room').attach(sink, { presence: true })).resume();
    const [here, there] = [await first.topic('room').join('ada'), await second.topic('room').join('ada')];
    await here.leave();
    await clock.advance(60_000);
    expect(sink.shown).toEqual([[], '+ada']);
    await there.leave();
    await clock.advance(60_000);
    expect(sink.shown).toEqual([[], '+ada', '-ada']);
  });

  it('announces nothing if a member is back within leaveDelayMs', async () => {
    await using scene = await watchedRoom();
    const { clock, room, sink } = scene;
    for (let round = 0; round < 5; round += 1) {
      const membership = await room.join('ada');
      await clock.advance(100_000);
      await membership.leave();
      await clock.advance(4_000);
    }
    expect(sink.shown).toEqual([[], '+ada']);
    await clock.advance(1_000);
    expect(sink.shown).toEqual([[], '+ada', '-ada']);
  });

  it('settles joins and leaves that are started together in the order of the calls', async () => {
    await using scene = await watchedRoom({ leaveDelayMs: 0 });
    const { clock, room, topics } = scene;
    for (let round = 0; round < 20; round += 1) {
      const joins = numbers(5).map(() => room.join('ada'));
      const left = joins.map(async (join) => await (await join).leave());
      const kept = room.join('ada');
      await Promise.all(left);
      await clock.advance(1);
      expect(await room.members()).toEqual([{ member: 'ada' }]);
      await (await kept).leave();
      await clock.advance(1);
      expect(await room.members()).toEqual([]);
    }
    expect(topics.stats().members).toBe(0);
  });

  it('lists all members anew to a subscriber that was not ready', async () => {
    await using scene = await watchedRoom();
    const { room } = scene;
    const sink = new RecordingSink();
    sink.isFull = true;
    const attachment = await room.attach(sink, { presence: true });
    attachment.resume();
    for (const number of numbers(50)) await room.join(`member ${number}`);
    sink.isFull = false;
    attachment.resume();
    expect(sink.shown).toEqual([[], numbers(50).map((number) => `member ${number}`)]);
    await room.join('last');
    expect(sink.shown.at(-1)).toBe('+last');
  });

  it('refuses members beyond maxMembers, and takes one when another has gone', async () => {
    await using scene = await watchedRoom({ maxMembers: 2 });
    const { clock, room, sink, topics } = scene;
    const ada = await room.join('ada');
    await room.join('bob');
    const full = { name: 'TopicsLimitError', code: 'ERR_TOPICS_TOO_MANY_MEMBERS' };
    for (const outcome of await Promise.allSettled([room.join('eve'), room.join('eve')])) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: full });
    }
    await room.join('bob');
    expect(topics.stats().members).toBe(2);
    await ada.leave();
    await clock.advance(5_000);
    await room.join('eve');
    expect(sink.shown).toEqual([[], '+ada', '+bob', '-ada', '+eve']);
  });

  it('copies meta, and refuses what is too large or has no JSON', async () => {
    await using scene = await watchedRoom();
    const { room, sink } = scene;
    const meta = { tags: ['a'] };
    await room.join('ada', { meta });
    meta.tags.push('b');
    expect(await room.members()).toEqual([{ member: 'ada', meta: { tags: ['a'] } }]);
    const usage = { name: 'TopicsUsageError', code: 'ERR_TOPICS_USAGE' };
    for (const wrong of ['x'.repeat(1023), 'é'.repeat(600), () => {}, Symbol('x'), 1n]) {
      await expect(room.join('eve', { meta: wrong })).rejects.toMatchObject(usage);
    }
    for (const wrong of ['', 'a\n', 'x'.repeat(257), '\ud800', 7 as unknown as string]) {
      await expect(room.join(wrong)).rejects.toMatchObject(usage);
    }
    await room.join('largest', { meta: 'x'.repeat(1022) });
    expect(sink.shown).toEqual([[], '+ada', '+largest']);
  });

  it('takes members of any name', async () => {
    await using scene = await watchedRoom();
    const { room } = scene;
    for (const name of AWKWARD_NAMES) await room.join(name);
    expect((await room.members()).map(({ member }) => member)).toEqual(AWKWARD_NAMES);
  });

  it('leaves when the signal is aborted, also while it joins', async () => {
    await using scene = await watchedRoom({ leaveDelayMs: 0 });
    const { clock, room, sink, topics } = scene;
    const controller = new AbortController();
    await room.join('ada', { signal: controller.signal });
    controller.abort();
    await turns();
    await clock.advance(1);
    expect(sink.shown).toEqual([[], '+ada', '-ada']);
    const reason = new Error('gone');
    await expect(room.join('bob', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const meanwhile = new AbortController();
    const joining = room.join('eve', { signal: meanwhile.signal });
    meanwhile.abort(reason);
    await expect(joining).rejects.toBe(reason);
    await turns();
    await clock.advance(1);
    expect(await room.members()).toEqual([]);
    expect(topics.stats().members).toBe(0);
  });

  it('uses no cursor and no history', async () => {
    await using scene = await watchedRoom();
    const { room } = scene;
    const subscription = await room.subscribe({ presence: true });
    const { cursor } = subscription;
    for (const number of numbers(10)) await room.join(`member ${number}`);
    const published = await room.publish('text');
    const read = await readEvents(subscription, 12);
    expect(read.at(-1)).toBe('text');
    expect([read.length, subscription.cursor]).toEqual([12, published]);
    expect(await readEvents(await room.subscribe({ after: cursor }), 1)).toEqual(['text']);
  });

  it('goes on for the members of a topic that is deleted', async () => {
    const clock = new VirtualClock();
    await using backplane = new MemoryBackplane({ clock });
    await using first = new Topics({ backplane, clock });
    await using second = new Topics({ backplane, clock });
    const room = first.topic('room');
    const old = await room.join('ada');
    await first.delete('room');
    const again = await room.join('ada');
    expect(await room.members()).toEqual([{ member: 'ada' }]);
    const elsewhere = await second.topic('room').join('ada');
    const sink = new RecordingSink();
    (await room.attach(sink, { presence: true })).resume();
    await old.leave();
    await again.leave();
    await clock.advance(5_000);
    expect(sink.shown).toEqual([['ada']]);
    await elsewhere.leave();
    await clock.advance(5_000);
    expect(sink.shown).toEqual([['ada'], '-ada']);
    expect(first.stats().backplane).toMatchObject({ members: 0 });
  });

  it('gives all subscribers frozen members', async () => {
    await using scene = await watchedRoom();
    const { room, sink } = scene;
    await room.join('ada', { meta: { tags: ['a'] } });
    (await room.attach(sink, { presence: true })).resume();
    const [, joined, all] = sink.events as never as [
      object,
      { meta: { tags: string[] } },
      { members: [object] },
    ];
    for (const shared of [joined, joined.meta.tags, all, all.members, all.members[0]])
      expect(Object.isFrozen(shared)).toBe(true);
  });
});

describe('presence on a backplane that fails', () => {
  /** Topics whose backplane calls what the test replaces. */
  function faulty(faults: (store: MemoryBackplane) => Partial<Backplane>) {
    const clock = new VirtualClock();
    const store = new MemoryBackplane({ clock });
    const log = new MemoryLog();
    const backplane = withFaults(store, faults(store));
    const topics = new Topics({ backplane, clock, logger: log, publishTimeoutMs: 2_000 });
    const dispose = async () => {
      await topics.close();
      await store.close();
    };
    return { clock, log, topics, room: topics.topic('room'), [Symbol.asyncDispose]: dispose };
  }
  const away = () => Promise.reject(new BackplaneError('ERR_TOPICS_UNAVAILABLE', 'away'));

  it('repeats a leave until the backplane takes it', async () => {
    let failures = 2;
    await using scene = faulty((store) => ({
      leave: (...args) => {
        failures -= 1;
        return failures >= 0 ? away() : store.leave(...args);
      },
    }));
    const { clock, log, topics, room } = scene;
    const ada = await room.join('ada');
    await expect(ada.leave()).rejects.toMatchObject({ code: 'ERR_TOPICS_UNAVAILABLE' });
    await ada.leave();
    await clock.advance(2_000);
    expect(log.lines.map(({ message }) => message)).toEqual(['a member could not leave its topic']);
    await clock.advance(5_000);
    expect(await room.members()).toEqual([]);
    expect(topics.stats().members).toBe(0);
  });

  it('does not count a member twice that comes back before its leave is taken', async () => {
    let isAway = true;
    await using scene = faulty((store) => ({
      leave: (...args) => (isAway ? away() : store.leave(...args)),
    }));
    const { clock, room } = scene;
    await (await room.join('ada')).leave().catch(() => {});
    const again = await room.join('ada');
    isAway = false;
    await clock.advance(10_000);
    expect(await room.members()).toEqual([{ member: 'ada' }]);
    await again.leave();
    await clock.advance(5_000);
    expect(await room.members()).toEqual([]);
  });

  it('rejects a join that takes too long, and leaves if it succeeds late', async () => {
    const gate = deferred();
    await using scene = faulty((store) => ({
      join: async (...args) => {
        await gate.promise;
        return store.join(...args);
      },
    }));
    const { clock, topics, room } = scene;
    const outcome = room.join('ada').catch((error: BackplaneError) => error.code);
    await clock.advance(2_000);
    expect(await outcome).toBe('ERR_TOPICS_OUTCOME_UNKNOWN');
    gate.resolve();
    await turns();
    await clock.advance(5_000);
    expect([await room.members(), topics.stats().members]).toEqual([[], 0]);
  });

  it('leaves after a join of which it is unknown whether it succeeded', async () => {
    await using scene = faulty((store) => ({
      join: async (...args) => {
        await store.join(...args);
        throw new BackplaneError('ERR_TOPICS_OUTCOME_UNKNOWN', 'the reply is lost');
      },
    }));
    const { clock, topics, room } = scene;
    await expect(room.join('ada')).rejects.toMatchObject({ code: 'ERR_TOPICS_OUTCOME_UNKNOWN' });
    await turns();
    await clock.advance(5_000);
    expect([await room.members(), topics.stats().members]).toEqual([[], 0]);
  });

  it('settles a join at once when its signal is aborted, and leaves if it succeeds late', async () => {
    const gate = deferred();
    await using scene = faulty((store) => ({
      join: async (...args) => {
        await gate.promise;
        return store.join(...args);
      },
    }));
    const { clock, room } = scene;
    const controller = new AbortController();
    const joining = room.join('ada', { signal: controller.signal });
    const reason = new Error('gone');
    controller.abort(reason);
    await expect(joining).rejects.toBe(reason);
    gate.resolve();
    await turns();
    await clock.advance(5_000);
    expect(await room.members()).toEqual([]);
  });
});
