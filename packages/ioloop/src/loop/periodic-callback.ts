import { AsyncResource } from 'node:async_hooks';
import { MAX_DELAY_MS } from '../argument-checks.ts';
import { loopChecks } from '../checks.ts';
import type { ClockTimer } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { runInContextOf } from '../node-async-context.ts';
import type { OptionNames } from '../option-names.ts';
import { isThenable } from '../thenable.ts';
import { IOLoop } from './io-loop.ts';

export interface PeriodicCallbackOptions {
  /**
   * How much each delay varies, as a fraction of the period: 0 to 1. With 0.5, delays are 75 % to 125 % of the period.
   * Default: 0.
   */
  readonly jitter?: number;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Source of the jitter: returns numbers from 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
  /** Whether the process stays alive while the schedule is active. Default: true. */
  readonly ref?: boolean;
}

const PERIODIC_OPTIONS: OptionNames<PeriodicCallbackOptions> = {
  jitter: true,
  loop: true,
  random: true,
  ref: true,
};

/**
 * Calls a function at a fixed interval in milliseconds, measured from start to start.
 *
 * If a run takes longer than the period, the runs that it missed are skipped; runs of an asynchronous callback never
 * overlap. Errors are logged, and the schedule continues. Each run has the async context of {@link start}, even if an
 * earlier run entered another one.
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
  /** Identifies the current schedule, so that a run begun before a stop or restart does not schedule another. */
  #round = 0;
  #running = false;
  /** The async context of {@link start}. */
  #context: AsyncResource | undefined;

  /**
   * @param periodMs - above 0. The longest possible delay, `periodMs * (1 + jitter / 2)`, is at most 2,147,483,647
   *   (about 24 days).
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `periodMs` or `jitter` is out of range, a value has the wrong type, or
   *   an option is unknown.
   */
  constructor(callback: () => unknown, periodMs: number, options: PeriodicCallbackOptions = {}) {
    loopChecks.callback('PeriodicCallback', 'callback', callback);
    loopChecks.options('PeriodicCallback', options, PERIODIC_OPTIONS);
    const { jitter = 0, random = Math.random, ref = true, loop = IOLoop.current() } = options;
    loopChecks.number('PeriodicCallback', 'jitter', jitter, 0, 1);
    // Timers treat a longer delay as no delay, so the callback would be called without pause.
    const longest = MAX_DELAY_MS / (1 + jitter / 2);
    const fits = typeof periodMs === 'number' && periodMs > 0 && periodMs <= longest;
    if (!fits) {
      const expected = `periodMs: a number above 0, and of at most ${Math.floor(longest)},`;
      throw loopChecks.wrong('PeriodicCallback', expected, periodMs);
    }
    loopChecks.callback('PeriodicCallback', 'random', random);
    loopChecks.boolean('PeriodicCallback', 'ref', ref);
    if (!(loop instanceof IOLoop)) throw loopChecks.wrong('PeriodicCallback', 'an IOLoop', loop);
    this.#callback = callback;
    this.#periodMs = periodMs;
    this.#jitter = jitter;
    this.#loop = loop;
    this.#random = random;
    this.#keepsAlive = ref;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** Starts the schedule; the first call is made after one period. Does nothing if it is already started. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#round += 1;
    this.#nextAt = this.#loop.time();
    this.#context = new AsyncResource('LandspoutPeriodicCallback');
    this.#schedule();
  }

  /** Stops the schedule. A run in progress continues, but no further run follows. */
  stop(): void {
    this.#running = false;
    this.#round += 1;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#context = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['isRunning'], () => ({ periodMs: this.#periodMs, jitter: this.#jitter }));
  }

  #schedule(): void {
    const now = this.#loop.time();
    const period = this.#nextPeriod();
    const missed = Math.floor((now - this.#nextAt) / period);
    this.#nextAt += Math.max(missed, 0) * period + period;
    const context = this.#context as AsyncResource;
    const round = this.#round;
    this.#timer = this.#loop.clock.setTimeout(
      () => runInContextOf(context, () => this.#run(round), undefined),
      // A timer may fire slightly early; the remainder is added to the period, and the sum could exceed the longest
      // delay.
      Math.min(Math.max(this.#nextAt - now, 0), MAX_DELAY_MS),
    );
    if (!this.#keepsAlive) this.#timer.unref();
  }

  /**
   * Returns the period without jitter if `random` throws or returns an invalid number, since there is no caller to
   * report that to.
   */
  #nextPeriod(): number {
    if (this.#jitter === 0) return this.#periodMs;
    try {
      const number = loopChecks.number('PeriodicCallback', 'the result of random', this.#random(), 0, 1);
      return this.#periodMs * (1 + this.#jitter * (number - 0.5));
    } catch (error) {
      this.#loop.logger.error(
        { error },
        'the random function of a periodic callback failed; the period has no jitter',
      );
      return this.#periodMs;
    }
  }

  #run(round: number): void {
    const failed = (error: unknown): void => {
      this.#loop.logger.error({ error }, 'a periodic callback threw or rejected; its schedule continues');
      this.#ran(round);
    };
    try {
      const result = this.#callback();
      if (isThenable(result)) {
        Promise.resolve(result).then(() => this.#ran(round), failed);
        return;
      }
    } catch (error) {
      failed(error);
      return;
    }
    this.#ran(round);
  }

  #ran(round: number): void {
    if (this.#running && round === this.#round) this.#schedule();
  }
}
