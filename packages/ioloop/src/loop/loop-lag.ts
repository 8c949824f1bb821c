import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

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
