import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { type Grant, WaitList } from './wait-list.ts';
import { checkWait, clockOf, type WaitableOptions, type WaitOptions } from './wait-options.ts';

/**
 * Lets coroutines wait for a notification that something has changed.
 *
 * A notification wakes only the coroutines that are waiting at that moment; it is not stored. Call {@link wait} in a
 * loop that tests your condition. To wait for something that stays true, use an `Event`.
 *
 * @example
 * const changed = new Condition();
 * setTimeout(() => changed.notifyAll(), 10);
 * const inTime = await changed.wait({ timeoutMs: 1000 });
 */
export class Condition {
  readonly #waiters: WaitList<boolean>;
  /** A notification for one waiter. If that waiter is aborted, the next one gets it. */
  readonly #single: Grant<boolean> = {
    deliver: () => true,
    passOn: () => void this.#waiters.wake(this.#single),
  };
  /** A notification for all: every waiter has its own, so none has to be passed on. */
  readonly #shared: Grant<boolean> = { deliver: () => true, passOn() {} };

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if an option is invalid. */
  constructor(options: WaitableOptions = {}) {
    this.#waiters = new WaitList(clockOf('Condition', options), () => false);
  }

  /**
   * Waits for a notification. Any number of calls may wait; they are woken in the order in which they were made.
   *
   * @returns true if notified, false if `timeoutMs` passed first. A wait that times out does not use up a notification.
   * @throws LoopUsageError `ERR_LOOP_USAGE` if an option is invalid; the reason of `signal` if it is aborted. If the
   *   waiter had just been notified, but had not resumed yet, the notification goes to the next waiter.
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    checkWait('wait', options);
    return await this.#waiters.wait(options, undefined);
  }

  /**
   * Wakes the `count` calls that have been waiting longest (default: 1). They resume in a microtask.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `count` is negative or not a whole number.
   */
  notify(count = 1): void {
    loopChecks.wholeNumber('notify', 'count', count);
    for (let left = count; left > 0 && this.#waiters.wake(this.#single); left -= 1);
  }

  /** Wakes all calls that are waiting now. They resume in a microtask. */
  notifyAll(): void {
    while (this.#waiters.wake(this.#shared));
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ waiting: this.#waiters.size }));
  }
}
