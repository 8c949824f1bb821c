import { describe, expect, it } from 'vitest';
import { numbers, Recorder, turns, until, withTopics } from './harness.ts';

describe('TopicsClient.subscribe', () => {
  it('delivers what is published from now on, and knows its position before', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      log.append({ data: 'before' });
      const client = connect();
      const recorder = new Recorder();
      const subscription = client.subscribe('room', recorder);
      expect(subscription.cursor).toBeUndefined();
      await until(() => recorder.positions.length > 0);
      expect(subscription.cursor).toBe(log.cursorAt(1));
      log.append({ data: { text: 'ä 🌊' } });
      log.append({ bytes: Buffer.from([0, 128, 255]).toString('base64') });
      log.append({ bytes: '' });
      await until(() => recorder.data.length === 3);
      expect(recorder.data).toEqual([{ text: 'ä 🌊' }, Uint8Array.of(0, 128, 255), new Uint8Array()]);
      expect(subscription.cursor).toBe(log.cursorAt(4));
      expect(client.transport).toBe('websocket');
    }));

  it('begins after a cursor, at the start, or some records before the end', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(5)) log.append({ data });
      const positions = [
        { after: 'start' },
        { after: log.cursorAt(3) },
        { last: 1 },
        { last: 9 },
        { after: 'now' },
      ];
      const recorders = positions.map((position) => new Recorder(position));
      for (const recorder of recorders) connect().subscribe('room', recorder);
      await until(() => recorders.every(({ positions: { length } }) => length === 1));
      log.append({ data: 5 });
      await until(() => recorders.every(({ data }) => data.at(-1) === 5));
      expect(recorders.map(({ data }) => data[0])).toEqual([0, 3, 4, 0, 5]);
    }));

  it('uses one connection for all topics and runs, and keeps those of one name apart', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      const [topic, run, other] = [new Recorder(), new Recorder(), new Recorder()];
      client.subscribe('x', topic);
      client.run('x', run);
      client.subscribe('y', other);
      await until(() => topics.count('sub') === 3);
      topics.log('x').append({ data: 'topic' });
      topics.run('x').append({ data: 'run' });
      topics.log('y').append({ data: 'other' });
      await until(() => [topic, run, other].every(({ data }) => data.length === 1));
      expect([topic.data, run.data, other.data]).toEqual([['topic'], ['run'], ['other']]);
      expect(topics.connections.size).toBe(1);
    }));

  it('reports a gap, and goes on after it', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(5)) log.append({ data });
      log.trim(3);
      const recorder = new Recorder({ after: log.cursorAt(1) });
      const subscription = connect().subscribe('room', recorder);
      await until(() => recorder.data.length === 2);
      expect(recorder.gaps).toEqual([{ kind: 'gap', reason: 'trimmed', cursor: log.cursorAt(3) }]);
      expect(recorder.data).toEqual([3, 4]);
      expect(subscription.cursor).toBe(log.cursorAt(5));
    }));

  it('reports presence if it is asked for, which does not move the position', () =>
    withTopics(async ({ topics, connect }) => {
      topics.members.push({ member: 'ann', meta: { age: 7 } });
      const recorder = new Recorder();
      const subscription = connect().subscribe('room', {
        ...recorder,
        onPresence: (presence) => recorder.presence.push(presence),
      });
      await until(() => recorder.presence.length === 1);
      const [connection] = topics.connections;
      connection?.sendText('{"op":"presence","topic":"room","joined":"bob","meta":1}');
      connection?.sendText('{"op":"presence","topic":"room","left":"ann"}');
      await until(() => recorder.presence.length === 3);
      expect(recorder.presence).toEqual([
        { kind: 'presence', members: [{ member: 'ann', meta: { age: 7 } }] },
        { kind: 'presence', joined: 'bob', meta: 1 },
        { kind: 'presence', left: 'ann' },
      ]);
      expect(subscription.cursor).toBe(topics.log('room').cursorAt(0));
    }));

  it('does not subscribe again after an end, not even after the connection was lost', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      const [ended, other] = [new Recorder(), new Recorder()];
      client.subscribe('ended', ended);
      client.subscribe('other', other);
      await until(() => other.positions.length + ended.positions.length === 2);
      topics.log('ended').append({ data: 1 });
      topics.log('ended').finish('deleted');
      await until(() => ended.ends.length === 1);
      const [connection] = topics.connections;
      connection?.close(1012);
      await until(() => other.positions.length === 2);
      expect(topics.frames.filter(({ op, topic }) => op === 'sub' && topic === 'ended')).toHaveLength(1);
      expect(ended).toMatchObject({ data: [1], ends: [{ kind: 'end', how: 'deleted' }], errors: [] });
    }));

  it('can be called again for a topic in the callback of its end', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      const again = new Recorder({ after: 'start' });
      client.subscribe('room', {
        onEnd() {
          topics.log('room').end = undefined;
          client.subscribe('room', again);
        },
      });
      await until(() => topics.count('sub') === 1);
      topics.log('room').append({ data: 1 });
      topics.log('room').finish('slow');
      await until(() => again.data.length === 1);
      topics.log('room').append({ data: 2 });
      await until(() => again.data.length === 2);
    }));

  it('does not deliver what the server still sent for an earlier subscription of the topic', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      const client = connect();
      const first = new Recorder();
      const subscription = client.subscribe('room', first);
      await until(() => first.positions.length === 1);
      topics.behaviour.onFrame = (connection, { op }) => {
        // On its way when the client has closed the first one.
        if (op === 'unsub') connection.sendText(`{"op":"msg","topic":"room","cursor":"a-77","data":"late"}`);
        return false;
      };
      subscription.close();
      subscription.close();
      const second = new Recorder();
      client.subscribe('room', second);
      await until(() => second.positions.length === 1);
      log.append({ data: 'new' });
      await until(() => second.data.length > 0);
      expect(second.data).toEqual(['new']);
      expect(first.data).toEqual([]);
    }));

  it('refuses a second subscription of a topic, and works for it after the first is closed', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      const subscription = client.subscribe('room', {});
      expect(() => client.subscribe('room', {})).toThrow(
        expect.objectContaining({ code: 'ERR_TOPICS_DUPLICATE' }),
      );
      subscription.close();
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      expect(topics.connections.size).toBe(1);
    }));

  it('reports a refusal once, and goes on with the others', () =>
    withTopics(async ({ topics, connect }) => {
      topics.hidden.add('secret');
      const client = connect();
      const [secret, malformed, open] = [new Recorder(), new Recorder({ after: '?' }), new Recorder()];
      client.subscribe('secret', secret);
      client.subscribe('malformed', malformed);
      client.subscribe('open', open);
      await until(() => secret.errors.length + malformed.errors.length + open.positions.length === 3);
      expect(secret.errors).toMatchObject([
        { name: 'TopicsError', code: 'ERR_TOPICS_REFUSED', status: undefined },
      ]);
      expect(malformed.errors).toMatchObject([{ code: 'ERR_TOPICS_CURSOR' }]);
      topics.log('open').append({ data: 1 });
      await until(() => open.data.length === 1);
      expect(open.errors).toEqual([]);
    }));

  it('tries again while the server is too busy', () =>
    withTopics(async ({ topics, connect }) => {
      let refusals = 3;
      topics.behaviour.onFrame = (connection, { op, id }) => {
        if (op !== 'sub' || refusals === 0) return false;
        refusals -= 1;
        connection.sendText(JSON.stringify({ op: 'err', id, code: 'ERR_TOPICS_UNAVAILABLE', message: '' }));
        return true;
      };
      const recorder = new Recorder();
      connect().subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      expect(topics.connections.size).toBe(1);
      expect(recorder.errors).toEqual([]);
    }));

  it('goes on after a callback that throws, whose error is an unhandled rejection', () =>
    withTopics(async ({ topics, connect }) => {
      const listeners = process.listeners('unhandledRejection');
      process.removeAllListeners('unhandledRejection');
      const thrown: unknown[] = [];
      process.on('unhandledRejection', (error) => thrown.push(error));
      try {
        const recorder = new Recorder();
        connect().subscribe('room', {
          ...recorder,
          onRecord(data, cursor) {
            recorder.onRecord(data, cursor);
            throw new Error(`of the program ${data}`);
          },
        });
        await until(() => recorder.positions.length === 1);
        topics.log('room').append({ data: 1 });
        topics.log('room').append({ data: 2 });
        await until(() => thrown.length === 2);
        expect(recorder.data).toEqual([1, 2]);
        expect(thrown.map(String)).toEqual(['Error: of the program 1', 'Error: of the program 2']);
      } finally {
        process.removeAllListeners('unhandledRejection');
        for (const listener of listeners) process.on('unhandledRejection', listener);
      }
    }));
});

describe('TopicsClient.run', () => {
  it('reads from the start to the end, with the result', () =>
    withTopics(async ({ topics, connect }) => {
      const run = topics.run('r');
      for (const data of numbers(3)) run.append({ data });
      const recorder = new Recorder();
      connect().run('r', recorder);
      await until(() => recorder.data.length === 3);
      run.append({ data: 3 });
      run.finish('finished', { result: { tokens: 4 } });
      await until(() => recorder.ends.length === 1);
      expect(recorder.data).toEqual(numbers(4));
      expect(recorder.ends).toEqual([
        { kind: 'end', how: 'finished', cursor: run.end?.cursor, result: { tokens: 4 } },
      ]);
    }));

  it('reports why a run has failed', () =>
    withTopics(async ({ topics, connect }) => {
      topics.run('r').finish('failed', { error: { code: 'ERR_RUN_FAILED', message: 'no luck' } });
      const recorder = new Recorder();
      connect().run('r', recorder);
      await until(() => recorder.ends.length === 1);
      expect(recorder.ends).toMatchObject([
        { how: 'failed', error: { code: 'ERR_RUN_FAILED', message: 'no luck' } },
      ]);
    }));

  it('cancels, and says how it has ended if it is too late', () =>
    withTopics(async ({ topics, connect }) => {
      const recorder = new Recorder();
      const run = connect().run('r', recorder);
      await expect(run.cancel()).resolves.toBe('running');
      await until(() => recorder.ends.length === 1);
      expect(recorder.ends).toMatchObject([{ how: 'cancelled' }]);
      await expect(run.cancel()).resolves.toBe('cancelled');
      expect(topics.count('cancel')).toBe(2);
    }));
});

describe('TopicsClient', () => {
  it('opens nothing before there is something to do', () =>
    withTopics(async ({ topics, connect, timers }) => {
      const client = connect();
      await turns(5);
      expect([client.state, client.transport, timers.active, topics.connections.size]).toEqual([
        'waiting',
        undefined,
        0,
        0,
      ]);
      await client.publish('room', 1);
      expect(client.state).toBe('open');
    }));

  it('subscribes without handlers', () =>
    withTopics(async ({ topics, connect }) => {
      const client = connect();
      topics.log('room').append({ data: 1 });
      const [room, run] = [client.subscribe('room'), client.run('run')];
      await until(() => room.cursor !== undefined && run.cursor !== undefined);
      topics.log('room').append({ data: 2 });
      await until(() => room.cursor === topics.log('room').cursorAt(2));
      topics.log('room').finish('deleted');
      await until(() => room.cursor === topics.log('room').end?.cursor);
    }));

  it.each([null, 'handlers', 7, () => {}])('refuses handlers that are %s, at the call', (handlers) =>
    withTopics(async ({ connect }) => {
      const client = connect();
      const refused = expect.objectContaining({ code: 'ERR_TOPICS_BAD_OPTION' });
      expect(() => client.subscribe('room', handlers as object)).toThrow(refused);
      expect(() => client.run('run', handlers as object)).toThrow(refused);
      expect(client.state).toBe('waiting');
      // Nothing is left behind that would make this a duplicate.
      client.subscribe('room').close();
    }),
  );

  it('refuses options that it does not know, and a relative URL where there is no page', async () => {
    await withTopics(async ({ connect }) => {
      const options = { transport: ['websocket'] } as object;
      expect(() => connect(options)).toThrow(expect.objectContaining({ code: 'ERR_TOPICS_BAD_OPTION' }));
    });
    const { TopicsClient } = await import('../../src/browser/index.ts');
    expect(() => new TopicsClient('/live')).toThrow(TypeError);
  });

  it('measures the round trip', () =>
    withTopics(async ({ connect }) => {
      const client = connect();
      expect(client.roundTripMs).toBeUndefined();
      await client.publish('room', 1);
      expect(client.roundTripMs).toBeGreaterThanOrEqual(0);
    }));

  it('leaves no timer and no connection behind when it is closed', () =>
    withTopics(async ({ topics, connect, timers }) => {
      const client = connect();
      const recorder = new Recorder();
      client.subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      topics.behaviour.onFrame = () => true;
      const publishing = client.publish('room', 1);
      const refused = expect(publishing).rejects.toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
      await until(() => topics.count('pub') === 1);
      expect(timers.active).toBeGreaterThan(0);
      client.close();
      client.close();
      await refused;
      expect(timers.active).toBe(0);
      await until(() => topics.connections.size === 0);
      expect([client.state, client.transport, client.roundTripMs]).toEqual(['closed', undefined, undefined]);
      expect(recorder.errors).toMatchObject([{ code: 'ERR_TOPICS_CLOSED' }]);
      expect(() => client.subscribe('other', {})).toThrow(
        expect.objectContaining({ code: 'ERR_TOPICS_CLOSED' }),
      );
      await expect(client.publish('room', 2)).rejects.toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
    }));

  it('can be closed at any moment: while it connects, while it waits, and in each callback', () =>
    withTopics(async ({ topics, connect, timers }) => {
      const connecting = connect();
      connecting.subscribe('room', {});
      connecting.close();
      for (const moment of ['connecting', 'open', 'waiting']) {
        await until(() => topics.connections.size === 0);
        const client = connect({ onState: ({ state }) => state === moment && client.close() });
        client.subscribe('room', {});
        await until(() => client.state === 'closed' || topics.connections.size > 0);
        for (const connection of topics.connections) connection.close(1012);
        await until(() => client.state === 'closed');
      }
      for (const callback of ['onPosition', 'onRecord', 'onEnd'] as const) {
        const client = connect();
        client.subscribe('ending', { after: 'start', [callback]: () => client.close() });
        await until(() => client.state !== 'waiting');
        if (topics.log('ending').length === 0) topics.log('ending').append({ data: 1 });
        if (callback === 'onEnd') topics.log('ending').finish('deleted');
        await until(() => client.state === 'closed');
      }
      expect(timers.active).toBe(0);
      await until(() => topics.connections.size === 0);
    }));
});
