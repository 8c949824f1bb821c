import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type Observed, wrongValue } from './counter.ts';
import type { Labels, SeriesRules } from './series-table.ts';
import { SeriesTable } from './series-table.ts';
import type { MetricPoint } from './snapshot.ts';

/** One series of a {@link Gauge}. */
export class GaugeSeries {
  readonly #metric: string;
  #value = 0;

  constructor(metric: string) {
    this.#metric = metric;
  }

  /** @throws MetricsUsageError `ERR_METRICS_VALUE` for NaN and what is no number. */
  set(value: number): void {
    if (typeof value !== 'number' || Number.isNaN(value)) throw wrongValue(this.#metric, 'a number', value);
    this.#value = value;
  }

  /** @param by - default: 1. @throws MetricsUsageError `ERR_METRICS_VALUE`. */
  inc(by = 1): void {
    if (!Number.isFinite(by)) throw wrongValue(this.#metric, 'a finite number', by);
    this.#value += by;
  }

  /** @param by - default: 1. @throws MetricsUsageError `ERR_METRICS_VALUE`. */
  dec(by = 1): void {
    if (!Number.isFinite(by)) throw wrongValue(this.#metric, 'a finite number', by);
    this.#value -= by;
  }

  get value(): number {
    return this.#value;
  }

  [INSPECT](): object {
    return inspection(this, ['value'], () => ({ metric: this.#metric }));
  }
}

/**
 * A value that goes up and down. Made by `metrics.gauge`.
 *
 * @typeParam Name - the names of its labels.
 */
export class Gauge<Name extends string = never> {
  readonly name: string;
  readonly #table: SeriesTable<GaugeSeries>;
  readonly #hasLabels: boolean;
  readonly #only: GaugeSeries | undefined;

  constructor(rules: SeriesRules) {
    this.name = rules.metric;
    this.#table = new SeriesTable(rules, () => new GaugeSeries(rules.metric));
    this.#hasLabels = rules.labelNames.length > 0;
    this.#only = this.#hasLabels ? undefined : this.#table.find({});
  }

  /**
   * Sets the series of these labels to a value.
   *
   * @throws MetricsUsageError `ERR_METRICS_LABELS`, `ERR_METRICS_VALUE` for NaN; nothing was set.
   */
  set(...observed: Observed<Name, [value: number]>): void {
    if (this.#only !== undefined) this.#only.set(observed[0] as number);
    else this.#table.find(observed[0]).set(observed[1] as number);
  }

  /** Adds to a series; default: 1. @throws MetricsUsageError as {@link set}. */
  inc(...observed: Observed<Name, [by?: number]>): void {
    if (this.#only !== undefined) this.#only.inc(observed[0] as number | undefined);
    else this.#table.find(observed[0]).inc(observed[1]);
  }

  /** Subtracts from a series; default: 1. @throws MetricsUsageError as {@link set}. */
  dec(...observed: Observed<Name, [by?: number]>): void {
    if (this.#only !== undefined) this.#only.dec(observed[0] as number | undefined);
    else this.#table.find(observed[0]).dec(observed[1]);
  }

  /** The series of these labels, which this call makes if there is none. @throws MetricsUsageError `ERR_METRICS_LABELS`. */
  labels(labels: Labels<Name>): GaugeSeries {
    return this.#table.find(labels);
  }

  /** Forgets a series, which is no longer on the page. @returns whether there was one. */
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
