import { INSPECT, inspection } from '../inspection.ts';
import { LoopTimeoutError } from '../loop-errors.ts';
import { type Grant, WaitList } from './wait-list.ts';
import { checkWait, clockOf, type WaitableOptions, type WaitOptions } from './wait-options.ts';

/** An event wakes all waiters, so an aborted one has nothing to pass on. */
const WOKEN: Grant<void> = { deliver() {}, passOn() {} };

/**
 * A flag to wait for: while it is set, every wait returns immediately.
 *
 * Named as in Tornado. In a module that imports it, it hides the global DOM `Event`.
 *
 * @example
 * const ready = new Event();
 * setTimeout(() => ready.set(), 10);
 * await ready.wait({ timeoutMs: 1000 });
 */
export class Event {
  readonly #waiters: WaitList<void>;
  #isSet = false;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if an option is invalid. */
  constructor(options: WaitableOptions = {}) {
    this.#waiters = new WaitList(clockOf('Event', options), (timeoutMs) => {
      throw new LoopTimeoutError(`wait: the event was not set within ${timeoutMs} ms`);
    });
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  /** Sets the flag and wakes all waiting calls. They resume in a microtask, even if the flag is cleared before that. */
  set(): void {
    this.#isSet = true;
    while (this.#waiters.wake(WOKEN));
  }

  /** Clears the flag: from now on, calls of {@link wait} wait for the next {@link set}. */
  clear(): void {
    this.#isSet = false;
  }

  /**
   * Waits until the flag is set; returns immediately if it is.
   *
   * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if the flag is not set within `timeoutMs`; LoopUsageError
   *   `ERR_LOOP_USAGE` if an option is invalid; the reason of `signal` if it is aborted. In each case no timer and no
   *   listener remains.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    checkWait('wait', options);
    if (!this.#isSet) await this.#waiters.wait(options, undefined);
  }

  [INSPECT](): object {
    return inspection(this, ['isSet'], () => ({ waiting: this.#waiters.size }));
  }
}
