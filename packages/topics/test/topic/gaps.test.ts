import { describe, expect, it } from 'vitest';
import { type LogFollower, MemoryBackplane, type SubscribeOptions, Topics } from '../../src/index.ts';
import { withFaults } from '../runs/support.ts';
import { numbers } from './support/reading.ts';
import { RecordingSink } from './support/recording-sink.ts';

/** A full sink of a topic whose backplane can lose its place. */
async function scene(options: SubscribeOptions, published: number) {
  const store = new MemoryBackplane();
  let follower: LogFollower | undefined;
  const backplane = withFaults(store, {
    follow: (log, given, how) => {
      follower = given;
      return store.follow(log, given, how);
    },
  });
  const topics = new Topics({ backplane, maxRecords: 5 });
  const room = topics.topic<number>('room');
  const cursors: string[] = [];
  const publish = async (from: number, to: number): Promise<void> => {
    for (const number of numbers(to - from)) cursors.push(await room.publish(from + number));
  };
  await publish(0, published);
  const sink = new RecordingSink();
  sink.isFull = true;
  const attachment = await room.attach(sink, options);
  attachment.resume();
  return {
    publish,
    /** The backplane reports a gap after the record of this number. */
    lose: (after: number) => {
      follower?.gap({ kind: 'gap', reason: 'reset', cursor: cursors[after] as string });
    },
    resume: (): unknown[] => {
      sink.isFull = false;
      attachment.resume();
      return sink.shown;
    },
    [Symbol.asyncDispose]: async () => {
      await topics.close();
      await store.close();
    },
  };
}

describe('a gap of the backplane', () => {
  it('is delivered in its place while records wait', async () => {
    await using room = await scene({}, 1);
    await room.publish(1, 3);
    room.lose(2);
    await room.publish(3, 5);
    expect(room.resume()).toEqual([1, 2, 'gap reset', 3, 4]);
  });

  it('hides nothing that the history loses after it', async () => {
    await using room = await scene({ after: 'start' }, 5);
    room.lose(4);
    await room.publish(5, 30);
    expect(room.resume()).toEqual([0, 'gap reset', 'gap trimmed', 25, 26, 27, 28, 29]);
  });

  it('comes after the records that waited before the subscriber fell back to the history', async () => {
    await using room = await scene({ maxQueue: 2 }, 1);
    await room.publish(1, 5);
    room.lose(4);
    await room.publish(5, 7);
    expect(room.resume()).toEqual([1, 2, 3, 'gap reset', 5, 6]);
  });

  it('is not dropped with the records around it', async () => {
    await using room = await scene({ policy: 'drop-oldest', maxQueue: 2 }, 1);
    await room.publish(1, 3);
    room.lose(2);
    await room.publish(3, 7);
    expect(room.resume()).toEqual([1, 'gap reset', 5, 6]);
  });

  it('is reported once for several directly after one another', async () => {
    await using room = await scene({}, 1);
    await room.publish(1, 3);
    for (const after of [1, 2, 2]) room.lose(after);
    await room.publish(3, 4);
    expect(room.resume()).toEqual([1, 2, 'gap reset', 3]);
  });
});

describe('a gap that the history has reported before the backplane does', () => {
  /** A store that a follower learns about later: what it is notified of is held until {@link notify}. */
  async function lateScene() {
    const store = new MemoryBackplane();
    const held: ((follower: LogFollower) => void)[] = [];
    let isHeld = false;
    let follower: LogFollower | undefined;
    const pass = (call: (given: LogFollower) => void): void => {
      if (isHeld) held.push(call);
      else if (follower !== undefined) call(follower);
    };
    const backplane = withFaults(store, {
      follow: (log, given, how) => {
        follower = given;
        const record: LogFollower['record'] = (each) => pass((to) => to.record(each));
        return store.follow(log, { record, gap() {}, ended() {} }, how);
      },
    });
    const topics = new Topics({ backplane });
    const room = topics.topic<number>('room');
    await room.publish(0);
    const sink = new RecordingSink();
    const live = await room.attach(sink, {});
    live.resume();
    isHeld = true;
    return {
      store,
      topics,
      room,
      sink,
      held,
      notify: () => held.splice(0).map((call) => call(follower as LogFollower)),
    };
  }

  it('is not repeated, nor are the records after it', async () => {
    const { store, topics, room, sink, held, notify } = await lateScene();
    const start = (await room.history()).cursor;
    // The log is lost, and the backplane has not noticed it yet when a subscriber comes back with an old cursor.
    held.push((to) => to.gap({ kind: 'gap', reason: 'reset', cursor: start }));
    await room.publish(1);
    await room.publish(2);
    const returned = new RecordingSink();
    const read = store.read.bind(store);
    store.read = (log, from, size) => {
      const page = read(log, from, size);
      if (!('after' in from) || from.after !== 'old.7') return page;
      const rest = read(log, { after: start }, size);
      return { ...rest, gap: { kind: 'gap', reason: 'reset', cursor: start } };
    };
    const attachment = await room.attach(returned, { after: 'old.7' });
    attachment.resume();
    expect(returned.shown).toEqual(['gap reset', 1, 2]);
    notify();
    await room.publish(3);
    notify();
    expect(returned.shown).toEqual(['gap reset', 1, 2, 3]);
    expect(sink.shown).toEqual(['gap reset', 1, 2, 3]);
    await topics.close();
    await store.close();
  });
});
