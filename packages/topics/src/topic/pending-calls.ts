import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import { BackplaneError } from '../errors.ts';

interface PendingCall {
  readonly deadline: number;
  readonly reject: (error: Error) => void;
}

/** The calls that wait for the backplane: limited in number, and each in time. All have the same time, so one timer is enough. */
export class PendingCalls {
  readonly #clock: Clock;
  readonly #maxPending: number;
  readonly #timeoutMs: number;
  readonly #calls = new Set<PendingCall>();
  #timer: ClockTimer | undefined;

  constructor(clock: Clock, maxPending: number, timeoutMs: number) {
    this.#clock = clock;
    this.#maxPending = maxPending;
    this.#timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.#calls.size;
  }

  /**
   * Calls the backplane and waits for it.
   *
   * @throws BackplaneError `ERR_TOPICS_UNAVAILABLE` if too many calls wait already, and nothing was done;
   *   `ERR_TOPICS_OUTCOME_UNKNOWN` if the backplane does not respond in time.
   */
  run<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#calls.size >= this.#maxPending) {
      const problem = `publish: maxPending (${this.#maxPending}) calls wait for the backplane already; nothing was published`;
      return Promise.reject(new BackplaneError('ERR_TOPICS_UNAVAILABLE', problem));
    }
    return new Promise<Result>((resolve, reject) => {
      const pending: PendingCall = { deadline: this.#clock.now() + this.#timeoutMs, reject };
      this.#calls.add(pending);
      if (this.#timer === undefined) this.#schedule(this.#timeoutMs);
      call().then(
        (result) => {
          this.#calls.delete(pending);
          resolve(result);
        },
        (error: unknown) => {
          this.#calls.delete(pending);
          reject(error as Error);
        },
      );
    });
  }

  /** Calls that still wait are rejected at their time. */
  close(): void {
    if (this.#calls.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
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
    for (const call of this.#calls) {
      if (call.deadline > now) {
        this.#schedule(call.deadline - now);
        return;
      }
      this.#calls.delete(call);
      const problem = `publish: the backplane has not responded within publishTimeoutMs (${this.#timeoutMs}); the record may have been published`;
      call.reject(new BackplaneError('ERR_TOPICS_OUTCOME_UNKNOWN', problem));
    }
  }
}
