import { AsyncResource } from 'node:async_hooks';
import { type Clock, type ClockTimer, systemClock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { callReporting } from '../thenable.ts';

/** A pending `callLater`; give it to `IOLoop.removeTimeout`. */
export interface Timeout {
  cancel(): void;
}

/**
 * The calls of one loop that wait for a moment of its clock: counted, and forgotten together at its close. They are
 * links of a list, since very many may wait, and a list costs each of them least.
 */
export class LoopTimers {
  /** Calls whose moment has come since the loop was made. */
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

  /** Forgets everything that is pending. */
  close(): void {
    while (this.#first !== undefined) this.#first.cancel();
  }

  /** For {@link LoopTimer}: its moment has come. */
  run(timer: LoopTimer): void {
    this.remove(timer);
    this.fired += 1;
    callReporting(timer.callback, timer.args, this.#report);
  }

  /** For {@link LoopTimer}: takes it out of the list. */
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
  /** Node's own or a clock's; `undefined` when it was cancelled or its moment has come. */
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
      // A clock of somebody's own may call back in any async context; Node's timers keep the caller's.
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

  /** The moment has come. */
  expire(): void {
    // A clock that calls once more than it should, or after a cancel, is not believed.
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
