import { INSPECT, inspection } from '../inspection.ts';
import { LoopTimeoutError } from '../loop-errors.ts';
import { type Grant, WaitList } from './wait-list.ts';
import { checkWait, clockOf, type WaitableOptions, type WaitOptions } from './wait-options.ts';

/** Nothing to pass on: an event wakes all of its waiters. */
const WOKEN: Grant<void> = { deliver() {}, passOn() {} };

/**
 * A flag to wait for: once set, it lets everybody pass until it is cleared.
 *
 * Named as in Tornado. It hides the global `Event` of the DOM where it is imported.
 *
 * @example
 * const ready = new Event();
 * setTimeout(() => ready.set(), 10);
 * await ready.wait({ timeoutMs: 1000 });
 */
export class Event {
  readonly #waiters: WaitList<void>;
  #isSet = false;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for wrong options. */
  constructor(options: WaitableOptions = {}) {
    this.#waiters = new WaitList(clockOf('Event', options), (timeoutMs) => {
      throw new LoopTimeoutError(`wait: the event was not set within ${timeoutMs} ms`);
    });
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  /** Sets the flag, and wakes all who wait after the caller's turn, even if the flag is cleared before that. */
  set(): void {
    this.#isSet = true;
    while (this.#waiters.wake(WOKEN));
  }

  /** Clears the flag: those who come from here on wait for the next {@link set}. */
  clear(): void {
    this.#isSet = false;
  }

  /**
   * Waits until the flag is set; returns at once when it is.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; LoopUsageError `ERR_LOOP_USAGE` for
   * wrong options; the reason of `signal` when it is aborted. Neither leaves anything behind.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    checkWait('wait', options);
    if (!this.#isSet) await this.#waiters.wait(options, undefined);
  }

  [INSPECT](): object {
    return inspection(this, ['isSet'], () => ({ waiting: this.#waiters.size }));
  }
}
