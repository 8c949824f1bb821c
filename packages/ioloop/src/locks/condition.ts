import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { type Grant, WaitList } from './wait-list.ts';
import { checkWait, clockOf, type WaitableOptions, type WaitOptions } from './wait-options.ts';

/**
 * Lets coroutines wait until another one says that something has changed.
 *
 * A notification reaches those who wait at that moment and is not kept, so look at what you wait for in a loop
 * around {@link wait}. To wait for something that stays true, use an `Event`.
 *
 * @example
 * const changed = new Condition();
 * setTimeout(() => changed.notifyAll(), 10);
 * const inTime = await changed.wait({ timeoutMs: 1000 });
 */
export class Condition {
  readonly #waiters: WaitList<boolean>;
  /** One notification for one waiter: it is somebody's still when that waiter gives up. */
  readonly #single: Grant<boolean> = {
    deliver: () => true,
    passOn: () => void this.#waiters.wake(this.#single),
  };
  /** A notification for all: whoever waited has one already. */
  readonly #shared: Grant<boolean> = { deliver: () => true, passOn() {} };

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for wrong options. */
  constructor(options: WaitableOptions = {}) {
    this.#waiters = new WaitList(clockOf('Condition', options), () => false);
  }

  /**
   * Waits for a notification. Many may wait; the first to come is the first to be woken.
   *
   * @returns true when notified, false when `timeoutMs` passed first, which takes no notification from others.
   * @throws LoopUsageError `ERR_LOOP_USAGE` for wrong options; the reason of `signal` when it is aborted. A
   * notification that an aborted waiter had got in the same turn goes to the next one.
   */
  async wait(options: WaitOptions = {}): Promise<boolean> {
    checkWait('wait', options);
    return await this.#waiters.wait(options, undefined);
  }

  /**
   * Wakes the `count` who have waited longest, after the caller's turn. Default 1.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a count that is negative or not a whole number.
   */
  notify(count = 1): void {
    loopChecks.wholeNumber('notify', 'count', count);
    for (let left = count; left > 0 && this.#waiters.wake(this.#single); left -= 1);
  }

  /** Wakes all who wait now, after the caller's turn. */
  notifyAll(): void {
    while (this.#waiters.wake(this.#shared));
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ waiting: this.#waiters.size }));
  }
}
