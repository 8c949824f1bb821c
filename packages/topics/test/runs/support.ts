import type { Logger } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { type Backplane, MemoryBackplane, Runs, type RunsOptions, type TopicEvent } from '../../src/index.ts';

/** Clocks of several processes advance in steps of this. */
const STEP_MS = 250;

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export class MemoryLog implements Logger {
  readonly lines: Line[] = [];

  debug(details: object, message: string): void {
    this.#add('debug', details, message);
  }

  info(details: object, message: string): void {
    this.#add('info', details, message);
  }

  warn(details: object, message: string): void {
    this.#add('warn', details, message);
  }

  error(details: object, message: string): void {
    this.#add('error', details, message);
  }

  /** The messages of the errors that were logged as details, and the levels. */
  get errors(): string[] {
    return this.lines.map(
      ({ level, details }) => `${level}: ${(details.error as Error | undefined)?.message}`,
    );
  }

  #add(level: string, details: object, message: string): void {
    this.lines.push({ level, details: { ...details }, message });
  }
}

/** Several "processes" that use one backplane: each has a clock of its own, which stands still when it is killed. */
export class World implements AsyncDisposable {
  readonly clock = new VirtualClock(1_700_000_000_000);
  readonly backplane: Backplane;
  readonly log = new MemoryLog();
  readonly #processes = new Map<Runs, VirtualClock>();

  /** @param open - makes the backplane. Default: in memory. */
  constructor(open = (clock: VirtualClock): Backplane => new MemoryBackplane({ clock })) {
    this.backplane = open(this.clock);
  }

  /** A new process, the backplane of which may have faults. */
  process(options: RunsOptions = {}): Runs {
    const clock = new VirtualClock();
    const runs = new Runs({ backplane: this.backplane, logger: this.log, clock, ...options });
    this.#processes.set(runs, clock);
    return runs;
  }

  /** The process makes no call any more by itself, but its promises may go on. */
  kill(runs: Runs): void {
    this.#processes.delete(runs);
  }

  /** Advances all clocks together. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      const step = Math.min(left, STEP_MS);
      await this.clock.advance(step);
      for (const clock of this.#processes.values()) await clock.advance(step);
      await settled();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runs of this.#processes.keys()) await runs.close();
    await this.backplane.close();
  }
}

/** A backplane in which some methods are replaced. */
export function withFaults(backplane: Backplane, faults: Partial<Backplane>): Backplane {
  return new Proxy(backplane, {
    get(target, name) {
      const fault = faults[name as keyof Backplane];
      if (fault !== undefined) return fault;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/**
 * A backplane behind a connection: calls arrive late but in order, and so do their results. Followers are notified at
 * once, that is before the result of the call that caused it arrives.
 */
export function withLatency(backplane: Backplane, wait: () => Promise<void>): Backplane {
  let arrived = Promise.resolve();
  let returned = Promise.resolve();
  const late =
    (method: (...args: unknown[]) => unknown) =>
    async (...args: unknown[]) => {
      arrived = arrived.then(wait);
      await arrived;
      const result = Promise.resolve(method.apply(backplane, args));
      const settling = result.then(wait, wait);
      returned = returned.then(() => settling);
      await returned;
      return result;
    };
  return new Proxy(backplane, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return name === 'compare' || name === 'stats' ? member.bind(target) : late(member as never);
    },
  });
}

/** Lets all promises settle that wait for nothing else. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export function deferred<Value = void>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** Reads to the end: the data of the records, and then how it ended. */
export async function readAll(events: AsyncIterable<TopicEvent>): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const event of events) {
    if (event.kind === 'record') read.push(event.data);
    else if (event.kind === 'end') read.push(`end: ${event.how}`);
    else read.push(event.kind);
  }
  return read;
}

/** Resolves when the signal aborts, to its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}
