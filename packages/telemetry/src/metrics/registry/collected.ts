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
  #isRunning = false;
  #hasFailed = false;

  constructor(rules: SeriesRules, type: MetricType, collect: Collect<string>) {
    this.#rules = rules;
    this.#type = type;
    this.#collect = collect;
    this.#table = new SeriesTable(rules, () => ({ value: 0 }));
  }

  /** Whether the last reading failed, so that there are no values. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /**
   * Reads all values anew. Series that are not reported again are gone. If the program throws or rejects, there are none.
   * Rejects without calling the program if an earlier call has not settled: calls that hang must not pile up.
   *
   * @param within - rejects if the program takes too long; what it reports later is ignored.
   */
  async read(within: (promise: PromiseLike<void>) => Promise<void>): Promise<void> {
    this.#table.clear();
    this.#hasFailed = true;
    if (this.#isRunning) throw new Error('the last call of the callback collect has not settled yet');
    let isOpen = true;
    const report = (...observed: readonly unknown[]): void => {
      if (!isOpen) return;
      const hasLabels = this.#rules.labelNames.length > 0;
      this.#add(hasLabels ? observed[0] : {}, hasLabels ? observed[1] : observed[0]);
    };
    try {
      const result = this.#collect(report as Report<string>);
      if (isThenable(result)) await within(this.#running(result as PromiseLike<void>));
      this.#hasFailed = false;
    } catch (error) {
      this.#table.clear();
      throw error;
    } finally {
      isOpen = false;
    }
  }

  /** Notes when a call of the program has settled, however late. */
  #running(result: PromiseLike<void>): Promise<void> {
    this.#isRunning = true;
    return Promise.resolve(result).finally(() => {
      this.#isRunning = false;
    });
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
