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
