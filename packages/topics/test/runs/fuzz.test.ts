import { describe, expect, it } from 'vitest';
import {
  type Run,
  RunFailure,
  type Runs,
  type RunsOptions,
  type SubscribeOptions,
  type SubscriptionSink,
  type TopicEvent,
} from '../../src/index.ts';
import { settled, World, withLatency } from './support.ts';

/** A generator of the same numbers for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const STEPS = 300;
/** How many runs the steps choose from at a time; every few steps, a new one takes the place of the oldest. */
const RUNS_AT_A_TIME = 6;
const STEPS_PER_RUN = 8;
const MAX_WRITES = 20;

/** A subscription, and what came. */
interface Reading {
  readonly id: string;
  readonly after: string | undefined;
  readonly events: readonly TopicEvent[];
}

/** Random runs on random processes, and everything that their records should be. */
class Fuzz {
  readonly world = new World();
  readonly random: () => number;
  readonly readings: Reading[] = [];
  /** The cursors of the writes that were confirmed, by run. */
  readonly confirmed = new Map<string, Map<string, string>>();
  processes: Runs[] = [];
  #steps = 0;
  #writes = 0;

  readonly #isRemote: boolean;

  /** @param isRemote - the backplane takes its time. */
  constructor(seed: number, isRemote: boolean) {
    this.random = randomOf(seed);
    this.#isRemote = isRemote;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.random() * items.length)] as Item;
  }

  addProcess(): void {
    const { backplane } = this.world;
    const options: RunsOptions = {
      backplane: this.#isRemote ? withLatency(backplane, () => this.#latency()) : backplane,
      maxAttempts: 2,
      ttlMs: 100_000_000,
      cancelGraceMs: 1000,
      maxDurationMs: 200_000,
    };
    const onInterrupted = () => (this.chance(0.7) ? this.producer : undefined);
    this.processes.push(this.world.process({ ...options, onInterrupted }));
  }

  /** Writes, waits and settles at random; it ignores its signal now and then. */
  readonly producer = async (run: Run): Promise<unknown> => {
    const isStubborn = this.chance(0.3);
    const confirmed = this.confirmed.get(run.id) ?? new Map<string, string>();
    this.confirmed.set(run.id, confirmed);
    for (let count = Math.floor(this.random() * MAX_WRITES); count > 0; count -= 1) {
      if (run.signal.aborted && !isStubborn) throw run.signal.reason;
      this.#writes += 1;
      const text = `${run.attempt} ${this.#writes}`;
      const writing = run.write(text).then((cursor) => confirmed.set(cursor, text));
      if (this.chance(0.8)) await writing;
      else writing.catch(() => {});
      if (this.chance(0.5)) await this.#sleep();
    }
    if (this.chance(0.1)) await new Promise(() => {});
    if (this.chance(0.2)) throw new RunFailure('UNLUCKY', 'It failed.');
    return { id: run.id };
  };

  async step(): Promise<void> {
    while (this.processes.length < 2 || this.chance(0.02)) this.addProcess();
    const process = this.pick(this.processes);
    this.#steps += 1;
    const id = `run ${Math.floor(this.#steps / STEPS_PER_RUN + this.random() * RUNS_AT_A_TIME)}`;
    const choice = this.random();
    if (choice < 0.3) await process.start(id, { owner: 'ann' }, this.producer);
    else if (choice < 0.55) await this.read(process, id);
    else if (choice < 0.59) await process.cancel(id).catch(ignoreMissing);
    else if (choice < 0.62) this.#kill(process);
    else if (choice < 0.64) await this.#close(process);
    else await this.world.advance(Math.floor(this.random() * 4000));
  }

  async read(process: Runs, id: string): Promise<void> {
    const cursors = [...(this.confirmed.get(id)?.keys() ?? [])];
    const after = cursors.length > 0 && this.chance(0.7) ? this.pick(cursors) : undefined;
    const events: TopicEvent[] = [];
    const options = after === undefined ? {} : { after };
    const isPushed = this.chance(0.5);
    const reading = isPushed
      ? await this.#pushed(process, id, options, events)
      : await this.#pulled(process, id, options, events);
    if (reading) this.readings.push({ id, after, events });
  }

  /** Waits until each run must have its end. */
  async finish(): Promise<void> {
    this.addProcess();
    await this.world.advance(700_000);
  }

  async #pulled(
    process: Runs,
    id: string,
    options: SubscribeOptions,
    events: TopicEvent[],
  ): Promise<boolean> {
    const subscription = await process.read(id, options).catch(ignoreMissing);
    if (subscription === undefined) return false;
    void (async () => {
      for await (const event of subscription) {
        events.push(event);
        if (this.chance(0.1)) await this.#sleep();
      }
    })();
    return true;
  }

  async #pushed(
    process: Runs,
    id: string,
    options: SubscribeOptions,
    events: TopicEvent[],
  ): Promise<boolean> {
    const sink: SubscriptionSink = {
      deliver: (event) => {
        events.push(event);
        const isFull = this.chance(0.3);
        if (isFull) void this.#sleep().then(() => attachment?.resume());
        return !isFull;
      },
    };
    const attachment = await process.reader(id).attach(sink, options).catch(ignoreMissing);
    attachment?.resume();
    return attachment !== undefined;
  }

  #kill(process: Runs): void {
    this.world.kill(process);
    this.processes = this.processes.filter((other) => other !== process);
  }

  async #close(process: Runs): Promise<void> {
    this.processes = this.processes.filter((other) => other !== process);
    await process.close();
    this.world.kill(process);
  }

  async #latency(): Promise<void> {
    for (let turns = Math.floor(this.random() * 3); turns > 0; turns -= 1) await settled();
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.world.clock.setTimeout(resolve, Math.floor(this.random() * 3000));
    });
  }
}

function ignoreMissing(error: { code?: unknown }): undefined {
  if (error.code !== 'ERR_RUN_NOT_FOUND') throw error;
}

/** The whole log of a run, read by a new process. */
async function wholeLog(runs: Runs, id: string): Promise<TopicEvent[]> {
  const events: TopicEvent[] = [];
  for await (const event of await runs.read(id)) events.push(event);
  return events;
}

function shown(events: readonly TopicEvent[]): unknown[] {
  return events.map((event) => (event.kind === 'record' ? [event.cursor, event.data] : event));
}

/** The log consists of records and one end; each confirmed write is in it once, at its cursor. */
function checkLog(log: readonly TopicEvent[], confirmed: ReadonlyMap<string, string>): void {
  expect(log.map(({ kind }) => kind)).toEqual([...Array(log.length - 1).fill('record'), 'end']);
  expect(log.at(-1)).toMatchObject({
    how: expect.stringMatching(/^(finished|failed|cancelled|interrupted)$/),
  });
  const written = new Map<string, unknown>();
  for (const event of log) if (event.kind === 'record') written.set(event.cursor, event.data);
  expect(new Set(written.values()).size).toBe(log.length - 1);
  // Once a producer has written, the earlier ones write nothing any more.
  const attempts = [...written.values()].map((text) => Number.parseInt(String(text), 10));
  expect(attempts).toEqual([...attempts].sort((a, b) => a - b));
  for (const [cursor, text] of confirmed) expect(written.get(cursor)).toBe(text);
}

/** @returns whether the reader saw all: not if its process was closed. */
function checkReading({ after, events }: Reading, log: readonly TopicEvent[]): boolean {
  const from = log.findIndex((event) => event.kind === 'record' && event.cursor === after) + 1;
  const last = events.at(-1);
  if (last?.kind === 'end' && last.how === 'closed') {
    expect(shown(events.slice(0, -1))).toEqual(shown(log.slice(from, from + events.length - 1)));
    return false;
  }
  expect(shown(events)).toEqual(shown(log.slice(from)));
  return true;
}

describe('runs in several processes, at random', () => {
  it.each([false, true].flatMap((isRemote) => [1, 2, 3, 4, 5, 6].map((seed) => ({ seed, isRemote }))))(
    'end exactly once, and each reader sees the whole log and that end (seed $seed, remote $isRemote)',
    async ({ seed, isRemote }) => {
      const fuzz = new Fuzz(seed, isRemote);
      await using world = fuzz.world;
      for (let steps = 0; steps < STEPS; steps += 1) await fuzz.step();
      await fuzz.finish();
      const observer = world.process();
      const ends = new Set<string>();
      let complete = 0;
      for (const [id, confirmed] of fuzz.confirmed) {
        expect((await world.backplane.runInfo(id)).end).toBeDefined();
        const log = await wholeLog(observer, id);
        checkLog(log, confirmed);
        const last = log.at(-1);
        if (last?.kind === 'end') ends.add(last.how);
        for (const reading of fuzz.readings) {
          if (reading.id === id && checkReading(reading, log)) complete += 1;
        }
      }
      // Otherwise the test has not tested much.
      expect(ends.size).toBeGreaterThan(2);
      expect(fuzz.confirmed.size).toBeGreaterThan(20);
      expect(complete).toBeGreaterThan(20);
      for (const { details } of world.log.lines) expect(details.error).not.toBeInstanceOf(TypeError);
    },
  );
});
