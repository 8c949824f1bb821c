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
  /** Fraction of the period, 0 to 1, by which each delay varies, centred on the period. Default 0. */
  readonly jitter?: number;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Numbers from 0 to 1 for the jitter. Default: Math.random. */
  readonly random?: () => number;
  /** Whether a started callback keeps the process alive. Default true. */
  readonly ref?: boolean;
}

const PERIODIC_OPTIONS: OptionNames<PeriodicCallbackOptions> = {
  jitter: true,
  loop: true,
  random: true,
  ref: true,
};

/**
 * Calls a function every so many milliseconds, measured from start to start.
 *
 * A run that takes longer than the period skips the slots that it missed; an asynchronous one never overlaps
 * itself. Errors are logged, and the schedule goes on. Each run has the async context of {@link start}, whatever an
 * earlier one has entered.
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
  /** The context of the start. */
  #context: AsyncResource | undefined;

  /**
   * @param periodMs - above 0, and with the jitter at most 2,147,483,647 (about 24 days).
   * @throws LoopUsageError `ERR_LOOP_USAGE` for such a period or a jitter outside 0 to 1, wrong types, or an option that is not known.
   */
  constructor(callback: () => unknown, periodMs: number, options: PeriodicCallbackOptions = {}) {
    loopChecks.callback('PeriodicCallback', 'callback', callback);
    loopChecks.options('PeriodicCallback', options, PERIODIC_OPTIONS);
    const { jitter = 0, random = Math.random, ref = true, loop = IOLoop.current() } = options;
    loopChecks.number('PeriodicCallback', 'jitter', jitter, 0, 1);
    // Timers turn a longer delay into none, and the callback would never rest.
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

  /** Starts; the first call comes after one period. Harmless when started. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#round += 1;
    this.#nextAt = this.#loop.time();
    this.#context = new AsyncResource('LandspoutPeriodicCallback');
    this.#schedule();
  }

  /** Stops; a call under way goes on, and none follows it. */
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
      // A timer may fire a little early, and what is left then comes on top of the longest period.
      Math.min(Math.max(this.#nextAt - now, 0), MAX_DELAY_MS),
    );
    if (!this.#keepsAlive) this.#timer.unref();
  }

  /** Without jitter where `random` fails or answers nonsense: there is no caller who could be told. */
  #nextPeriod(): number {
    if (this.#jitter === 0) return this.#periodMs;
    try {
      const number = loopChecks.number('PeriodicCallback', 'the result of random', this.#random(), 0, 1);
      return this.#periodMs * (1 + this.#jitter * (number - 0.5));
    } catch (error) {
      this.#loop.logger.error({ error }, 'the jitter of a periodic callback failed');
      return this.#periodMs;
    }
  }

  #run(round: number): void {
    const failed = (error: unknown): void => {
      this.#loop.logger.error({ error }, 'a periodic callback failed');
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
