import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../../http1/test/fixtures/seeded-random.ts';
import { advanceUntil, laterOf, numbers, Recorder, turns, until, withTopics } from './harness.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('TopicsClient.publish', () => {
  it('resolves with the cursor of the record', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      const log = topics.log('room');
      log.append({ data: 'before' });
      await expect(client.publish('room', { text: 'ä 🌊' })).resolves.toBe(log.cursorAt(2));
      await expect(client.publish('room', null)).resolves.toBe(log.cursorAt(3));
      expect(log.data).toEqual(['before', { text: 'ä 🌊' }, null]);
    }));

  it('stores each record once and in order over hundreds of lost connections', async () => {
    let lost = 0;
    for (const seed of numbers(2, 1)) {
      await withTopics(async ({ topics, connect }) => {
        const random = seededRandom(seed);
        topics.behaviour.onFrame = (connection, frame) => {
          const fate = frame.op === 'pub' ? random(6) : 9;
          if (fate > 2) return false;
          // Before it is stored, after that, and after the acknowledgement was sent.
          if (fate > 0) connection.serve(frame);
          if (fate === 1 || random(2) === 0) connection.abort();
          else connection.close(1012);
          lost += 1;
          return true;
        };
        const client = connect({ transports: ['websocket'] });
        const log = topics.log('room');
        const cursors = await Promise.all(
          numbers(120).map(async (data) => {
            await turns(random(data + 1));
            return client.publish('room', data);
          }),
        );
        expect(log.length).toBe(120);
        expect(numbers(120).map((data) => log.cursorAt(log.data.indexOf(data) + 1))).toEqual(cursors);
      });
    }
    expect(lost).toBeGreaterThan(150);
  });

  it('keeps the order of the calls, over lost connections too', () =>
    withTopics(async ({ topics, connect }) => {
      const random = seededRandom(9);
      topics.behaviour.onFrame = (connection, { op }) => {
        if (op !== 'pub' || random(10) > 0) return false;
        connection.abort();
        return true;
      };
      const client = connect({ transports: ['websocket'] });
      await Promise.all(numbers(200).map((data) => client.publish('room', data)));
      expect(topics.log('room').data).toEqual(numbers(200));
    }));

  it('sends no more than 16 at a time', () =>
    withTopics(async ({ topics, connect }) => {
      const held: (() => void)[] = [];
      topics.behaviour.onFrame = (connection, frame) => {
        if (frame.op === 'pub') held.push(() => connection.serve(frame));
        return frame.op === 'pub';
      };
      const client = connect();
      const all = Promise.all(numbers(40).map((data) => client.publish('room', data)));
      await until(() => held.length === 16);
      await turns(20);
      expect(held).toHaveLength(16);
      held.shift()?.();
      await until(() => held.length === 16);
      topics.behaviour.onFrame = () => false;
      for (const serve of held) serve();
      await all;
      expect(topics.log('room').data).toEqual(numbers(40));
    }));

  it('rejects with the code of a server that refuses the record', () =>
    withTopics(async ({ topics, connect }) => {
      topics.hidden.add('secret');
      const client = connect();
      const publishing = client.publish('secret', 1);
      await expect(publishing).rejects.toMatchObject({ name: 'TopicsError', code: 'ERR_TOPICS_REFUSED' });
      await client.publish('open', 2);
      expect(topics.count('pub')).toBe(2);
    }));

  it('sends a record again that the server refuses for the moment', () =>
    withTopics(async ({ topics, connect }) => {
      let refusals = 3;
      topics.behaviour.onFrame = (connection, { op, id }) => {
        if (op !== 'pub' || refusals === 0) return false;
        refusals -= 1;
        const error = { code: 'ERR_TOPICS_RATE_LIMIT', message: 'too fast', retryMs: 1 };
        connection.sendText(JSON.stringify({ op: 'err', id, topic: 'room', ...error }));
        return true;
      };
      const client = connect();
      await client.publish('room', 1);
      expect(topics.count('pub')).toBe(4);
      expect(new Set(topics.frames.map(({ ref }) => ref).filter(Boolean)).size).toBe(1);
    }));

  it('uses a given ref, by which the server knows a record that it has', () =>
    withTopics(async ({ topics, connect }) => {
      const first = await connect().publish('room', 'a', { ref: 'order 7' });
      await expect(connect().publish('room', 'a', { ref: 'order 7' })).resolves.toBe(first);
      await connect().publish('room', 'a');
      expect(topics.log('room').length).toBe(2);
    }));

  it('publishes the data as it is at the call', () =>
    withTopics(async ({ topics, connect }) => {
      const data = { text: 'first' };
      const publishing = connect().publish('room', data);
      data.text = 'second';
      await publishing;
      expect(topics.log('room').data).toEqual([{ text: 'first' }]);
    }));

  it('rejects data that is not JSON', () =>
    withTopics(async ({ connect }) => {
      await expect(connect().publish('room', 1n)).rejects.toThrow(TypeError);
    }));

  it('rejects when its signal aborts, before and after it was sent', () =>
    withTopics(async ({ topics, connect }) => {
      const reason = new Error('enough');
      const client = connect();
      await expect(client.publish('room', 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const controller = new AbortController();
      topics.behaviour.onFrame = (_, { op }) => op === 'pub';
      const publishing = client.publish('room', 2, { signal: controller.signal });
      await until(() => topics.count('pub') === 1);
      controller.abort(reason);
      await expect(publishing).rejects.toBe(reason);
      topics.behaviour.onFrame = () => false;
      await client.publish('room', 3);
      expect(topics.log('room').data).toEqual([3]);
    }));

  it('rejects if it was not acknowledged in time, and says whether it was sent', () =>
    withTopics(async ({ topics, connect }) => {
      const clock = new VirtualClock();
      const client = connect({ transports: ['websocket'], random: () => 0.5, later: laterOf(clock) });
      topics.behaviour.refusesSockets = true;
      const unsent = client.publish('room', 1, { timeoutMs: 1_000 });
      const unsentRejects = expect(unsent).rejects.toMatchObject({ code: 'ERR_TOPICS_TIMEOUT' });
      await clock.advance(1_000);
      await unsentRejects;
      topics.behaviour.refusesSockets = false;
      topics.behaviour.onFrame = (_, { op }) => op === 'pub';
      const sent = client.publish('room', 2);
      const sentRejects = expect(sent).rejects.toMatchObject({ code: 'ERR_TOPICS_OUTCOME_UNKNOWN' });
      await advanceUntil(clock, () => topics.count('pub') > 0);
      await clock.advance(60_000);
      await sentRejects;
    }));

  it('is not repeated after the time for which servers remember its ref', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      await client.publish('room', 0);
      topics.behaviour.onFrame = (_, { op }) => op === 'pub';
      const publishing = client.publish('room', 1);
      const rejects = expect(publishing).rejects.toMatchObject({ code: 'ERR_TOPICS_OUTCOME_UNKNOWN' });
      await until(() => topics.count('pub') === 2);
      topics.behaviour.onFrame = () => false;
      // As if the device had slept: timers stood still.
      const now = Date.now();
      vi.spyOn(Date, 'now').mockReturnValue(now + 101_000);
      for (const connection of topics.connections) connection.abort();
      await rejects;
      await client.publish('room', 2);
      expect(topics.log('room').data).toEqual([0, 2]);
    }));

  it('is rejected at once while too many wait', () =>
    withTopics(async ({ topics, connect }) => {
      topics.behaviour.onFrame = (_, { op }) => op === 'pub';
      const client = connect({ maxPending: 2 });
      const closed = { code: 'ERR_TOPICS_CLOSED' };
      const waiting = [1, 2].map((data) =>
        expect(client.publish('room', data)).rejects.toMatchObject(closed),
      );
      await expect(client.publish('room', 3)).rejects.toMatchObject({ code: 'ERR_TOPICS_QUEUE_FULL' });
      client.close();
      await Promise.all(waiting);
    }));

  it('rejects only the largest one on its way if a message was too big, and sends the others again', () =>
    withTopics(async ({ topics, connect }) => {
      // Fewer characters than in `long`, but more bytes.
      const [big, long] = ['\u{1f30a}'.repeat(400), 'x'.repeat(1_000)];
      topics.behaviour.onFrame = (connection, { op, data }) => {
        // Nothing is acknowledged over the first connection.
        if (op !== 'pub' || (closed.size > 0 && !closed.has(connection))) return false;
        if (data === big) {
          closed.add(connection);
          connection.close(1009);
        }
        return true;
      };
      const closed = new Set<object>();
      const recorder = new Recorder();
      const client = connect();
      client.subscribe('room', recorder);
      const all = ['first', long, big, 'last'].map((data) => client.publish('room', data));
      const refused = expect(all[2]).rejects.toMatchObject({ code: 'ERR_TOPICS_RECORD_TOO_LARGE' });
      await Promise.all([refused, ...all.filter((_, at) => at !== 2)]);
      await until(() => recorder.data.length === 3);
      expect(recorder.data).toEqual(['first', long, 'last']);
      expect(topics.frames.filter(({ data }) => data === big)).toHaveLength(1);
    }));
});
