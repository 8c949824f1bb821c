import { isCancellation, onAbort } from '../abort.ts';
import { loopChecks } from '../checks.ts';
import type { Clock, ClockTimer } from '../clock.ts';
import { checkWaitValues, clockAmong } from '../locks/wait-options.ts';
import { LoopTimeoutError } from '../loop-errors.ts';
import { runInRootContext } from '../node-async-context.ts';
import type { OptionNames } from '../option-names.ts';
import { isThenable } from '../thenable.ts';
import { checkReportValues, type FailureReport, reportFailure } from './failure-report.ts';

export interface WithTimeoutOptions extends FailureReport {
  /** How long to wait, 0 to 2,147,483,647 ms; default: for ever. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whose time passes; default: the machine's. */
  readonly clock?: Clock | undefined;
}

const TIMEOUT_OPTIONS: OptionNames<WithTimeoutOptions> = {
  timeoutMs: true,
  signal: true,
  clock: true,
  quiet: true,
  logger: true,
};

/**
 * Waits for `work`, but not longer than `timeoutMs`. The wait ends, and not the work: a promise cannot be
 * stopped. Given as a function, the work is told of the end through its signal, and should stop by itself.
 *
 * What settles in time settles the result, and leaves no timer and no listener behind. An error that comes after
 * the wait has ended is logged unless `quiet`, outside of every async context, and never becomes an unhandled
 * rejection. One that only passes the end on (an `AbortError`, the signal's reason, or an error with that reason
 * as its cause) is not logged. Work that never settles keeps `quiet` and `logger` alive,
 * and nothing else of the wait.
 *
 * @param work - a promise, or a function that starts the work; it is not called when `signal` has aborted before.
 * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first. The reason of `signal` when it aborts
 *   first, and what the work throws, pass unchanged.
 * @throws LoopUsageError `ERR_LOOP_USAGE` for a delay out of range, other wrong options, or work that is neither.
 *
 * @example
 * const row = await withTimeout((signal) => database.find(id, { signal }), { timeoutMs: 500 });
 */
export async function withTimeout<T>(
  work: PromiseLike<T> | ((signal: AbortSignal) => T | PromiseLike<T>),
  options: WithTimeoutOptions = {},
): Promise<T> {
  const wait = new Wait<T>();
  // A promise is watched before anything is refused: its failure belongs to us from here on.
  if (isThenable(work)) wait.watch(Promise.resolve(work));
  let clock: Clock;
  try {
    loopChecks.options('withTimeout', options, TIMEOUT_OPTIONS);
    checkReportValues('withTimeout', options);
    wait.reportTo(options);
    clock = clockAmong('withTimeout', options);
    checkWaitValues('withTimeout', options);
    if (!isThenable(work)) wait.watch(start(work, wait.signal));
  } catch (error) {
    wait.leave(error);
    throw error;
  }
  return await wait.until(options, clock);
}

/** What the work throws at once is a rejection too. */
function start<T>(work: unknown, signal: AbortSignal): Promise<T> {
  if (typeof work !== 'function') {
    throw loopChecks.wrong('withTimeout', 'a promise or a function', work);
  }
  try {
    // A promise is passed on as it is: one around it would be kept by it, and keep the caller's context.
    return Promise.resolve(work(signal));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** What there is of a wait until it ends. */
interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  timer: ClockTimer | undefined;
  stopListening: (() => void) | undefined;
}

/**
 * One wait, and what is known of its end when the work fails later.
 *
 * Not `Promise.race`: the work would keep the caller's result and async context alive until it settles, and much
 * waits for promises that settle when the server stops.
 */
class Wait<T> {
  #report: FailureReport = {};
  #waiter: Waiter<T> | undefined;
  /** Only for work that is a function: a promise hears of nothing. */
  #controller: AbortController | undefined;
  /**
   * Why the wait ended. Held weakly, as an error keeps the functions that wait for it alive by its stack; work that
   * passes the reason on has it itself.
   */
  #reason: { deref(): unknown } | undefined;

  /** Aborts when the wait ends before the work. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  reportTo({ quiet, logger }: FailureReport): void {
    this.#report = { quiet, logger };
  }

  /** Hears of the outcome of `running`, even after the wait. */
  watch(running: Promise<T>): void {
    runInRootContext(() => {
      running.then(
        (value) => this.#take()?.resolve(value),
        (error: unknown) => this.#fail(error),
      );
    }, undefined);
  }

  /** Settles as the work does, or as the first of timeout and abort. Called in the turn of {@link watch}. */
  until({ timeoutMs, signal }: WithTimeoutOptions, clock: Clock): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject, timer: undefined, stopListening: undefined };
      this.#waiter = waiter;
      if (signal?.aborted) return this.#end(signal.reason); // by the work itself, as it started
      if (timeoutMs !== undefined) {
        // A microtask later, so that a result which is there already is preferred, whatever the clock.
        const expire = () =>
          queueMicrotask(() => {
            this.#end(new LoopTimeoutError(`withTimeout: nothing within ${timeoutMs} ms`));
          });
        waiter.timer = clock.setTimeout(expire, timeoutMs);
      }
      if (signal !== undefined) waiter.stopListening = onAbort(signal, () => this.#end(signal.reason));
    });
  }

  /** Tells the work that nobody waits any longer. */
  leave(reason: unknown): void {
    const isObject = typeof reason === 'object' && reason !== null;
    this.#reason = isObject ? new WeakRef(reason) : { deref: () => reason };
    this.#controller?.abort(reason);
    this.#controller = undefined;
  }

  #end(reason: unknown): void {
    const waiter = this.#take();
    if (waiter === undefined) return;
    waiter.reject(reason);
    this.leave(reason);
  }

  /** Within the wait a failure is the waiter's to throw. */
  #fail(error: unknown): void {
    const waiter = this.#take();
    if (waiter !== undefined) waiter.reject(error);
    else if (!isCancellation(error, this.#reason?.deref())) {
      reportFailure(error, 'withTimeout: the work failed after its wait had ended', this.#report);
    }
  }

  #take(): Waiter<T> | undefined {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.timer?.cancel();
    waiter?.stopListening?.();
    return waiter;
  }
}
