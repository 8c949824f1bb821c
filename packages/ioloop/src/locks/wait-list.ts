// Locks for coroutines: what waits, in which order, and for how long. Knows clocks and abort signals. Does not know the
// loop, threads or processes.

import { onAbort } from '../abort.ts';
import type { Clock, ClockTimer } from '../clock.ts';
import type { WaitOptions } from './wait-options.ts';

/** What a waiter was woken for. */
export interface Grant<T> {
  /** Makes the result of the wait, when it can no longer be aborted. */
  deliver(): T;
  /** The waiter was aborted after it was woken: somebody else gets what it was woken for. */
  passOn(): void;
}

/** A waiter that was taken off the list, and is owed an answer. */
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
 * Those who wait for one thing, first come, first served.
 *
 * A linked list, so that a waiter in the middle leaves in constant time; a `Set` would skip the holes of all that
 * were taken from its front, again and again.
 */
export class WaitList<T, A = undefined> {
  readonly #clock: Clock;
  readonly #expired: (timeoutMs: number) => T;
  #first: Waiter<T, A> | undefined;
  #last: Waiter<T, A> | undefined;

  /** @param expired - the result of a wait whose time has passed, or the error, thrown. */
  constructor(clock: Clock, expired: (timeoutMs: number) => T) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** How many wait. Counted when it is asked for, for a person. */
  get size(): number {
    let size = 0;
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.next) size += 1;
    return size;
  }

  /** Waits to be woken. The options have passed `checkWait`. */
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

  /** Wakes the first waiter in a microtask of its own. @returns false when nobody waits. */
  wake(grant: Grant<T>): boolean {
    const waiter = this.#first;
    if (waiter === undefined) return false;
    this.#unlink(waiter);
    waiter.grant = grant;
    queueMicrotask(() => this.#deliver(waiter));
    return true;
  }

  /** Takes the first waiter off the list for good: from here on, neither time nor a signal can stop it. */
  take(): TakenWaiter<T, A> | undefined {
    const waiter = this.#first;
    if (waiter === undefined) return undefined;
    this.#unlink(waiter);
    waiter.stopListening?.();
    return waiter;
  }

  #deliver(waiter: Waiter<T, A>): void {
    const { grant } = waiter;
    if (grant === undefined) return; // aborted since, and passed on
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
