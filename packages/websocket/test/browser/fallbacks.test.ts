import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../../http1/test/fixtures/seeded-random.ts';
import type { TopicsTransport } from '../../src/browser/index.ts';
import {
  advanceUntil,
  laterOf,
  numbers,
  Recorder,
  recordedStates,
  turns,
  until,
  withTopics,
} from './harness.ts';

const HTTP: readonly TopicsTransport[] = ['event-stream', 'long-poll'];

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each(HTTP)('TopicsClient over %s', (transport) => {
  const transports = [transport];

  it('delivers records, bytes, gaps and the end', () =>
    withTopics(async ({ topics, connect, timers }) => {
      const log = topics.log('room');
      for (const data of numbers(4)) log.append({ data });
      log.trim(2);
      const recorder = new Recorder({ after: log.cursorAt(1) });
      const client = connect({ transports });
      const subscription = client.subscribe('room', recorder);
      await until(() => recorder.data.length === 2);
      expect([client.state, client.transport]).toEqual(['open', transport]);
      log.append({ data: { text: 'ä 🌊\u2028 line\nbreak' } });
      log.append({ bytes: Buffer.from([0, 128, 255]).toString('base64') });
      await until(() => recorder.data.length === 4);
      log.append({ bytes: '' });
      log.finish('deleted');
      await until(() => recorder.ends.length === 1);
      expect(recorder.data).toEqual([
        2,
        3,
        { text: 'ä 🌊\u2028 line\nbreak' },
        Uint8Array.of(0, 128, 255),
        new Uint8Array(),
      ]);
      expect(recorder.gaps).toEqual([{ kind: 'gap', reason: 'trimmed', cursor: log.cursorAt(2) }]);
      expect(recorder.ends).toEqual([{ kind: 'end', how: 'deleted', cursor: log.end?.cursor }]);
      expect(subscription.cursor).toBe(log.end?.cursor);
      await until(() => topics.pending.size === 0);
      await turns(5);
      expect(timers.active).toBe(0);
    }));

  it('has a position before the first record, and begins where it is told', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(3)) log.append({ data });
      const [now, last] = [new Recorder(), new Recorder({ last: 1 })];
      const subscription = connect({ transports }).subscribe('room', now);
      connect({ transports }).subscribe('room', last);
      await until(() => now.positions.length > 0 && last.data.length > 0);
      expect(subscription.cursor).toBe(log.cursorAt(3));
      log.append({ data: 3 });
      await until(() => now.data.length === 1 && last.data.length === 2);
      expect([now.data, last.data]).toEqual([[3], [2, 3]]);
    }));

  it('reads runs from their start', () =>
    withTopics(async ({ topics, connect }) => {
      topics.run('r').append({ data: 1 });
      topics.run('r').finish('finished', { result: 'all' });
      const recorder = new Recorder();
      connect({ transports }).run('r', recorder);
      await until(() => recorder.ends.length === 1);
      expect(recorder).toMatchObject({ data: [1], ends: [{ how: 'finished', result: 'all' }] });
    }));

  it('delivers each record once and in order over hundreds of lost requests', () =>
    withTopics(async ({ topics, connect }) => {
      const random = seededRandom(7);
      const names = ['0', '1'];
      const client = connect({ transports });
      const recorders = names.map(() => new Recorder({ after: 'start' }));
      for (const [at, name] of names.entries()) client.subscribe(name, recorders[at] as Recorder);
      for (let cut = 0; cut < 200; cut += 1) {
        for (let count = random(4); count > 0; count -= 1) {
          const log = topics.log(String(random(names.length)));
          log.append({ data: log.length });
          if (random(3) === 0) await turns(1);
        }
        if (random(4) > 0) await until(() => topics.pending.size > 0);
        await turns(random(6));
        for (const end of [...topics.streams]) end(random(2) === 0 ? 'end' : 'reset');
        if (random(5) === 0) topics.behaviour.statuses.push(503);
      }
      topics.behaviour.statuses.length = 0;
      for (const name of names) topics.log(name).append({ data: 'last' });
      await until(() => recorders.every(({ data }) => data.at(-1) === 'last'));
      expect(recorders.map(({ data }) => data)).toEqual(names.map((name) => topics.log(name).data));
      expect(topics.requests.length).toBeGreaterThan(transport === 'event-stream' ? 100 : 20);
    }));

  it.each([408, 425, 429, 500, 502, 503])('tries again after the status %i', (status) =>
    withTopics(async ({ topics, connect }) => {
      topics.behaviour.statuses.push(status, status);
      const recorder = new Recorder();
      connect({ transports }).subscribe('room', recorder);
      await until(() => recorder.positions.length > 0);
      expect(topics.requests.length).toBeGreaterThanOrEqual(3);
      expect(recorder.errors).toEqual([]);
    }),
  );

  it('reports a refusal with its status, and the code of the server', () =>
    withTopics(async ({ topics, connect, timers }) => {
      topics.hidden.add('secret');
      const [secret, malformed] = [new Recorder(), new Recorder({ after: '?' })];
      connect({ transports }).subscribe('secret', secret);
      connect({ transports }).subscribe('malformed', malformed);
      await until(() => secret.errors.length + malformed.errors.length === 2);
      expect(secret.errors).toMatchObject([{ code: 'ERR_TOPICS_REFUSED', status: 404 }]);
      expect(malformed.errors).toMatchObject([{ code: 'ERR_TOPICS_CURSOR', status: 400 }]);
      expect(timers.active).toBe(0);
    }));

  it('stores each publish once and in order over lost requests', () =>
    withTopics(async ({ topics, connect }) => {
      const random = seededRandom(3);
      let lost = 0;
      topics.behaviour.onPost = () => {
        const isLost = random(6) === 0;
        if (isLost) lost += 1;
        return isLost;
      };
      const client = connect({ transports });
      const log = topics.log('room');
      const cursors = await Promise.all(numbers(60).map((data) => client.publish('room', data)));
      expect(log.data).toEqual(numbers(60));
      expect(cursors).toEqual(numbers(60, 1).map((position) => log.cursorAt(position)));
      expect(lost).toBeGreaterThan(10);
    }));

  it('cancels runs by DELETE, with the XSRF token of the cookie as for POST', () =>
    withTopics(async ({ topics, connect }) => {
      vi.stubGlobal('document', { cookie: 'a=1; _xsrf=2|ab|cd|12; z=3', hidden: false });
      const client = connect({ transports });
      const run = client.run('r', {});
      await expect(run.cancel()).resolves.toBe('running');
      await expect(run.cancel()).resolves.toBe('cancelled');
      await client.publish('room', 1);
      const changes = topics.requests.filter(({ method }) => method !== 'GET');
      expect(changes.map(({ method, token }) => `${method} ${token}`)).toEqual([
        'DELETE 2|ab|cd|12',
        'DELETE 2|ab|cd|12',
        'POST 2|ab|cd|12',
      ]);
    }));

  it('rejects what the server refuses, and takes the token from a function', () =>
    withTopics(async ({ topics, connect }) => {
      topics.hidden.add('secret');
      const client = connect({ transports, xsrfToken: () => 'mine' });
      const refused = { name: 'TopicsError', code: 'ERR_TOPICS_REFUSED', status: 404 };
      await expect(client.publish('secret', 1)).rejects.toMatchObject(refused);
      await client.publish('room', 2);
      expect(topics.requests.map(({ token }) => token)).toEqual(['mine', 'mine']);
    }));

  it('leaves no timer and no request behind when it is closed', () =>
    withTopics(async ({ topics, connect, timers }) => {
      const client = connect({ transports });
      const recorders = [new Recorder(), new Recorder()];
      client.subscribe('a', recorders[0] as Recorder);
      client.subscribe('b', recorders[1] as Recorder);
      await until(
        () => recorders.every(({ positions }) => positions.length > 0) && topics.pending.size === 2,
      );
      client.close();
      expect(timers.active).toBe(0);
      await until(() => topics.pending.size === 0);
      await turns(5);
      expect([timers.active, client.state]).toEqual([0, 'closed']);
    }));

  it('ends the request of a subscription that is closed, and keeps the others', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect({ transports });
      const [closed, kept] = [new Recorder(), new Recorder()];
      const subscription = client.subscribe('closed', closed);
      client.subscribe('kept', kept);
      await until(() => topics.pending.size === 2 && closed.positions.length * kept.positions.length > 0);
      subscription.close();
      await until(() => topics.pending.size === 1);
      topics.log('closed').append({ data: 1 });
      topics.log('kept').append({ data: 2 });
      await until(() => kept.data.length === 1);
      expect(closed.data).toEqual([]);
    }));
});

describe('TopicsClient without a WebSocket', () => {
  it('uses event streams after two attempts in a row', () =>
    withTopics(async ({ topics, connect }) => {
      topics.behaviour.refusesSockets = true;
      const { states, onState } = recordedStates();
      const recorder = new Recorder({ after: 'start' });
      topics.log('room').append({ data: 1 });
      connect({ onState }).subscribe('room', recorder);
      await until(() => recorder.data.length === 1);
      expect(states).toEqual(['connecting', 'waiting', 'connecting', 'connecting', 'open event-stream']);
    }));

  it('uses them too if a WebSocket opens, but carries nothing', () =>
    withTopics(async ({ topics, connect }) => {
      topics.behaviour.onFrame = (connection) => {
        connection.abort();
        return true;
      };
      const recorder = new Recorder();
      const client = connect();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      expect(client.transport).toBe('event-stream');
    }));

  it('uses long polls if event streams are held back', () =>
    withTopics(async ({ topics, connect }) => {
      topics.behaviour.refusesSockets = topics.behaviour.holdsStreams = true;
      const clock = new VirtualClock();
      const recorder = new Recorder({ after: 'start' });
      topics.log('room').append({ data: 1 });
      const client = connect({ later: laterOf(clock), random: () => 0.5 });
      client.subscribe('room', recorder);
      await until(() => client.state === 'waiting');
      await clock.advance(125);
      await until(() => topics.pending.size === 1);
      await clock.advance(10_000);
      await until(() => recorder.data.length === 1);
      expect(client.transport).toBe('long-poll');
      topics.log('room').append({ data: 2 });
      await until(() => recorder.data.length === 2);
    }));

  it('goes back to the WebSocket when that works, without a record lost or doubled', () =>
    withTopics(async ({ topics, connect }) => {
      topics.behaviour.refusesSockets = true;
      const clock = new VirtualClock();
      const { states, onState } = recordedStates();
      const recorder = new Recorder({ after: 'start' });
      const client = connect({ later: laterOf(clock), random: () => 0.5, onState });
      client.subscribe('room', recorder);
      await advanceUntil(clock, () => client.transport === 'event-stream');
      expect(topics.refusedUpgrades).toBe(2);
      await advanceUntil(clock, () => topics.refusedUpgrades === 3);
      await advanceUntil(clock, () => topics.streams.size === 1);
      expect(client.transport).toBe('event-stream');
      topics.log('room').append({ data: 1 });
      await until(() => recorder.data.length === 1);
      topics.behaviour.refusesSockets = false;
      await advanceUntil(clock, () => client.transport === 'websocket');
      topics.log('room').append({ data: 2 });
      await until(() => recorder.data.length === 2);
      await until(() => topics.streams.size === 0);
      expect(recorder.data).toEqual([1, 2]);
      expect(states.at(-1)).toBe('open websocket');
      await client.publish('room', 3);
      expect(topics.count('pub')).toBe(1);
    }));

  it.each(['refused', 'refused late', 'reset'])(
    'has no pause after a POST that was %s once the WebSocket is open',
    (how) =>
      withTopics(async ({ topics, connect }) => {
        topics.behaviour.refusesSockets = true;
        const clock = new VirtualClock();
        const delays: number[] = [];
        const later = (delayMs: number, callback: () => void) => {
          delays.push(delayMs);
          return laterOf(clock)(delayMs, callback);
        };
        let release = () => {};
        const client = connect({
          transports: ['websocket', 'event-stream'],
          later,
          random: () => 0.9,
          fetch: async (url, init) => {
            const response = await fetch(url, init);
            if (how === 'refused late' && init?.method === 'POST')
              await new Promise<void>((resolve) => {
                release = resolve;
              });
            return response;
          },
        });
        client.subscribe('room', new Recorder());
        await advanceUntil(clock, () => client.transport === 'event-stream');
        // A second before the WebSocket is tried again.
        await clock.advance(19_000);
        await until(() => topics.refusedUpgrades === 2 && client.state === 'open');
        if (how !== 'reset') topics.behaviour.statuses.push(503);
        else topics.behaviour.onPost = () => true;
        const publishing = client.publish('room', 1);
        await until(() => topics.requests.at(-1)?.method === 'POST');
        if (how === 'refused') await until(() => delays.includes(3_600));
        topics.behaviour.refusesSockets = false;
        await advanceUntil(clock, () => client.transport === 'websocket');
        // The clock stands still.
        release();
        await publishing;
        expect(topics.log('room').data).toEqual([1]);
      }),
  );

  it('tries everything again, after a wait, if the server is gone', () =>
    withTopics(async ({ topics, connect, server }) => {
      const { states, onState } = recordedStates();
      const recorder = new Recorder();
      const client = connect({ onState });
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      await server.stop();
      await until(() => states.filter((state) => state === 'waiting').length > 5);
      expect(client.state).not.toBe('closed');
      expect(topics.connections.size).toBe(0);
      expect(recorder.errors).toEqual([]);
    }));

  it('waits for as long as the server asks with retry, when an event stream has ended', () =>
    withTopics(async ({ topics, connect }) => {
      const clock = new VirtualClock();
      const recorder = new Recorder();
      const client = connect({ transports: ['event-stream'], later: laterOf(clock) });
      client.subscribe('room', recorder);
      await until(() => topics.streams.size === 1 && recorder.positions.length === 1);
      for (const end of topics.streams) end('end', 7_000);
      await until(() => topics.pending.size === 0);
      await turns(20);
      await clock.advance(6_999);
      await turns(20);
      expect(topics.requests).toHaveLength(1);
      await clock.advance(1);
      await until(() => recorder.positions.length === 2);
      expect(topics.requests.at(-1)?.query.get('after')).toBe(topics.log('room').cursorAt(0));
    }));

  it('ends a subscription of a run that was read to its end before', () =>
    withTopics(async ({ topics, connect }) => {
      topics.run('r').append({ data: 1 });
      topics.run('r').finish('finished');
      const recorder = new Recorder({ after: topics.run('r').end?.cursor ?? '' });
      connect({ transports: ['event-stream'] }).run('r', recorder);
      await until(() => recorder.ends.length === 1);
      expect(recorder).toMatchObject({ data: [], ends: [{ how: 'ended' }], errors: [] });
    }));

  it('ends an event stream over which nothing arrives any more, and goes on', () =>
    withTopics(async ({ topics, connect }) => {
      const clock = new VirtualClock();
      const recorder = new Recorder();
      const client = connect({ transports: ['event-stream'], later: laterOf(clock) });
      client.subscribe('room', recorder);
      await until(() => topics.streams.size === 1 && recorder.positions.length === 1);
      await turns(5);
      await clock.advance(59_000);
      expect(topics.requests).toHaveLength(1);
      topics.log('room').append({ data: 1 });
      await until(() => recorder.data.length === 1);
      await turns(5);
      await clock.advance(59_000);
      expect(topics.requests).toHaveLength(1);
      await clock.advance(1_000);
      await until(() => recorder.positions.length === 2);
    }));
});
