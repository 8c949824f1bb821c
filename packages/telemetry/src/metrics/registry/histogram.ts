import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type Observed, wrongValue } from './counter.ts';
import type { Labels, SeriesRules } from './series-table.ts';
import { SeriesTable } from './series-table.ts';
import type { MetricPoint } from './snapshot.ts';

/** Milliseconds of a second, which is the unit of durations on a page. */
const SECOND_MS = 1_000;

/** One series of a {@link Histogram}. */
export class HistogramSeries {
  readonly #metric: string;
  readonly #buckets: readonly number[];
  /** How many observations are in each bucket alone; the last has no bound. */
  readonly #counts: number[];
  #sum = 0;

  constructor(metric: string, buckets: readonly number[]) {
    this.#metric = metric;
    this.#buckets = buckets;
    this.#counts = new Array<number>(buckets.length + 1).fill(0);
  }

  /** @param value - finite, 0 or more. @throws MetricsUsageError `ERR_METRICS_VALUE`. */
  observe(value: number): void {
    if (typeof value !== 'number' || !(value >= 0 && value < Infinity))
      throw wrongValue(this.#metric, 'a finite number of 0 or more', value);
    const at = indexOf(this.#buckets, value);
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
  }

  /** Used by the registry: the counts, then the sum. */
  values(): number[] {
    return [...this.#counts, this.#sum];
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  get sum(): number {
    return this.#sum;
  }

  [INSPECT](): object {
    return inspection(this, ['count', 'sum'], () => ({ metric: this.#metric }));
  }
}

/** The first bucket whose bound is not below the value; one more than the last for none. */
function indexOf(buckets: readonly number[], value: number): number {
  let low = 0;
  let high = buckets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (buckets[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * Counts observations, such as durations, by size. Made by `metrics.histogram`.
 *
 * @typeParam Name - the names of its labels.
 */
export class Histogram<Name extends string = never> {
  readonly name: string;
  /** The upper bounds, ascending; +Inf is not among them, but always there. */
  readonly buckets: readonly number[];
  readonly #table: SeriesTable<HistogramSeries>;
  readonly #hasLabels: boolean;
  readonly #only: HistogramSeries | undefined;
  readonly #now: () => number;

  /** @param now - milliseconds of a monotonic clock. */
  constructor(rules: SeriesRules, buckets: readonly number[], now: () => number) {
    this.name = rules.metric;
    this.buckets = buckets;
    this.#now = now;
    this.#table = new SeriesTable(rules, () => new HistogramSeries(rules.metric, buckets));
    this.#hasLabels = rules.labelNames.length > 0;
    this.#only = this.#hasLabels ? undefined : this.#table.find({});
  }

  /**
   * Counts an observation: finite, 0 or more, in the unit that the name of the metric says.
   *
   * @throws MetricsUsageError `ERR_METRICS_LABELS`, `ERR_METRICS_VALUE`; nothing was counted.
   */
  observe(...observed: Observed<Name, [value: number]>): void {
    if (this.#only !== undefined) this.#only.observe(observed[0] as number);
    else this.#table.find(observed[0]).observe(observed[1] as number);
  }

  /**
   * Starts to measure a duration.
   *
   * @returns a function that observes the seconds since then, in the series of the labels that it gets, and returns them.
   *
   * @example
   * const stop = charges.startTimer();
   * try { await charge(order); } finally { stop({ provider: 'acme' }); }
   */
  startTimer(): (...labels: Observed<Name, []>) => number {
    const startedAt = this.#now();
    return (...labels) => {
      const seconds = (this.#now() - startedAt) / SECOND_MS;
      (this.#only ?? this.#table.find((labels as unknown[])[0])).observe(Math.max(0, seconds));
      return seconds;
    };
  }

  /** The series of these labels, which this call makes if there is none. @throws MetricsUsageError `ERR_METRICS_LABELS`. */
  labels(labels: Labels<Name>): HistogramSeries {
    return this.#table.find(labels);
  }

  /** Forgets a series, which is no longer on the page. @returns whether there was one. */
  remove(labels: Labels<Name>): boolean {
    return this.#hasLabels && this.#table.remove(labels);
  }

  /** Used by the registry. */
  points(): MetricPoint[] {
    return Array.from(this.#table.entries(), ({ labels, series }) => ({ labels, values: series.values() }));
  }

  /** Used by the registry: forgets all series. */
  clear(): void {
    this.#table.clear();
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'buckets'], () => ({ series: this.#table.size }));
  }
}
