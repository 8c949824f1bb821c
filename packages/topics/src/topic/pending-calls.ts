import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import { BackplaneError } from '../errors.ts';

/** The limits of {@link PendingCalls}. */
export interface PendingLimits {
  readonly maxPending: number;
  readonly maxPendingBytes: number;
  readonly timeoutMs: number;
}

interface Waiter {
  readonly operation: string;
  readonly deadline: number;
  readonly reject: (error: Error) => void;
}

/**
 * The calls that the backplane has not settled: limited in number and bytes, because it has them even if their callers
 * no longer wait; and the callers, each limited in time. All have the same time, so one timer is enough.
 */
export class PendingCalls {
  readonly #clock: Clock;
  readonly #limits: PendingLimits;
  readonly #waiters = new Set<Waiter>();
  #size = 0;
  #bytes = 0;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock, limits: PendingLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Number of calls that the backplane has not settled. */
  get size(): number {
    return this.#size;
  }

  /** The bytes of these calls. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Calls the backplane and waits for it.
   *
   * @param bytes - what the backplane keeps of the call until it is settled.
   * @throws BackplaneError `ERR_TOPICS_UNAVAILABLE` if too many calls are pending already, and nothing was done;
   *   `ERR_TOPICS_OUTCOME_UNKNOWN` if the backplane does not respond in time.
   */
  run<Result>(operation: string, bytes: number, call: () => Promise<Result>): Promise<Result> {
    const { maxPending, maxPendingBytes } = this.#limits;
    const isTooMuch = this.#size > 0 && this.#bytes + bytes > maxPendingBytes;
    if (this.#size >= maxPending || isTooMuch) {
      const limits = `maxPending (${maxPending}), maxPendingBytes (${maxPendingBytes})`;
      const problem = `${operation}: ${this.#size} calls with ${this.#bytes} bytes wait for the backplane already, and the limits are ${limits}; nothing was done`;
      return Promise.reject(new BackplaneError('ERR_TOPICS_UNAVAILABLE', problem));
    }
    const called = call();
    this.#size += 1;
    this.#bytes += bytes;
    const settled = (): void => {
      this.#size -= 1;
      this.#bytes -= bytes;
    };
    called.then(settled, settled);
    return this.within(operation, called);
  }

  /**
   * Waits for something that the backplane does.
   *
   * @throws BackplaneError `ERR_TOPICS_OUTCOME_UNKNOWN` if it takes too long.
   */
  within<Result>(operation: string, result: Promise<Result>): Promise<Result> {
    const { timeoutMs } = this.#limits;
    return new Promise<Result>((resolve, reject) => {
      const waiter: Waiter = { operation, deadline: this.#clock.now() + timeoutMs, reject };
      this.#waiters.add(waiter);
      if (this.#timer === undefined) this.#schedule(timeoutMs);
      result.then(
        (value) => {
          this.#waiters.delete(waiter);
          resolve(value);
        },
        (error: unknown) => {
          this.#waiters.delete(waiter);
          reject(error as Error);
        },
      );
    });
  }

  /** Callers that still wait are rejected at their time. */
  close(): void {
    if (this.#waiters.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'bytes'], () => ({ waiting: this.#waiters.size }));
  }

  /** The timer stays when all calls are done, since the next ones are likely to come soon. */
  #schedule(delayMs: number): void {
    runInRootContext(() => {
      this.#timer = this.#clock.setTimeout(() => this.#rejectDue(), delayMs);
      this.#timer.unref();
    }, undefined);
  }

  #rejectDue(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const waiter of this.#waiters) {
      if (waiter.deadline > now) {
        this.#schedule(waiter.deadline - now);
        return;
      }
      this.#waiters.delete(waiter);
      const { operation } = waiter;
      const problem = `${operation}: the backplane has not responded within publishTimeoutMs (${this.#limits.timeoutMs}); it may have done it, or do it later`;
      waiter.reject(new BackplaneError('ERR_TOPICS_OUTCOME_UNKNOWN', problem));
    }
  }
}
