import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { OptionNames } from '../option-names.ts';
import type { ReactorStats } from '../reactor/reactor.ts';

/** What a loop has done since it was made, and how it fares. Everything but `lag` only ever grows or is a level. */
export interface LoopStats {
  readonly callbacks: {
    /** Calls of `addCallback` that were run. */
    readonly run: number;
    /** Those that wait for the next turn. */
    readonly waiting: number;
  };
  readonly timers: {
    /** Calls of `callLater` and `callAt` that were run. */
    readonly fired: number;
    /** Those that wait for their moment. */
    readonly pending: number;
  };
  /** Of the native reactor, which all loops of this thread share; `undefined` on the portable backend. */
  readonly reactor: ReactorStats | undefined;
  /** How late the loop comes to what is due. Measured from the first call of `stats` on. */
  readonly lag: LagStats;
  /** Milliseconds that this thread's loop has spent in JavaScript and its own work. */
  readonly busyMs: number;
  /** Milliseconds that it has waited for something to happen. */
  readonly idleMs: number;
}

export interface StatsOptions {
  /** Begins a new measurement of the lag after this one was read. Default false. */
  readonly resetLag?: boolean;
}

export const STATS_OPTIONS: OptionNames<StatsOptions> = { resetLag: true };

/** How late the loop comes to what is due, since it is measured or was last reset. */
export interface LagStats {
  /** Measurements, one about every ten milliseconds. */
  readonly count: number;
  /** Half of the measurements were at most this late. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const RESOLUTION_MS = 10;
const RESOLUTION_NS = RESOLUTION_MS * 1e6;

/** Measures the lag of this thread's loop with Node's native histogram, from the first time that it is asked. */
export class LoopLag {
  #histogram: IntervalHistogram | undefined;

  read(): LagStats {
    if (this.#histogram === undefined) {
      this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#histogram.enable();
    }
    const histogram = this.#histogram;
    const { count } = histogram as IntervalHistogram & { readonly count: number };
    if (count === 0) return { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
    return {
      count,
      p50Ms: late(histogram.percentile(50)),
      p99Ms: late(histogram.percentile(99)),
      maxMs: late(histogram.max),
    };
  }

  reset(): void {
    this.#histogram?.reset();
  }

  close(): void {
    this.#histogram?.disable();
    this.#histogram = undefined;
  }
}

/** The histogram holds the time from one tick to the next: what exceeds the interval is the lag. */
function late(intervalNs: number): number {
  return Math.max(0, (intervalNs - RESOLUTION_NS) / 1e6);
}
