import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { MetricsUsageError } from '../../errors.ts';
import type { Labels, SeriesRules } from './series-table.ts';
import { SeriesTable } from './series-table.ts';
import type { MetricPoint } from './snapshot.ts';

/** The arguments of an observation: labels first, if the metric has any. */
export type Observed<Name extends string, Value extends readonly unknown[]> = [Name] extends [never]
  ? Value
  : [labels: Labels<Name>, ...value: Value];

/** One series of a {@link Counter}, for code that counts the same thing often. */
export class CounterSeries {
  readonly #metric: string;
  #value = 0;

  constructor(metric: string) {
    this.#metric = metric;
  }

  /** @param by - 0 or more; default: 1. @throws MetricsUsageError `ERR_METRICS_VALUE`. */
  inc(by = 1): void {
    if (typeof by === 'number' && by >= 0 && by < Infinity) this.#value += by;
    else throw wrongValue(this.#metric, 'an increment of 0 or more', by);
  }

  get value(): number {
    return this.#value;
  }

  [INSPECT](): object {
    return inspection(this, ['value'], () => ({ metric: this.#metric }));
  }
}

/**
 * Counts things that happen: its value only grows. Made by `metrics.counter`.
 *
 * @typeParam Name - the names of its labels.
 */
export class Counter<Name extends string = never> {
  readonly name: string;
  readonly #table: SeriesTable<CounterSeries>;
  readonly #hasLabels: boolean;
  readonly #only: CounterSeries | undefined;

  constructor(rules: SeriesRules) {
    this.name = rules.metric;
    this.#table = new SeriesTable(rules, () => new CounterSeries(rules.metric));
    this.#hasLabels = rules.labelNames.length > 0;
    this.#only = this.#hasLabels ? undefined : this.#table.find({});
  }

  /**
   * Adds to the series of these labels.
   *
   * @param observed - the labels, if the metric has any; then the increment: 0 or more, default: 1.
   * @throws MetricsUsageError `ERR_METRICS_LABELS`, `ERR_METRICS_VALUE`; nothing was counted.
   */
  inc(...observed: Observed<Name, [by?: number]>): void {
    if (this.#only !== undefined) this.#only.inc(observed[0] as number | undefined);
    else this.#table.find(observed[0]).inc(observed[1]);
  }

  /** The series of these labels, which this call makes if there is none. @throws MetricsUsageError `ERR_METRICS_LABELS`. */
  labels(labels: Labels<Name>): CounterSeries {
    return this.#table.find(labels);
  }

  /**
   * Forgets a series, which is no longer on the page. An object that {@link labels} has returned for it counts for
   * nothing from now on.
   *
   * @returns whether there was one.
   */
  remove(labels: Labels<Name>): boolean {
    return this.#hasLabels && this.#table.remove(labels);
  }

  /** Used by the registry. */
  points(): MetricPoint[] {
    return Array.from(this.#table.entries(), ({ labels, series }) => ({ labels, values: [series.value] }));
  }

  /** Used by the registry: forgets all series. */
  clear(): void {
    this.#table.clear();
  }

  [INSPECT](): object {
    return inspection(this, ['name'], () => ({ series: this.#table.size }));
  }
}

/** The error for a value that a metric cannot have. */
export function wrongValue(metric: string, expected: string, value: unknown): MetricsUsageError {
  return new MetricsUsageError(
    'ERR_METRICS_VALUE',
    `${metric}: ${expected} was expected, not ${shownValue(value)}`,
  );
}
