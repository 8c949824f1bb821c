import { VirtualClock } from '@landspout/ioloop/testing';
import { Runs, Topics } from '@landspout/topics';
import { Application, IOLoop } from '@landspout/web';
import { describe, expect, it } from 'vitest';
import { TopicsClient, type TopicsClientOptions, type TopicsTransport } from '../../src/browser/index.ts';
import type { TopicsSocket } from '../../src/browser/platform.ts';
import type { TopicAuthorization } from '../../src/topics/index.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';
import { type Door, doorOf } from '../fixtures/topic-client.ts';
import { CountedTimers, laterOf, numbers, Recorder, SOME_WEBSOCKET, turns, until } from './harness.ts';

const TRANSPORTS: readonly TopicsTransport[] = ['websocket', 'event-stream', 'long-poll'];

/** A server that can be replaced by another one on the same port. */
class Restartable implements AsyncDisposable {
  readonly #door: Door;
  #server: Awaited<ReturnType<Application['listen']>> | undefined;
  /** That of the first server, which the system has chosen. */
  #port = 0;
  readonly clients: TopicsClient[] = [];

  constructor(door: Door) {
    this.#door = door;
  }

  async start(): Promise<void> {
    const logger = new RecordingLogger();
    const app = new Application([['/live', doorOf(this.#door)]], { logger });
    this.#server = await app.listen({ host: '127.0.0.1', port: this.#port, loop: new IOLoop({ logger }) });
    this.#port = Number(new URL(this.#server.url).port);
  }

  async restart(): Promise<void> {
    await this.#server?.stop();
    await this.start();
  }

  connect(options: TopicsClientOptions): TopicsClient {
    const timers = new CountedTimers();
    const client = new TopicsClient(`http://127.0.0.1:${this.#port}/live`, {
      WebSocket: SOME_WEBSOCKET,
      random: () => 0,
      // No wait for what a server asks that stops; the limits of requests stay.
      later: (delayMs, callback) => timers.later(delayMs < 10_000 ? 0 : delayMs, callback),
      ...options,
    });
    this.clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.close();
    await this.#server?.closeAll();
  }
}

const quiet = () => new Topics({ logger: new RecordingLogger() });

describe.each(TRANSPORTS)('TopicsClient over %s, with TopicHandler', (transport) => {
  const transports = [transport];

  it('delivers each record once and in order while servers replace each other', async () => {
    const topics = quiet();
    await using server = new Restartable({ topics });
    await server.start();
    const recorder = new Recorder();
    const client = server.connect({ transports });
    client.subscribe('room', recorder);
    await until(() => recorder.positions.length > 0);
    const publishing: Promise<string>[] = [];
    for (const round of numbers(4)) {
      for (const at of numbers(4)) publishing.push(client.publish('room', `client ${round} ${at}`));
      await topics.topic('room').publish(`server ${round}`);
      await server.restart();
    }
    const cursors = await Promise.all(publishing);
    const last = await topics.topic('room').publish('last');
    await until(() => recorder.cursors.includes(last));
    expect(recorder.data.filter((data) => String(data).startsWith('client'))).toEqual(
      numbers(16).map((at) => `client ${Math.floor(at / 4)} ${at % 4}`),
    );
    expect(recorder.data.filter((data) => !String(data).startsWith('client'))).toEqual([
      ...numbers(4).map((round) => `server ${round}`),
      'last',
    ]);
    expect(recorder.cursors).toEqual(expect.arrayContaining(cursors));
    expect([...recorder.gaps, ...recorder.errors]).toEqual([]);
    topics.close();
  });

  it('reads a run to its end, and cancels another', async () => {
    const runs = new Runs({ logger: new RecordingLogger() });
    await using server = new Restartable({ topics: quiet(), runs });
    await server.start();
    const client = server.connect({ transports });
    await runs.start('counting', { owner: 'ann' }, async (run) => {
      for (const value of numbers(20)) await run.write(value);
      return { total: 20 };
    });
    const counting = new Recorder();
    client.run('counting', counting);
    await until(() => counting.ends.length === 1);
    expect(counting.data).toEqual(numbers(20));
    expect(counting.ends).toMatchObject([{ kind: 'end', how: 'finished', result: { total: 20 } }]);
    await runs.start('endless', { owner: 'ann' }, async (run) => {
      await run.write('first');
      await new Promise((resolve) => run.signal.addEventListener('abort', resolve));
    });
    const endless = new Recorder();
    const run = client.run('endless', endless);
    await until(() => endless.data.length === 1);
    await expect(run.cancel()).resolves.toBe('running');
    await until(() => endless.ends.length === 1);
    expect(endless.ends).toMatchObject([{ how: 'cancelled' }]);
    await expect(run.cancel()).resolves.toBe('cancelled');
  });

  it('is refused what authorize does not allow, and malformed cursors', async () => {
    const authorize = ({ topic }: TopicAuthorization) => topic !== 'secret';
    await using server = new Restartable({ topics: quiet(), authorize });
    await server.start();
    const client = server.connect({ transports });
    const [secret, malformed, missing] = [new Recorder(), new Recorder({ after: '?' }), new Recorder()];
    client.subscribe('secret', secret);
    client.subscribe('malformed', malformed);
    client.run('missing', missing);
    await until(() => [secret, malformed, missing].every(({ errors }) => errors.length === 1));
    expect(secret.errors).toMatchObject([{ code: 'ERR_TOPICS_REFUSED' }]);
    expect(malformed.errors).toMatchObject([{ code: 'ERR_TOPICS_CURSOR' }]);
    expect(missing.errors).toMatchObject([{ code: 'ERR_TOPICS_REFUSED' }]);
    await expect(client.publish('secret', 1)).rejects.toMatchObject({ code: 'ERR_TOPICS_REFUSED' });
  });

  it('reports the end of a deleted topic', async () => {
    const topics = quiet();
    await using server = new Restartable({ topics });
    await server.start();
    const recorder = new Recorder();
    server.connect({ transports }).subscribe('room', recorder);
    await until(() => recorder.positions.length > 0);
    // Between two long polls, there is nothing that could end.
    while (recorder.ends.length === 0) {
      await topics.delete('room');
      await turns(5);
    }
    expect(recorder.ends).toMatchObject([{ how: 'deleted' }]);
  });

  it('publishes more at once than the server allows', async () => {
    const topics = quiet();
    const options = { publishesPerSecond: 1_000, publishBurst: 4 };
    await using server = new Restartable({ topics, options });
    await server.start();
    const client = server.connect({ transports });
    const cursors = await Promise.all(numbers(30).map((data) => client.publish('room', data)));
    expect(new Set(cursors).size).toBe(30);
  });
});

/** A class of WebSockets that counts the publishes and their replies. */
function countingSocket() {
  const counts = { sockets: 0, sent: 0, replied: 0 };
  const publishes = new Set<unknown>();
  const Base = SOME_WEBSOCKET as unknown as new (
    url: string,
    protocol: string,
  ) => TopicsSocket & {
    addEventListener(type: string, listener: (event: { readonly data: string }) => void): void;
  };
  class Counting extends Base {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      counts.sockets += 1;
      this.addEventListener('message', ({ data }) => {
        if (publishes.delete(JSON.parse(data).id)) counts.replied += 1;
      });
    }

    override send(text: string): void {
      const { op, id } = JSON.parse(text);
      if (op === 'pub') {
        counts.sent += 1;
        publishes.add(id);
      }
      super.send(text);
    }
  }
  return { counts, Counting };
}

describe('TopicsClient, with TopicHandler,', () => {
  it('slows down to the rate that the server allows', async () => {
    const clock = new VirtualClock();
    await using server = new Restartable({ topics: quiet(), options: { clock } });
    await server.start();
    const { counts, Counting } = countingSocket();
    const timers = new CountedTimers();
    const recorder = new Recorder();
    const client = server.connect({
      WebSocket: Counting,
      later: (delayMs, callback) =>
        delayMs < 10_000 ? laterOf(clock)(delayMs, callback) : timers.later(delayMs, callback),
    });
    client.subscribe('room', recorder);
    await until(() => recorder.positions.length === 1);
    let isDone = false;
    const publishing = Promise.all(numbers(100).map((data) => client.publish('room', data))).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await turns(1);
      // Time passes only while the client waits, so that the network takes none.
      if (counts.sent === counts.replied) await clock.advance(5);
    }
    expect(new Set(await publishing).size).toBe(100);
    await until(() => recorder.data.length >= 100);
    expect(recorder.data).toEqual(numbers(100));
    expect(counts.sockets).toBe(1);
    expect(counts.sent).toBeGreaterThan(100);
    expect(counts.sent).toBeLessThan(200);
  });

  it('rejects a record that is too large alone', async () => {
    const topics = quiet();
    await using server = new Restartable({ topics });
    await server.start();
    const recorder = new Recorder();
    const client = server.connect({ transports: ['websocket'] });
    client.subscribe('room', recorder);
    await until(() => recorder.positions.length === 1);
    const [first, large, last] = ['first', 'x'.repeat(3_000_000), 'last'].map((data) =>
      client.publish('room', data),
    );
    await expect(large).rejects.toMatchObject({ code: 'ERR_TOPICS_RECORD_TOO_LARGE' });
    await Promise.all([first, last]);
    await until(() => recorder.data.length >= 2);
    expect(recorder.data).toEqual(['first', 'last']);
  });

  it('sees who is present', async () => {
    const member = () => ({ member: 'ann', meta: { age: 7 } });
    await using server = new Restartable({ topics: quiet(), member });
    await server.start();
    const recorder = new Recorder();
    server.connect({}).subscribe('room', {
      ...recorder,
      onPresence: (presence) => recorder.presence.push(presence),
    });
    await until(() => recorder.presence.length > 0);
    expect(recorder.presence).toMatchObject([
      { kind: 'presence', members: [{ member: 'ann', meta: { age: 7 } }] },
    ]);
  });
});
