import { onAbort } from '../abort.ts';
import { loopChecks } from '../checks.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { OptionNames } from '../option-names.ts';
import { ExecutorClosedError } from './executor-errors.ts';

export interface CloseOptions {
  /** Maximum time that `close` waits for running tasks, in milliseconds: 0 to 2,147,483,647. Default: 10,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** The clock that measures `closeTimeoutMs`. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

export const CLOSE_OPTIONS: OptionNames<CloseOptions> = { closeTimeoutMs: true, clock: true };

const CLOSE_TIMEOUT_MS = 10_000;

/**
 * The running tasks of one executor. The wait for a task ends early if its signal aborts; all waits end when the
 * executor is closed.
 */
export class RunningTasks {
  readonly #closeTimeoutMs: number;
  readonly #clock: Clock;
  readonly #leave = new Set<(reason: unknown) => void>();
  #whenEmpty: (() => void) | undefined;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` if `closeTimeoutMs` is invalid. */
  constructor({ closeTimeoutMs = CLOSE_TIMEOUT_MS, clock = systemClock }: CloseOptions) {
    loopChecks.durationMs('Executor', 'closeTimeoutMs', closeTimeoutMs);
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#clock = clock;
  }

  get size(): number {
    return this.#leave.size;
  }

  /**
   * Waits for the result of `work`, until the signal aborts or the executor stops waiting for the task.
   *
   * @param signal - must not be aborted yet.
   * @param left - called if the wait ends before the work does.
   */
  async wait<T>(work: () => Promise<T>, signal: AbortSignal | undefined, left: () => void): Promise<T> {
    let leave: (reason: unknown) => void = () => {};
    let forget: (() => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        leave = (reason) => {
          this.#forget(leave);
          reject(reason);
          left();
        };
        this.#leave.add(leave);
        if (signal !== undefined) forget = onAbort(signal, () => leave(signal.reason));
        work().then(resolve, reject);
      });
    } finally {
      forget?.();
      this.#forget(leave);
    }
  }

  /**
   * Waits until no task is running. If a task runs for longer than `closeTimeoutMs`, the wait for it rejects with
   * `ERR_EXECUTOR_CLOSED`.
   */
  async end(): Promise<void> {
    if (this.#leave.size === 0) return;
    let timer: { cancel(): void } | undefined;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      timer = this.#clock.setTimeout(resolve, this.#closeTimeoutMs);
    });
    timer?.cancel();
    const error = new ExecutorClosedError(
      `the executor was closed, and the task did not finish within ${this.#closeTimeoutMs} ms after that`,
    );
    for (const leave of [...this.#leave]) leave(error);
  }

  #forget(leave: (reason: unknown) => void): void {
    this.#leave.delete(leave);
    if (this.#leave.size === 0) this.#whenEmpty?.();
  }
}
