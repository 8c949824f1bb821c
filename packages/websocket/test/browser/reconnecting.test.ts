import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { TopicsStatus } from '../../src/browser/index.ts';
import { laterOf, Recorder, recordedStates, type Scene, turns, until, withTopics } from './harness.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A client on a clock that stands still, and the waits that it reports. */
function onClock({ connect }: Scene, options: object = {}) {
  const clock = new VirtualClock();
  const waits: (number | undefined)[] = [];
  const onState = ({ state, retryInMs }: TopicsStatus) => {
    if (state === 'waiting') waits.push(retryInMs);
  };
  const client = connect({
    transports: ['websocket'],
    later: laterOf(clock),
    random: () => 0.5,
    onState,
    ...options,
  });
  /** Lets the next wait pass. */
  const next = async (count: number) => {
    await until(() => waits.length === count);
    await clock.advance(waits.at(-1) ?? 0);
  };
  return { client, clock, waits, next };
}

describe('TopicsClient, when the connection is lost,', () => {
  it('waits for a random part of a window that doubles, up to a limit', () =>
    withTopics(async (scene) => {
      scene.topics.behaviour.refusesSockets = true;
      const { client, waits, next } = onClock(scene);
      client.subscribe('room', {});
      for (let count = 1; count <= 9; count += 1) await next(count);
      await until(() => waits.length === 10);
      expect(waits).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    }));

  it('begins with a short wait again only after a subscription has succeeded', () =>
    withTopics(async (scene) => {
      const { behaviour, connections } = scene.topics;
      behaviour.onFrame = (connection, { op }) => {
        // Open, and with a reply to the ping, but not subscribed.
        if (op === 'sub') connection.abort();
        return op === 'sub';
      };
      const { client, waits, next } = onClock(scene);
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      for (let count = 1; count <= 4; count += 1) await next(count);
      await until(() => waits.length === 5);
      behaviour.onFrame = () => false;
      await next(5);
      await until(() => recorder.positions.length === 1);
      for (const connection of connections) connection.abort();
      await until(() => waits.length === 6);
      expect(waits).toEqual([125, 250, 500, 1_000, 2_000, 125]);
    }));

  it.each([1001, 1008, 1011, 1012, 1013, 4_001])(
    'takes more time if the server has closed it with %i',
    (code) =>
      withTopics(async (scene) => {
        const { client, waits } = onClock(scene);
        const recorder = new Recorder();
        client.subscribe('room', recorder);
        await until(() => recorder.positions.length === 1);
        for (const connection of scene.topics.connections) connection.close(code);
        await until(() => waits.length === 1);
        expect(waits).toEqual([500]);
      }),
  );

  it('does not connect again if there is nothing to do, but for the next subscription', () =>
    withTopics(async (scene) => {
      const { client, clock, waits } = onClock(scene);
      await client.publish('room', 1);
      for (const connection of scene.topics.connections) connection.close(1012);
      await until(() => waits.length === 1);
      expect([waits, clock.pending, client.state]).toEqual([[undefined], 0, 'waiting']);
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
    }));

  it('reports its states', () =>
    withTopics(async ({ topics, connect }) => {
      const { states, onState } = recordedStates();
      const client = connect({ onState });
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      for (const connection of topics.connections) connection.close(1012);
      await until(() => recorder.positions.length === 2);
      client.close();
      expect(states).toEqual([
        'connecting',
        'open websocket',
        'waiting',
        'connecting',
        'open websocket',
        'closed',
      ]);
    }));

  it('notices that nothing arrives any more, by a ping', () =>
    withTopics(async (scene) => {
      const { topics } = scene;
      const { client, clock, waits, next } = onClock(scene);
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1 && client.roundTripMs !== undefined);
      topics.behaviour.onFrame = () => true;
      await clock.advance(30_000);
      await until(() => topics.frames.filter(({ topic }) => topic === '').length === 2);
      await clock.advance(29_999);
      expect(client.state).toBe('open');
      await clock.advance(1);
      expect(client.state).toBe('waiting');
      expect(waits).toEqual([125]);
      topics.behaviour.onFrame = () => false;
      await next(1);
      await until(() => recorder.positions.length === 2);
    }));

  it('keeps a connection over which records arrive, although a ping is not acknowledged', () =>
    withTopics(async (scene) => {
      const { topics } = scene;
      const { client, clock } = onClock(scene);
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1 && client.roundTripMs !== undefined);
      topics.behaviour.onFrame = () => true;
      for (let count = 1; count <= 5; count += 1) {
        await clock.advance(29_000);
        topics.log('room').append({ data: count });
        await until(() => recorder.data.length === count);
      }
      expect(client.state).toBe('open');
      expect(topics.frames.filter(({ topic }) => topic === '')).toHaveLength(2);
    }));

  it('gives up an attempt that takes too long', () =>
    withTopics(async (scene) => {
      class Silent {
        onopen = null;
        onmessage = null;
        onerror = null;
        onclose = null;
        isClosed = false;
        send(): void {}
        close(): void {
          sockets.push(this);
        }
      }
      const sockets: Silent[] = [];
      const { client, clock, waits } = onClock(scene, { WebSocket: Silent });
      client.subscribe('room', {});
      await clock.advance(9_999);
      expect(client.state).toBe('connecting');
      await clock.advance(1);
      expect([client.state, waits, sockets.length]).toEqual(['waiting', [125], 1]);
    }));

  it('waits for a platform without a WebSocket if nothing else is allowed', () =>
    withTopics(async (scene) => {
      class Refused {
        constructor() {
          throw new Error('by the content security policy');
        }
      }
      const { client, waits, next } = onClock(scene, { WebSocket: Refused });
      client.subscribe('room', {});
      await next(1);
      expect(waits).toEqual([125, 250]);
    }));
});

describe('TopicsClient, when the network or the page is back,', () => {
  it.each(['online', 'visibilitychange'])('does not wait any longer: %s', (type) =>
    withTopics(async (scene) => {
      const page = new EventTarget();
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
      vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
      scene.topics.behaviour.refusesSockets = true;
      const { client, clock, waits } = onClock(scene);
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => waits.length === 1);
      scene.topics.behaviour.refusesSockets = false;
      vi.stubGlobal('document', { hidden: true, cookie: '' });
      page.dispatchEvent(new Event(type));
      expect(client.state).toBe('waiting');
      vi.stubGlobal('document', { hidden: false, cookie: '' });
      page.dispatchEvent(new Event(type));
      page.dispatchEvent(new Event(type));
      await until(() => recorder.positions.length === 1);
      client.close();
      page.dispatchEvent(new Event(type));
      await turns(5);
      expect([client.state, clock.pending]).toEqual(['closed', 0]);
    }),
  );

  it('tests the connection that it has', () =>
    withTopics(async (scene) => {
      const page = new EventTarget();
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
      vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
      const { client, clock } = onClock(scene);
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1 && client.roundTripMs !== undefined);
      page.dispatchEvent(new Event('online'));
      await until(() => scene.topics.frames.filter(({ topic }) => topic === '').length === 2);
      await turns(5);
      await clock.advance(5_000);
      expect(client.state).toBe('open');
      scene.topics.behaviour.onFrame = () => true;
      page.dispatchEvent(new Event('online'));
      await clock.advance(5_000);
      expect(client.state).toBe('waiting');
    }));
});
