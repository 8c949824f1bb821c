import { isThenable } from '@landspout/ioloop/reactor';
import { type Observed, wrongValue } from './counter.ts';
import type { MetricType } from './metric-names.ts';
import type { SeriesRules } from './series-table.ts';
import { SeriesTable } from './series-table.ts';
import type { MetricPoint } from './snapshot.ts';

/**
 * Reports the value of a series while a page is made. Values that are reported for the same labels are added up.
 *
 * @throws MetricsUsageError `ERR_METRICS_LABELS`, `ERR_METRICS_VALUE`.
 */
export type Report<Name extends string> = (...observed: Observed<Name, [value: number]>) => void;

/** Reads the present values of a metric, each time that a page is made. */
export type Collect<Name extends string> = (report: Report<Name>) => void | PromiseLike<void>;

/** A metric whose values are read when they are wanted. */
export class Collected {
  readonly #rules: SeriesRules;
  readonly #type: MetricType;
  readonly #collect: Collect<string>;
  readonly #table: SeriesTable<{ value: number }>;

  constructor(rules: SeriesRules, type: MetricType, collect: Collect<string>) {
    this.#rules = rules;
    this.#type = type;
    this.#collect = collect;
    this.#table = new SeriesTable(rules, () => ({ value: 0 }));
  }

  /**
   * Reads all values anew. Series that are not reported again are gone. If the program throws or rejects, there are none.
   *
   * @param within - rejects if the program takes too long; what it reports later is ignored.
   */
  async read(within: (promise: PromiseLike<void>) => Promise<void>): Promise<void> {
    this.#table.clear();
    let isOpen = true;
    const report = (...observed: readonly unknown[]): void => {
      if (!isOpen) return;
      const hasLabels = this.#rules.labelNames.length > 0;
      this.#add(hasLabels ? observed[0] : {}, hasLabels ? observed[1] : observed[0]);
    };
    try {
      const result = this.#collect(report as Report<string>);
      if (isThenable(result)) await within(result as PromiseLike<void>);
    } catch (error) {
      this.#table.clear();
      throw error;
    } finally {
      isOpen = false;
    }
  }

  points(): MetricPoint[] {
    return Array.from(this.#table.entries(), ({ labels, series }) => ({ labels, values: [series.value] }));
  }

  clear(): void {
    this.#table.clear();
  }

  #add(labels: unknown, value: unknown): void {
    const isCounter = this.#type === 'counter';
    const isValid =
      typeof value === 'number' && (isCounter ? value >= 0 && value < Infinity : !Number.isNaN(value));
    if (!isValid)
      throw wrongValue(this.#rules.metric, isCounter ? 'a finite number of 0 or more' : 'a number', value);
    this.#table.find(labels).value += value;
  }
}
