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
  /** Maximum time to wait: 0 to 2,147,483,647 ms. Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The clock that measures the time. Default: the system clock. */
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
 * Waits for `work`, but not longer than `timeoutMs`. The timeout ends the wait, not the work: a promise cannot be
 * stopped. If the work is passed as a function, it is called with a signal that is aborted if the wait ends early; the
 * work should then stop.
 *
 * If the work settles in time, the wait leaves no timer and no listener behind. If the work fails after the wait has
 * ended, the error is logged unless `quiet`, in the root async context, and never becomes an unhandled rejection. An
 * error that only repeats why the wait ended (an `AbortError`, the signal's reason, or an error with that reason as its
 * cause) is not logged. Work that never settles keeps `quiet` and `logger` alive, but nothing else of the wait.
 *
 * @param work - a promise, or a function that starts the work. The function is not called if `signal` is already
 *   aborted.
 * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` if `timeoutMs` pass first. If `signal` aborts first, its reason is
 *   thrown. Errors of the work are passed on unchanged.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if `timeoutMs` is out of range, an option is invalid, or `work` is neither a
 *   promise nor a function.
 *
 * @example
 * const row = await withTimeout((signal) => database.find(id, { signal }), { timeoutMs: 500 });
 */
export async function withTimeout<T>(
  work: PromiseLike<T> | ((signal: AbortSignal) => T | PromiseLike<T>),
  options: WithTimeoutOptions = {},
): Promise<T> {
  const wait = new Wait<T>();
  // A promise is watched before any argument is refused, so that its failure cannot become an unhandled rejection.
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

/** Starts the work. If it throws synchronously, the returned promise rejects. */
function start<T>(work: unknown, signal: AbortSignal): Promise<T> {
  if (typeof work !== 'function') {
    throw loopChecks.wrong('withTimeout', 'a promise or a function', work);
  }
  try {
    // A promise is returned itself: it would keep a promise that wraps it alive, and with that the caller's async
    // context.
    return Promise.resolve(work(signal));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The state of a wait until it ends. */
interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  timer: ClockTimer | undefined;
  stopListening: (() => void) | undefined;
}

/**
 * One wait, and the reason of its end, which is needed if the work fails later.
 *
 * It does not use `Promise.race`: the work would keep the caller's result and async context alive until it settles, and
 * much code waits for promises that settle only when the server stops.
 */
class Wait<T> {
  #report: FailureReport = {};
  #waiter: Waiter<T> | undefined;
  /** Set only if the work is a function, which receives the signal. */
  #controller: AbortController | undefined;
  /**
   * Why the wait ended. A weak reference, because an error can keep the functions that awaited it alive through its
   * stack. If the work rethrows the reason, it references the reason itself.
   */
  #reason: { deref(): unknown } | undefined;

  /** Aborts if the wait ends before the work. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  reportTo({ quiet, logger }: FailureReport): void {
    this.#report = { quiet, logger };
  }

  /** Handles the outcome of `running`, even after the wait has ended. */
  watch(running: Promise<T>): void {
    runInRootContext(() => {
      running.then(
        (value) => this.#take()?.resolve(value),
        (error: unknown) => this.#fail(error),
      );
    }, undefined);
  }

  /**
   * Settles as the work does, or with the timeout or abort, whichever comes first. Must be called synchronously after
   * {@link watch}.
   */
  until({ timeoutMs, signal }: WithTimeoutOptions, clock: Clock): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject, timer: undefined, stopListening: undefined };
      this.#waiter = waiter;
      if (signal?.aborted) return this.#end(signal.reason); // the work itself aborted the signal when it started
      if (timeoutMs !== undefined) {
        // One microtask later, so that a result that is already available takes precedence with any clock.
        const expire = () =>
          queueMicrotask(() => {
            this.#end(new LoopTimeoutError(`withTimeout: the work did not settle within ${timeoutMs} ms`));
          });
        waiter.timer = clock.setTimeout(expire, timeoutMs);
      }
      if (signal !== undefined) waiter.stopListening = onAbort(signal, () => this.#end(signal.reason));
    });
  }

  /** Aborts the signal of the work: nothing waits for it any longer. */
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

  /** During the wait, the caller gets the failure; after it, the failure is logged. */
  #fail(error: unknown): void {
    const waiter = this.#take();
    if (waiter !== undefined) waiter.reject(error);
    else if (!isCancellation(error, this.#reason?.deref())) {
      reportFailure(error, 'withTimeout: the work failed after the wait had ended', this.#report);
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
