import type { MetricType } from './metric-names.ts';

/** How the values of a gauge in several processes become those of the program. */
export type Across = 'sum' | 'min' | 'max' | 'process';

/** What was counted for one combination of label values. */
export interface MetricPoint {
  /** The values of the labels, in the order of their names. */
  readonly labels: readonly string[];
  /** The value of a counter or gauge. Of a histogram: the observations in each bucket alone, the last without a bound; then their sum. */
  readonly values: readonly number[];
}

/** One metric as it was at some time. */
export interface MetricFamily {
  /** The full name of its lines, such as `http_server_requests_total`. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** Of a gauge; for a counter or histogram it is always `sum`. */
  readonly across: Across;
  /** The upper bounds of a histogram, ascending, without +Inf; otherwise empty. */
  readonly buckets: readonly number[];
  /** Most series, besides that whose labels are `other`. */
  readonly maxSeries: number;
  /** Whether the values could not be read: `points` is empty then, which does not mean that there are none. */
  readonly hasFailed?: boolean;
  readonly points: readonly MetricPoint[];
}

/** The text that identifies label values in maps. No two lists have the same. */
export function labelsKey(values: readonly string[]): string {
  let key = '';
  for (const value of values) key += `${value.length}:${value}`;
  return key;
}
