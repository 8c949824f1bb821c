// How calls wait, for all locks of coroutines: their order, timeouts and abort signals. Does not use loops, threads or
// processes.

import { onAbort } from '../abort.ts';
import type { Clock, ClockTimer } from '../clock.ts';
import type { WaitOptions } from './wait-options.ts';

/** What a waiter is woken for, such as a permit. */
export interface Grant<T> {
  /** Produces the result of the wait. Called at the point from which the wait can no longer be aborted. */
  deliver(): T;
  /**
   * Called if the waiter is aborted after it was woken: gives the permit, or whatever it was woken for, to another
   * waiter.
   */
  passOn(): void;
}

/** A waiter that has been taken off the list. The code that called {@link WaitList.take} must resolve or reject it. */
export interface TakenWaiter<T, A> {
  readonly attached: A;
  resolve(value: T): void;
  reject(error: unknown): void;
}

interface Waiter<T, A> extends TakenWaiter<T, A> {
  previous: Waiter<T, A> | undefined;
  next: Waiter<T, A> | undefined;
  /** Set from the wake-up until its delivery a microtask later. */
  grant: Grant<T> | undefined;
  timer: ClockTimer | undefined;
  stopListening: (() => void) | undefined;
}

/**
 * The calls that wait for the same thing, in the order in which they are served.
 *
 * A linked list, because a waiter in the middle can be removed in constant time. A `Set` would have to skip, again and
 * again, the holes left by entries that were removed from its front.
 */
export class WaitList<T, A = undefined> {
  readonly #clock: Clock;
  readonly #expired: (timeoutMs: number) => T;
  #first: Waiter<T, A> | undefined;
  #last: Waiter<T, A> | undefined;

  /** @param expired - returns the result of a wait that has timed out, or throws its error. */
  constructor(clock: Clock, expired: (timeoutMs: number) => T) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** The number of waiters, for display only: each read iterates over the list. */
  get size(): number {
    let size = 0;
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.next) size += 1;
    return size;
  }

  /** Waits to be woken. The caller must have checked the options with `checkWait`. */
  wait({ timeoutMs, signal }: WaitOptions, attached: A): Promise<T> {
    return new Promise((resolve, reject) => {
      if (timeoutMs === 0) return resolve(this.#expired(0));
      const waiter: Waiter<T, A> = {
        attached,
        resolve,
        reject,
        previous: undefined,
        next: undefined,
        grant: undefined,
        timer: undefined,
        stopListening: undefined,
      };
      this.#append(waiter);
      if (timeoutMs !== undefined) {
        waiter.timer = this.#clock.setTimeout(() => this.#expire(waiter, timeoutMs), timeoutMs);
      }
      if (signal !== undefined) {
        waiter.stopListening = onAbort(signal, () => this.#abort(waiter, signal.reason));
      }
    });
  }

  /** Wakes the first waiter, which resumes in a microtask of its own. @returns false if none waits. */
  wake(grant: Grant<T>): boolean {
    const waiter = this.#first;
    if (waiter === undefined) return false;
    this.#unlink(waiter);
    waiter.grant = grant;
    queueMicrotask(() => this.#deliver(waiter));
    return true;
  }

  /**
   * Takes the first waiter off the list for good: from here on, neither its timeout nor its signal can end the wait.
   */
  take(): TakenWaiter<T, A> | undefined {
    const waiter = this.#first;
    if (waiter === undefined) return undefined;
    this.#unlink(waiter);
    waiter.stopListening?.();
    return waiter;
  }

  #deliver(waiter: Waiter<T, A>): void {
    const { grant } = waiter;
    if (grant === undefined) return; // aborted in the meantime, and passed on
    waiter.grant = undefined;
    waiter.stopListening?.();
    try {
      waiter.resolve(grant.deliver());
    } catch (error) {
      waiter.reject(error);
    }
  }

  #expire(waiter: Waiter<T, A>, timeoutMs: number): void {
    this.#unlink(waiter);
    waiter.stopListening?.();
    try {
      waiter.resolve(this.#expired(timeoutMs));
    } catch (error) {
      waiter.reject(error);
    }
  }

  #abort(waiter: Waiter<T, A>, reason: unknown): void {
    const { grant } = waiter;
    waiter.grant = undefined;
    waiter.reject(reason);
    if (grant === undefined) this.#unlink(waiter);
    else grant.passOn();
  }

  #append(waiter: Waiter<T, A>): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
  }

  #unlink(waiter: Waiter<T, A>): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    waiter.timer?.cancel();
  }
}
