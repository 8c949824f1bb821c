import { AsyncLocalStorage } from 'node:async_hooks';
import type { StopNotice } from '@landspout/http1';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { IOStream } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type ServerRequest, type StopOptions } from '../../src/index.ts';
import { randomOf } from '../fixtures/random.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const DRAIN_MS = 30_000;
/** The last owner is notified 5 s before the end of the stop. */
const LAST_MS = DRAIN_MS - 5_000;

interface Notified {
  readonly id: number;
  readonly at: number;
  readonly final: boolean;
}

/** A server in memory whose streams are taken over by their handlers, and whose time is that of the test. */
class Scene {
  readonly clock = new VirtualClock();
  readonly problems: string[] = [];
  readonly notified: Notified[] = [];
  /** The streams that were taken over, in order. */
  readonly taken: IOStream[] = [];
  readonly server: HTTPServer;
  /** Whether owners close their streams when they are notified. */
  closes = true;
  whenNotified = () => {};

  constructor() {
    const report = (_details: object, message: string) => void this.problems.push(message);
    const loop = new IOLoop({
      clock: this.clock,
      logger: { debug() {}, info() {}, warn: report, error: report },
    });
    this.server = new HTTPServer((request) => this.#take(request), { loop, idleTimeoutMs: 120_000 });
  }

  static async of(count: number): Promise<Scene> {
    const scene = new Scene();
    await scene.open(count);
    return scene;
  }

  /** Opens connections that are taken over at once. */
  async open(count: number): Promise<void> {
    const expected = this.taken.length + count;
    for (let i = 0; i < count; i += 1) void this.connect().write(Buffer.from(GET));
    while (this.taken.length < expected) await turn();
  }

  /** Opens a connection on which nothing is sent yet. */
  connect(): IOStream {
    const [client, server] = IOStream.pair({ clock: this.clock });
    this.server.handleStream(server);
    client.waitClosed().catch(() => {});
    return client;
  }

  #take({ exchange }: ServerRequest): void {
    const id = this.taken.length;
    const stream = exchange.detach(({ final }: StopNotice) => {
      this.notified.push({ id, at: this.clock.now(), final });
      if (this.closes) stream.close();
      this.whenNotified();
    });
    this.taken.push(stream);
  }

  get times(): number[] {
    return this.notified.map(({ at }) => at);
  }

  get order(): number[] {
    return this.notified.map(({ id }) => id);
  }

  /** Stops to the end, which the clock reaches in small steps. */
  async stop(options: StopOptions = {}) {
    const startedAt = this.clock.now();
    const stopping = this.server.stop({ graceMs: 0, drainMs: DRAIN_MS, random: seeded(1), ...options });
    let isOver = false;
    void stopping.then(() => {
      isOver = true;
    });
    await turn();
    while (!isOver && this.clock.now() - startedAt <= DRAIN_MS) {
      await this.clock.advance(100);
      await turn();
    }
    return stopping;
  }
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

function seeded(seed: number): () => number {
  const random = randomOf(seed);
  return () => random(2 ** 32) / 2 ** 32;
}

/** The largest number of times within any second. */
function mostInOneSecond(times: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (let i = 0; i < times.length; i += 1) {
    while ((times[first] as number) <= (times[i] as number) - 1_000) first += 1;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

const ascending = (count: number) => Array.from({ length: count }, (_, id) => id);
const sorted = (order: readonly number[]) => [...order].sort((a, b) => a - b);

describe('HTTPServer.stop, of many streams that were taken over', () => {
  it('notifies each owner once, in random order, at most 500 in any second [HS-02]', async () => {
    const scene = await Scene.of(2_000);
    const result = await scene.stop();
    expect(result).toEqual({ finished: 2_000, idle: 0, cut: 0 });
    expect(sorted(scene.order)).toEqual(ascending(2_000));
    expect(scene.order).not.toEqual(ascending(2_000));
    expect(mostInOneSecond(scene.times)).toBeLessThanOrEqual(500);
    expect(scene.times.at(-1)).toBeGreaterThan(3_000);
    expect(scene.times.at(-1)).toBeLessThanOrEqual(4_100);
    expect(scene.problems).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });

  it('spreads them evenly over each second', async () => {
    const scene = await Scene.of(1_500);
    await scene.stop();
    const perTenth = new Map<number, number>();
    for (const at of scene.times) {
      const tenth = Math.floor(at / 100);
      perTenth.set(tenth, (perTenth.get(tenth) ?? 0) + 1);
    }
    expect(Math.max(...perTenth.values())).toBeLessThanOrEqual(60);
  });

  it('has another order for another source of randomness, and the same for the same', async () => {
    const orderOf = async (seed: number) => {
      const scene = await Scene.of(700);
      await scene.stop({ random: seeded(seed) });
      return scene.order;
    };
    const order = await orderOf(1);
    expect(await orderOf(1)).toEqual(order);
    const other = await orderOf(2);
    expect(other).not.toEqual(order);
    expect(sorted(other)).toEqual(sorted(order));
  });

  it.each([
    [2_000, 6_000],
    [3_000, 8_000],
    [2_600, 10_000],
  ])('raises the rate so that the last of %i is notified 5 s before %i ms', async (count, drainMs) => {
    const scene = await Scene.of(count);
    await scene.stop({ drainMs });
    expect(sorted(scene.order)).toEqual(ascending(count));
    expect(scene.times.at(-1)).toBeLessThanOrEqual(drainMs - 5_000);
    expect(scene.times.at(-1)).toBeGreaterThan((drainMs - 5_000) * 0.9);
    // As even as the time allows.
    expect(mostInOneSecond(scene.times)).toBeLessThanOrEqual((count / (drainMs - 5_000)) * 1_000 * 1.05);
  });

  it('raises it too if streams whose owners do not close them leave less time', async () => {
    const scene = await Scene.of(1_000);
    scene.closes = false;
    const result = await scene.stop({ closesPerSecond: 10 });
    expect(result).toEqual({ finished: 0, idle: 0, cut: 1_000 });
    expect(sorted(scene.order)).toEqual(ascending(1_000));
    expect(scene.times.at(-1)).toBeLessThanOrEqual(LAST_MS);
    expect(scene.times.at(-1)).toBeGreaterThan(LAST_MS * 0.9);
  });

  it('keeps to a small closesPerSecond if the time allows it', async () => {
    const scene = await Scene.of(30);
    await scene.stop({ closesPerSecond: 3 });
    expect(sorted(scene.order)).toEqual(ascending(30));
    expect(mostInOneSecond(scene.times)).toBe(3);
    expect(scene.times.at(-1)).toBeLessThanOrEqual(11_000);
  });

  it.each<[string, number, StopOptions]>([
    ['500, the default of closesPerSecond', 500, {}],
    ['as many as closesPerSecond', 20, { closesPerSecond: 20 }],
    ['any number without a limit', 1_200, { closesPerSecond: Infinity }],
    ['any number if drainMs leaves no time', 1_200, { drainMs: 5_000 }],
  ])(
    'notifies %s at once, so that a small server stops without delay [HS-02]',
    async (_what, count, options) => {
      const scene = await Scene.of(count);
      const stopping = scene.server.stop({ graceMs: 0, drainMs: DRAIN_MS, ...options });
      await turn();
      expect(scene.times).toEqual(Array.from({ length: count }, () => 0));
      expect(await stopping).toEqual({ finished: count, idle: 0, cut: 0 });
      expect(scene.clock.pending).toBe(0);
    },
  );

  it('does not notify owners whose streams are closed before their turn', async () => {
    const scene = await Scene.of(2_000);
    const stopping = scene.server.stop({ graceMs: 0, drainMs: DRAIN_MS, random: seeded(3) });
    await scene.clock.advance(1_000);
    const notified = new Set(scene.order);
    expect(notified.size).toBe(500);
    const left = scene.taken.filter((_, id) => id % 2 === 0 && !notified.has(id));
    for (const stream of left) stream.close();
    await scene.clock.advance(10_000);
    expect(await stopping).toEqual({ finished: 2_000, idle: 0, cut: 0 });
    expect(scene.notified).toHaveLength(2_000 - left.length);
    expect(new Set(scene.order).size).toBe(scene.notified.length);
    expect(scene.order.slice(500).filter((id) => id % 2 === 0)).toEqual([]);
  });

  it('does not notify an owner whose stream is closed in the same loop iteration', async () => {
    const scene = await Scene.of(2);
    const stopping = scene.server.stop({ graceMs: 0, drainMs: DRAIN_MS });
    scene.taken[0]?.close();
    await stopping;
    expect(scene.order).toEqual([1]);
  });

  it.each([true, false])('passes final to the owners: %j', async (final) => {
    const scene = await Scene.of(3);
    await scene.stop({ final });
    expect(scene.notified.map((one) => one.final)).toEqual([final, final, final]);
  });

  it('gets the options of stopOnSignals too', async () => {
    const scene = await Scene.of(3);
    const options = { graceMs: 0, drainMs: DRAIN_MS, final: true, closesPerSecond: 2, random: seeded(1) };
    const { stopped } = scene.server.stopOnSignals({ signals: ['SIGUSR2'], ...options });
    process.emit('SIGUSR2', 'SIGUSR2');
    await turn();
    await scene.clock.advance(500);
    await turn();
    expect(scene.notified).toMatchObject([{ at: 500, final: true }]);
    await scene.clock.advance(2_000);
    expect(await stopped).toEqual({ finished: 3, idle: 0, cut: 0 });
  });

  it('is not final by default', async () => {
    const scene = await Scene.of(1);
    await scene.stop();
    expect(scene.notified[0]?.final).toBe(false);
  });

  it('notifies the owner of a stream that is detached during the stop in the next loop iteration', async () => {
    const scene = await Scene.of(3);
    const late = scene.connect();
    const stopping = scene.server.stop({ graceMs: 10_000, drainMs: DRAIN_MS, final: true });
    await turn();
    await scene.clock.advance(2_000);
    expect(scene.notified).toHaveLength(3);
    await late.write(Buffer.from(GET));
    await turn();
    expect(scene.notified.at(-1)).toEqual({ id: 3, at: 2_000, final: true });
    expect(await stopping).toEqual({ finished: 4, idle: 0, cut: 0 });
  });

  it('counts those that are taken over during the stop for the rate', async () => {
    const scene = await Scene.of(3);
    const late = Array.from({ length: 5 }, () => scene.connect());
    const stopping = scene.server.stop({ graceMs: 10_000, drainMs: DRAIN_MS, closesPerSecond: 4 });
    await turn();
    await scene.clock.advance(500);
    for (const stream of late) await stream.write(Buffer.from(GET));
    await turn();
    expect(scene.times).toEqual([0, 0, 0, 500]);
    await scene.clock.advance(5_000);
    expect(await stopping).toEqual({ finished: 8, idle: 0, cut: 0 });
    expect(mostInOneSecond(scene.times)).toBe(4);
  });

  it('ends the notices with closeAll, and begins again with the next stop', async () => {
    const scene = await Scene.of(1_000);
    const stopping = scene.server.stop({ graceMs: 0, drainMs: DRAIN_MS });
    await scene.clock.advance(100);
    await turn();
    await scene.server.closeAll();
    const { length } = scene.notified;
    expect(length).toBeLessThan(100);
    expect(await stopping).toMatchObject({ finished: length, cut: 1_000 - length });
    await scene.clock.advance(5_000);
    expect(scene.notified).toHaveLength(length);
    expect(scene.clock.pending).toBe(0);
    await scene.server.listen({ port: 0, host: '127.0.0.1' });
    await scene.open(2);
    await turn();
    expect(scene.notified).toHaveLength(length);
    expect(await scene.server.stop()).toEqual({ finished: 2, idle: 0, cut: 0 });
    expect(scene.notified).toHaveLength(length + 2);
  });

  it('calls the owners outside the async context of the stop', async () => {
    const storage = new AsyncLocalStorage<string>();
    const scene = await Scene.of(2);
    scene.whenNotified = () => expect(storage.getStore()).toBeUndefined();
    await storage.run('of the stop', () => scene.stop({ closesPerSecond: 1 }));
    expect(scene.notified).toHaveLength(2);
    expect(scene.problems).toEqual([]);
  });

  it('notifies the other owners if one throws, and logs the error', async () => {
    const scene = await Scene.of(3);
    scene.whenNotified = () => {
      throw new Error('a bug');
    };
    expect(await scene.stop()).toEqual({ finished: 3, idle: 0, cut: 0 });
    expect(scene.notified).toHaveLength(3);
    expect(scene.problems).toHaveLength(3);
  });

  it.each<[string, () => number]>([
    [
      'throws',
      () => {
        throw new Error('no entropy');
      },
    ],
    ['returns no number', () => Number.NaN],
    ['returns too large a number', () => 2],
  ])('stops although random %s, and says so once', async (_what, random) => {
    const scene = await Scene.of(600);
    await scene.stop({ random });
    expect(sorted(scene.order)).toEqual(ascending(600));
    expect(scene.problems).toEqual(['the random function of a stop failed; Math.random is used instead']);
  });

  it('may get 1 as a random number', async () => {
    const scene = await Scene.of(600);
    await scene.stop({ random: () => 1 });
    expect(sorted(scene.order)).toEqual(ascending(600));
    expect(scene.problems).toEqual([]);
  });

  it.each<StopOptions>([
    { closesPerSecond: 0 },
    { closesPerSecond: 0.5 },
    { closesPerSecond: Number.NaN },
    { closesPerSecond: '500' as never },
    { final: 1 as never },
    { random: 0.5 as never },
  ])('refuses %o', async (options) => {
    const server = new HTTPServer(() => {});
    const refusal = expect.objectContaining({ code: 'ERR_STREAM_USAGE' });
    await expect(server.stop(options)).rejects.toEqual(refusal);
    expect(() => server.stopOnSignals(options)).toThrow(refusal);
  });
});
