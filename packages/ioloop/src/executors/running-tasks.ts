import { onAbort } from '../abort.ts';
import { loopChecks } from '../checks.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { OptionNames } from '../option-names.ts';
import { ExecutorClosedError } from './executor-errors.ts';

export interface CloseOptions {
  /** How long `close` waits for tasks that run before it ends the wait for them: 0 to 2,147,483,647. Default: 10,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** The clock that `closeTimeoutMs` is measured with. Default: the machine's. */
  readonly clock?: Clock | undefined;
}

export const CLOSE_OPTIONS: OptionNames<CloseOptions> = { closeTimeoutMs: true, clock: true };

const CLOSE_TIMEOUT_MS = 10_000;

/** The tasks of one executor that run now: each can be left by its signal, and all by the end of the executor. */
export class RunningTasks {
  readonly #closeTimeoutMs: number;
  readonly #clock: Clock;
  readonly #leave = new Set<(reason: unknown) => void>();
  #whenEmpty: (() => void) | undefined;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for a time that no timer can keep. */
  constructor({ closeTimeoutMs = CLOSE_TIMEOUT_MS, clock = systemClock }: CloseOptions) {
    loopChecks.durationMs('Executor', 'closeTimeoutMs', closeTimeoutMs);
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#clock = clock;
  }

  get size(): number {
    return this.#leave.size;
  }

  /**
   * Waits for the result of `work`, but not longer than its caller wants, nor than the executor lives.
   *
   * @param signal - not aborted yet.
   * @param left - is called when the wait ends before the work does.
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

  /** Waits until nothing runs; what runs for longer than `closeTimeoutMs` is left with `ERR_EXECUTOR_CLOSED`. */
  async end(): Promise<void> {
    if (this.#leave.size === 0) return;
    let timer: { cancel(): void } | undefined;
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
      timer = this.#clock.setTimeout(resolve, this.#closeTimeoutMs);
    });
    timer?.cancel();
    const error = new ExecutorClosedError(
      `the executor was closed, and the task ran for more than ${this.#closeTimeoutMs} ms after that`,
    );
    for (const leave of [...this.#leave]) leave(error);
  }

  #forget(leave: (reason: unknown) => void): void {
    this.#leave.delete(leave);
    if (this.#leave.size === 0) this.#whenEmpty?.();
  }
}
