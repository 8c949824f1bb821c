import { type Clock, type ClockTimer, systemClock } from '../clock.ts';
import { requireDelay } from '../delay.ts';
import { LoopTimeoutError, LoopUsageError } from '../loop-errors.ts';
import { type FailureReport, reportFailure } from './failure-report.ts';
import { describeValue, isAwaitable } from './wait-items.ts';

export interface WithTimeoutOptions extends FailureReport {
  /** How long to wait, 0 to 2,147,483,647 ms; default: for ever. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whose time passes; default: the machine's. */
  readonly clock?: Clock | undefined;
}

/**
 * Waits for `work`, but not longer than `timeoutMs`. The wait ends, and not the work: a promise cannot be
 * stopped. Given as a function, the work is told of the end through its signal, and should stop by itself.
 *
 * What settles in time settles the result, and leaves no timer and no listener behind. An error that comes after
 * the wait has ended is logged unless `quiet`, and never becomes an unhandled rejection. One that only passes
 * the end on (an `AbortError`, the signal's reason, or an error with that reason as its cause) is not logged.
 *
 * @param work - a promise, or a function that starts the work; it is not called when `signal` has aborted before.
 * @throws LoopTimeoutError `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first. The reason of `signal` when it aborts
 *   first, and what the work throws, pass unchanged.
 * @throws LoopUsageError `ERR_LOOP_USAGE` for a delay out of range, or work that is neither.
 *
 * @example
 * const row = await withTimeout((signal) => database.find(id, { signal }), { timeoutMs: 500 });
 */
export async function withTimeout<T>(
  work: PromiseLike<T> | ((signal: AbortSignal) => T | PromiseLike<T>),
  options: WithTimeoutOptions = {},
): Promise<T> {
  const { timeoutMs, signal, clock = systemClock } = options;
  const wait = new Wait(options);
  // A promise is watched before anything is refused: its failure belongs to us from here on.
  let running = isAwaitable(work) ? wait.watch(Promise.resolve(work)) : undefined;
  try {
    if (timeoutMs !== undefined) requireDelay(timeoutMs, 'withTimeout');
    signal?.throwIfAborted();
    running ??= wait.watch(start(work, wait.signal));
  } catch (error) {
    wait.leave(error);
    throw error;
  }
  return wait.until(running, timeoutMs, signal, clock);
}

/** Calls the work in a promise, so that what it throws at once is a rejection too. */
function start<T>(work: unknown, signal: AbortSignal): Promise<T> {
  if (typeof work === 'function') return new Promise<T>((resolve) => resolve(work(signal)));
  throw new LoopUsageError(
    'ERR_LOOP_USAGE',
    `withTimeout: a promise or a function was expected, not ${describeValue(work)}`,
  );
}

/** One wait, and what is known of its end when the work fails later. */
class Wait {
  readonly #report: FailureReport;
  readonly #controller = new AbortController();

  constructor(report: FailureReport) {
    this.#report = report;
  }

  /** Aborts when the wait ends before the work. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Hears of the failure of `running` even after the wait. Within the wait it is the waiter's to throw. */
  watch<T>(running: Promise<T>): Promise<T> {
    running.then(undefined, (error: unknown) => {
      if (!this.signal.aborted || isCancellation(error, this.signal.reason)) return;
      reportFailure(error, 'withTimeout: the work failed after its wait had ended', this.#report);
    });
    return running;
  }

  /** Settles as `running` does, or as the first of timeout and abort. */
  async until<T>(
    running: Promise<T>,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
    clock: Clock,
  ): Promise<T> {
    let timer: ClockTimer | undefined;
    let stop: (() => void) | undefined;
    const ended = new Promise<never>((_, reject) => {
      const end = (reason: unknown): void => {
        reject(reason);
        this.leave(reason);
      };
      if (timeoutMs !== undefined) {
        const expire = () => end(new LoopTimeoutError(`withTimeout: nothing within ${timeoutMs} ms`));
        timer = clock.setTimeout(expire, timeoutMs);
      }
      stop = () => end(signal?.reason);
      signal?.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([running, ended]);
    } finally {
      timer?.cancel();
      if (stop !== undefined) signal?.removeEventListener('abort', stop);
    }
  }

  /** Ends the wait. Harmless when it has ended. */
  leave(reason: unknown): void {
    this.#controller.abort(reason);
  }
}

/** Whether a failure only says that the work was told to stop. */
function isCancellation(error: unknown, reason: unknown): boolean {
  if (error === reason) return true;
  return error instanceof Error && (error.name === 'AbortError' || error.cause === reason);
}
