import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { OptionNames } from '../option-names.ts';
import type { ReactorStats } from '../reactor/reactor.ts';

/**
 * What a loop has done since it was created, and how busy it is. Apart from `lag`, each number is either a total that
 * never decreases or the current level.
 */
export interface LoopStats {
  readonly callbacks: {
    /** Calls of `addCallback` that have run. */
    readonly run: number;
    /** Calls that wait for the next loop iteration. */
    readonly waiting: number;
  };
  readonly timers: {
    /** Calls of `callLater` and `callAt` that have run. */
    readonly fired: number;
    /** Calls that are not due yet. */
    readonly pending: number;
  };
  /** Statistics of the native reactor, which all loops of this thread share; `undefined` on the portable backend. */
  readonly reactor: ReactorStats | undefined;
  /** How late the loop runs things that are due. Measured from the first call of `stats` on. */
  readonly lag: LagStats;
  /** Milliseconds that this thread's loop has spent on JavaScript and on its own work. */
  readonly busyMs: number;
  /** Milliseconds that this thread's loop has spent waiting for events. */
  readonly idleMs: number;
}

export interface StatsOptions {
  /** Restarts the lag measurement after this reading. Default: false. */
  readonly resetLag?: boolean;
}

export const STATS_OPTIONS: OptionNames<StatsOptions> = { resetLag: true };

/** How late the loop runs things that are due, since the measurement began or was last reset. */
export interface LagStats {
  /** Number of measurements, about one every 10 ms. */
  readonly count: number;
  /** The median: half of the measurements were at most this late. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const RESOLUTION_MS = 10;
const RESOLUTION_NS = RESOLUTION_MS * 1e6;

/** Measures the lag of this thread's loop with Node's native histogram, starting at the first `read`. */
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

/** The histogram records the time between two ticks; the part above the set interval is lag. */
function late(intervalNs: number): number {
  return Math.max(0, (intervalNs - RESOLUTION_NS) / 1e6);
}
