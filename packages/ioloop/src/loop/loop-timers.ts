import { AsyncResource } from 'node:async_hooks';
import { type Clock, type ClockTimer, systemClock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { callReporting } from '../thenable.ts';

/** A pending `callLater`. Pass it to `IOLoop.removeTimeout` to cancel it. */
export interface Timeout {
  cancel(): void;
}

/**
 * The pending timer calls of one loop: counts them, and drops them together when the loop is closed. They form a linked
 * list, which has the lowest cost per timer, since very many may be pending.
 */
export class LoopTimers {
  /** Number of calls that have become due since the loop was created. */
  fired = 0;
  pending = 0;

  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  #first: LoopTimer | undefined;

  constructor(clock: Clock, report: (error: unknown) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  add(delayMs: number, callback: (...args: never[]) => unknown, args: readonly unknown[]): Timeout {
    const timer = new LoopTimer(this, callback, args.length === 0 ? undefined : args);
    timer.start(this.#clock, delayMs);
    timer.next = this.#first;
    if (this.#first !== undefined) this.#first.previous = timer;
    this.#first = timer;
    this.pending += 1;
    return timer;
  }

  /** Cancels all pending calls. */
  close(): void {
    while (this.#first !== undefined) this.#first.cancel();
  }

  /** For {@link LoopTimer}: the timer is due. */
  run(timer: LoopTimer): void {
    this.remove(timer);
    this.fired += 1;
    callReporting(timer.callback, timer.args, this.#report);
  }

  /** For {@link LoopTimer}: removes it from the list. */
  remove(timer: LoopTimer): void {
    const { previous, next } = timer;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    timer.previous = undefined;
    timer.next = undefined;
    this.pending -= 1;
  }
}

class LoopTimer implements Timeout {
  readonly callback: (...args: never[]) => unknown;
  readonly args: readonly unknown[] | undefined;
  previous: LoopTimer | undefined;
  next: LoopTimer | undefined;
  readonly #timers: LoopTimers;
  /** A timer of Node or of the clock; `undefined` after it has fired or was cancelled. */
  #pending: NodeJS.Timeout | ClockTimer | undefined;

  constructor(
    timers: LoopTimers,
    callback: (...args: never[]) => unknown,
    args: readonly unknown[] | undefined,
  ) {
    this.#timers = timers;
    this.callback = callback;
    this.args = args;
  }

  start(clock: Clock, delayMs: number): void {
    if (clock === systemClock) {
      this.#pending = setTimeout(fire, delayMs, this);
    } else {
      // A custom clock may call back in any async context; Node's timers call back in that of the caller.
      const context = new AsyncResource('LandspoutTimer');
      this.#pending = clock.setTimeout(() => context.runInAsyncScope(fire, undefined, this), delayMs);
    }
  }

  cancel(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    this.#timers.remove(this);
    if ('cancel' in pending) pending.cancel();
    else clearTimeout(pending);
  }

  /** Runs the callback, unless it has already run or was cancelled. */
  expire(): void {
    // Guards against a clock that calls back more than once, or after a cancel.
    if (this.#pending === undefined) return;
    this.#pending = undefined;
    this.#timers.run(this);
  }

  [INSPECT](): object {
    return inspection(this, ['callback'], () => ({
      isPending: this.#pending !== undefined,
      args: undefined,
      previous: undefined,
      next: undefined,
    }));
  }
}

function fire(timer: LoopTimer): void {
  timer.expire();
}
