import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../http1/test/fixtures/seeded-random.ts';
import type { TopicsClientOptions } from '../../src/browser/index.ts';
import { numbers, Recorder, type Scene, turns, until, withTopics } from './harness.ts';
import type { Connection, TopicServer } from './topic-server.ts';

/** What can happen to a connection. */
const CUTS: readonly ((connection: Connection) => void)[] = [
  (connection) => connection.close(1012),
  (connection) => connection.close(1001),
  (connection) => connection.close(1008),
  (connection) => connection.abort(),
  (connection) => connection.sendText('{"op":"msg","topic":"room","cursor":"a-1","da'),
  (connection) => connection.sendText('{"op":"msg","topic":"0","data":"without a cursor"}'),
];

/** Pending responses are event streams and long polls. */
function isConnected({ connections, pending }: TopicServer): boolean {
  return pending.size > 0 || [...connections].some(({ isOpen }) => isOpen);
}

/** Publishes to some topics while connections are cut at random moments. */
async function publishUnderCuts(
  { topics, connect }: Scene,
  {
    seed,
    cuts,
    options,
    onCut = () => {},
  }: { seed: number; cuts: number; options: TopicsClientOptions; onCut?: () => void },
): Promise<{ recorders: Recorder[]; logs: unknown[][]; connections: number }> {
  const random = seededRandom(seed);
  const names = ['0', '1', '2'];
  const client = connect(options);
  const recorders = names.map(() => new Recorder({ after: 'start' }));
  let connections = 0;
  const seen = new Set<Connection>();
  topics.behaviour.onFrame = (connection, { op }) => {
    if (!seen.has(connection)) connections += 1;
    seen.add(connection);
    // Between the request of a subscription and the reply to it.
    if (op !== 'sub' || random(10) > 0) return false;
    connection.close(1012);
    return true;
  };
  for (const [at, name] of names.entries()) client.subscribe(name, recorders[at] as Recorder);
  for (let cut = 0; cut < cuts; cut += 1) {
    for (let count = random(6); count > 0; count -= 1) {
      const log = topics.log(String(random(names.length)));
      log.append({ data: log.length });
      if (random(3) === 0) await turns(1);
    }
    // One that is open, or that is about to be.
    if (random(4) > 0) await until(() => isConnected(topics));
    await turns(random(8));
    onCut();
    for (const connection of topics.connections) CUTS[random(CUTS.length)]?.(connection);
    for (const end of [...topics.streams]) end(random(2) === 0 ? 'end' : 'reset');
  }
  topics.behaviour.onFrame = () => false;
  for (const name of names) topics.log(name).append({ data: 'last' });
  await until(() => recorders.every(({ data }) => data.at(-1) === 'last'));
  return { recorders, logs: names.map((name) => topics.log(name).data), connections };
}

describe('A subscription of TopicsClient', () => {
  it('delivers each record once and in order over many lost connections', async () => {
    let connections = 0;
    for (const seed of numbers(3, 1)) {
      await withTopics(async (scene) => {
        const options = { transports: ['websocket'] } as const;
        const outcome = await publishUnderCuts(scene, { seed, cuts: 60, options });
        const { recorders, logs } = outcome;
        connections += outcome.connections;
        expect(recorders.map(({ data }) => data)).toEqual(logs);
        expect(recorders.flatMap(({ gaps, errors }) => [...gaps, ...errors])).toEqual([]);
      });
    }
    // On a slow machine, several cuts meet the same connection.
    expect(connections).toBeGreaterThan(50);
  });

  it('delivers each record once and in order while it changes between transports', async () => {
    const transports = new Set<string>();
    for (const seed of numbers(3, 100)) {
      await withTopics(async (scene) => {
        const { topics, timers } = scene;
        const random = seededRandom(seed);
        const options: TopicsClientOptions = {
          // The WebSocket is tried again soon.
          later: (delayMs, callback) => timers.later(delayMs === 20_000 ? 1 : delayMs, callback),
          onState({ transport }) {
            if (transport !== undefined) transports.add(transport);
          },
        };
        // A stream that is cut before its first byte has arrived makes the client use long polls for a while.
        const onCut = () => {
          topics.behaviour.refusesSockets = random(2) === 0;
        };
        const { recorders, logs } = await publishUnderCuts(scene, { seed, cuts: 40, options, onCut });
        expect(recorders.map(({ data }) => data)).toEqual(logs);
        expect(recorders.flatMap(({ gaps, errors }) => [...gaps, ...errors])).toEqual([]);
      });
    }
    expect([...transports]).toEqual(expect.arrayContaining(['event-stream', 'websocket']));
  });

  it('has a position before the first record, from which it goes on', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      const recorder = new Recorder();
      connect().subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      topics.behaviour.onFrame = (connection, { op }) => {
        // Published while the client is away.
        if (op === 'sub' && log.length === 0) log.append({ data: 'meanwhile' });
        return connection === undefined;
      };
      for (const connection of topics.connections) connection.abort();
      await until(() => recorder.data.length > 0);
      expect(recorder.data).toEqual(['meanwhile']);
    }));

  it('asks for the newest records only the first time', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(5)) log.append({ data });
      const recorder = new Recorder({ last: 2 });
      connect().subscribe('room', recorder);
      await until(() => recorder.data.length === 2);
      for (const connection of topics.connections) connection.close(1012);
      await until(() => recorder.positions.length === 2);
      log.append({ data: 5 });
      await until(() => recorder.data.length > 2);
      expect(recorder.data).toEqual([3, 4, 5]);
      const [first, second] = topics.frames.filter(({ op }) => op === 'sub');
      expect([first?.last, first?.after]).toEqual([2, undefined]);
      expect([second?.last, second?.after]).toEqual([undefined, log.cursorAt(5)]);
    }));

  it('reports a gap that was lost with the connection', () =>
    withTopics(async ({ topics, connect }) => {
      const log = topics.log('room');
      for (const data of numbers(5)) log.append({ data });
      log.trim(3);
      const recorder = new Recorder({ after: 'start' });
      const subscription = connect().subscribe('room', recorder);
      await until(() => recorder.data.length === 2);
      log.reset('b');
      log.append({ data: 'anew' });
      topics.behaviour.onFrame = (connection, { op, id }) => {
        if (op !== 'sub') return false;
        // The position is beyond the gap, which does not arrive.
        connection.sendText(JSON.stringify({ op: 'ok', id }));
        connection.sendText('{"op":"pos","topic":"room","cursor":"b-0"}');
        connection.close(1012);
        topics.behaviour.onFrame = () => false;
        return true;
      };
      for (const connection of topics.connections) connection.close(1012);
      await until(() => recorder.data.length === 3);
      expect(recorder.gaps).toEqual([{ kind: 'gap', reason: 'reset', cursor: log.cursorAt(0) }]);
      expect(subscription.cursor).toBe(log.cursorAt(1));
    }));

  it('ignores frames that it does not know, and those of other topics', () =>
    withTopics(async ({ topics, connect }) => {
      const recorder = new Recorder();
      connect().subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      const [connection] = topics.connections;
      for (const frame of [
        { op: 'news', topic: 'room', cursor: 'a-9' },
        { op: 7, topic: 'room', cursor: 'a-9' },
        { op: 'msg', topic: 'other', cursor: 'a-9', data: 1 },
        { op: 'msg', run: 'room', cursor: 'a-9', data: 1 },
        { op: 'msg', cursor: 'a-9', data: 1 },
        { op: 'end', topic: 'toString', how: 'deleted', cursor: 'a-9' },
        { op: 'ok', id: 9_999, cursor: 'a-9' },
        { op: 'ok', id: '__proto__' },
        { op: 'err', code: 'ERR_TOPICS_BAD_FRAME', message: '' },
        { op: 'err', id: { toString: 1 }, topic: 'room', code: 7 },
        { topic: 'room', cursor: 'a-9', unknown: true },
        [],
      ]) {
        connection?.sendText(JSON.stringify(frame));
      }
      topics.log('room').append({ data: 'real' });
      await until(() => recorder.data.length > 0);
      expect(recorder).toMatchObject({ data: ['real'], gaps: [], ends: [], errors: [] });
      expect(topics.log('room').cursorAt(1)).toBe(recorder.cursors[0]);
    }));

  it.each([
    ['text that is not JSON', 'hello'],
    ['null', 'null'],
    ['a record without a position', '{"op":"msg","topic":"room","data":1}'],
    ['a record with a number as its position', '{"op":"msg","topic":"room","cursor":1,"data":1}'],
    ['bytes that are not base64', '{"op":"msg","topic":"room","cursor":"a-1","bytes":"€"}'],
    ['an end without a position', '{"op":"end","topic":"room","how":"deleted"}'],
  ])('takes no harm from %s: it connects again, without a record lost', (_, text) =>
    withTopics(async ({ topics, connect }) => {
      const recorder = new Recorder();
      const subscription = connect().subscribe('room', recorder);
      await until(() => recorder.positions.length === 1);
      topics.connections.forEach((connection) => void connection.sendText(text));
      await until(() => recorder.positions.length === 2);
      topics.log('room').append({ data: 'real' });
      await until(() => recorder.data.length > 0);
      expect(recorder).toMatchObject({ data: ['real'], ends: [], errors: [] });
      expect(subscription.cursor).toBe(topics.log('room').cursorAt(1));
    }),
  );
});
