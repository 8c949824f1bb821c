import type { ClockTimer } from './clock.ts';
import { IOLoop } from './io-loop.ts';
import { LoopUsageError } from './loop-errors.ts';

export interface PeriodicCallbackOptions {
  /** Fraction of the period, 0 to 1, by which each delay varies, centred on the period. Default 0. */
  readonly jitter?: number;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Numbers from 0 to 1 for the jitter. Default: Math.random. */
  readonly random?: () => number;
  /** Whether a started callback keeps the process alive. Default true. */
  readonly ref?: boolean;
}

/**
 * Calls a function every so many milliseconds, measured from start to start.
 *
 * A run that takes longer than the period skips the slots that it missed; an asynchronous one never overlaps
 * itself. Errors are logged, and the schedule goes on.
 */
export class PeriodicCallback {
  readonly #callback: () => unknown;
  readonly #periodMs: number;
  readonly #jitter: number;
  readonly #loop: IOLoop;
  readonly #random: () => number;
  readonly #keepsAlive: boolean;
  #timer: ClockTimer | undefined;
  #nextAt = 0;
  /** Tells a run that was stopped, or stopped and started again, from the one that is scheduled now. */
  #round = 0;
  #running = false;

  /** @throws LoopUsageError `ERR_LOOP_USAGE` for a period that is not above 0 or a jitter outside 0 to 1. */
  constructor(callback: () => unknown, periodMs: number, options: PeriodicCallbackOptions = {}) {
    const { jitter = 0 } = options;
    if (!(periodMs > 0 && periodMs < 2 ** 31)) {
      throw new LoopUsageError(
        'ERR_LOOP_USAGE',
        `PeriodicCallback: a period above 0 ms was expected, not ${periodMs}`,
      );
    }
    if (!(jitter >= 0 && jitter <= 1)) {
      throw new LoopUsageError(
        'ERR_LOOP_USAGE',
        `PeriodicCallback: a jitter of 0 to 1 was expected, not ${jitter}`,
      );
    }
    this.#callback = callback;
    this.#periodMs = periodMs;
    this.#jitter = jitter;
    this.#loop = options.loop ?? IOLoop.current();
    this.#random = options.random ?? Math.random;
    this.#keepsAlive = options.ref ?? true;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** Starts; the first call comes after one period. Harmless when started. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#round += 1;
    this.#nextAt = this.#loop.time();
    this.#schedule();
  }

  /** Stops; a call under way goes on, and none follows it. */
  stop(): void {
    this.#running = false;
    this.#round += 1;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    const now = this.#loop.time();
    const period = this.#periodMs * (1 + this.#jitter * (this.#random() - 0.5));
    const missed = Math.floor((now - this.#nextAt) / period);
    this.#nextAt += Math.max(missed, 0) * period + period;
    this.#timer = this.#loop.clock.setTimeout(
      () => void this.#run(this.#round),
      Math.max(this.#nextAt - now, 0),
    );
    if (!this.#keepsAlive) this.#timer.unref();
  }

  async #run(round: number): Promise<void> {
    try {
      const result = this.#callback();
      if (result instanceof Promise) await result;
    } catch (error) {
      this.#loop.logger.error({ error }, 'a periodic callback failed');
    }
    if (this.#running && round === this.#round) this.#schedule();
  }
}
