import { setMaxListeners } from 'node:events';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';
import { takeCensus, untilCensusIs } from './support/census.ts';
import { ENDINGS, endingOf, wayOf } from './support/churn-endings.ts';
import { type ChurnScene, type Ending, HOST, SMALL_LIMIT } from './support/churn-scene.ts';

const CONNECTIONS = 5_000;
const AT_ONCE = 100;
const SEED = 0x1a2d5f07;
/** How long the last descriptors may take to go, before their number is compared. */
const PATIENCE_MS = 5_000;

/** A linear congruence: the same sequence in every run. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Counts promises that have not settled. */
class Outstanding {
  count = 0;
  total = 0;

  readonly track = <T>(promise: Promise<T>): Promise<T> => {
    this.count += 1;
    this.total += 1;
    const settled = (): void => {
      this.count -= 1;
    };
    promise.then(settled, settled);
    return promise;
  };
}

/** Lets time pass for deadlines while `work` goes on. */
async function whileTimePasses(clock: VirtualClock, work: Promise<unknown>): Promise<void> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  work.then(done, done);
  while (!isDone) {
    await clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await work;
}

describe('TCPServer and TCPClient', () => {
  it(`leak nothing and leave nothing waiting over ${CONNECTIONS} connections that end in every way`, {
    timeout: 240_000,
  }, async () => {
    const { loop, of } = recordingLoop();
    const clock = new VirtualClock();
    const signal = new AbortController().signal;
    // All of them at once wait for it, and Node would take that for a leak.
    setMaxListeners(0, signal);
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    const outstanding = new Outstanding();
    const random = seededRandom(SEED);

    let scene!: ChurnScene;
    const handleStream = async (stream: IOStream): Promise<void> => {
      const [way] = await outstanding.track(stream.readBytes(1, { signal }));
      const ending = endingOf(way as number);
      if (ending !== undefined) {
        await ending.server(stream, scene);
      } else {
        // What names no way is a TLS handshake, and waits in vain.
        await outstanding.track(stream.readUntilClose({ signal }));
        stream.close();
      }
      await outstanding.track(stream.waitClosed());
    };
    await using server = await new TCPServer({ loop, handleStream }).listen({ host: HOST });
    scene = {
      client: new TCPClient({ loop }),
      virtualClient: new TCPClient({ loop: new IOLoop({ clock, logger: loop.logger }) }),
      clock,
      port: server.port,
      signal,
      track: outstanding.track,
      random,
    };

    const runOne = async (ending: Ending): Promise<void> => {
      if (ending.opens !== undefined) return ending.opens(scene, wayOf(ending));
      const options = { host: HOST, port: scene.port, signal, maxWriteBufferBytes: SMALL_LIMIT };
      const stream = await outstanding.track(scene.client.connect(options));
      // Refused where the server was faster.
      void outstanding.track(stream.write(wayOf(ending)));
      await ending.client(stream, scene);
      await outstanding.track(stream.waitClosed());
    };
    const times = new Map(ENDINGS.map((ending) => [ending.name, 0]));
    const runWave = async (): Promise<void> => {
      const endings = Array.from({ length: AT_ONCE }, () => ENDINGS[random(ENDINGS.length)] as Ending);
      for (const { name } of endings) times.set(name, (times.get(name) as number) + 1);
      await whileTimePasses(clock, Promise.all(endings.map(runOne)));
      await until(() => server.openConnections === 0);
    };

    // Once each, so that what is made on first use is there before anything is counted.
    await whileTimePasses(clock, Promise.all(ENDINGS.map(runOne)));
    await until(() => server.openConnections === 0);
    const before = takeCensus(signal);
    const statsBefore = server.stats();

    for (let done = 0; done < CONNECTIONS; done += AT_ONCE) await runWave();

    await until(() => outstanding.count === 0);
    const after = await untilCensusIs(before, signal, PATIENCE_MS);
    process.off('unhandledRejection', onUnhandled);
    expect(after).toEqual({ ...before, descriptors: after.descriptors });
    expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
    expect(unhandled).toEqual([]);
    expect(of('error')).toEqual([]);
    expect(clock.pending).toBe(0);
    expect(outstanding.total).toBeGreaterThan(2 * CONNECTIONS);

    const stats = server.stats();
    const closed = Object.values(stats.closed).reduce((sum, count) => sum + count);
    expect(stats).toMatchObject({ open: 0, queuedBytes: 0, refused: 0 });
    expect(closed + stats.detached).toBe(stats.opened);
    const since = (reason: keyof typeof stats.closed) => stats.closed[reason] - statsBefore.closed[reason];
    expect(since('we-reset')).toBe(times.get('the server resets'));
    expect(since('limit')).toBe(times.get('the server passes a limit of its reads'));
    expect(since('error')).toBe(times.get('a consumer throws'));
    expect(stats.detached - statsBefore.detached).toBe(
      times.get('the server gives the connection to a Node socket'),
    );
    expect(Math.min(...times.values())).toBeGreaterThan(CONNECTIONS / ENDINGS.length / 2);
  });
});
