import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';

/** How long to wait after Redis could not be called, in milliseconds. */
const RETRY_MS = 1000;

/** What the timers call. */
export interface LeaveCalls {
  /** Announces the leaves of a topic that are due. @returns in how many milliseconds the next one is; -1: never. */
  announce(topic: string): Promise<number>;
  /** Called when a topic has no more leaves to announce. */
  idle(topic: string): void;
  report(error: unknown): void;
}

interface Pending {
  readonly at: number;
  readonly timer: ClockTimer;
}

/**
 * Announces leaves when they are due: the process that has begun the delay of a leave does that. Redis decides what is
 * due, so the clock of this process says only when to ask it.
 */
export class LeaveTimers {
  readonly #clock: Clock;
  readonly #calls: LeaveCalls;
  readonly #pending = new Map<string, Pending>();
  /** Topics that Redis is asked about at the moment, and whether it has to be asked again. */
  readonly #asking = new Map<string, boolean>();
  #isClosed = false;

  constructor(clock: Clock, calls: LeaveCalls) {
    this.#clock = clock;
    this.#calls = calls;
  }

  /** Number of topics with leaves to announce. */
  get size(): number {
    return this.#pending.size + this.#asking.size;
  }

  /** Whether a leave of this topic is to be announced. */
  has(topic: string): boolean {
    return this.#pending.has(topic) || this.#asking.has(topic);
  }

  /** @param dueMs - in how many milliseconds the first leave is due; -1: never. */
  schedule(topic: string, dueMs: number): void {
    if (this.#isClosed || !(dueMs >= 0)) return;
    const at = this.#clock.now() + dueMs;
    const pending = this.#pending.get(topic);
    if (pending !== undefined && pending.at <= at) return;
    pending?.timer.cancel();
    runInRootContext(() => {
      const timer = this.#clock.setTimeout(() => void this.#announce(topic), dueMs);
      timer.unref();
      this.#pending.set(topic, { at, timer });
    }, undefined);
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#pending.values()) timer.cancel();
    this.#pending.clear();
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  async #announce(topic: string): Promise<void> {
    this.#pending.delete(topic);
    const isAsking = this.#asking.has(topic);
    this.#asking.set(topic, isAsking);
    if (isAsking) return;
    let dueMs = RETRY_MS;
    try {
      dueMs = await this.#calls.announce(topic);
    } catch (error) {
      this.#calls.report(error);
    }
    const isDueAgain = this.#asking.get(topic) === true;
    this.#asking.delete(topic);
    this.schedule(topic, isDueAgain ? 0 : dueMs);
    if (!this.has(topic) && !this.#isClosed) this.#calls.idle(topic);
  }
}
