import { shownValue } from '@landspout/ioloop/errors';
import { MetricsUsageError, metricsChecks } from '../../errors.ts';

/** Most buckets of a histogram: each is a line on the page for every series. */
const MAX_BUCKETS = 64;

/** In seconds, from a response of a cache to one that a client waits for impatiently; those of Prometheus' own libraries. */
export const DEFAULT_BUCKETS: readonly number[] = Object.freeze([
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]);

/**
 * Buckets at equal distances.
 *
 * @example
 * linearBuckets(10, 10, 3); // [10, 20, 30]
 * @throws MetricsUsageError `ERR_METRICS_USAGE`.
 */
export function linearBuckets(start: number, width: number, count: number): readonly number[] {
  metricsChecks.number('linearBuckets', 'start', start);
  requirePositive('linearBuckets', 'width', width);
  metricsChecks.wholeNumber('linearBuckets', 'count', count, 1, MAX_BUCKETS);
  return requireBuckets(
    'linearBuckets',
    Array.from({ length: count }, (_, at) => rounded(start + width * at)),
  );
}

/**
 * Buckets each of which is `factor` times the one before.
 *
 * @example
 * exponentialBuckets(256, 4, 4); // [256, 1024, 4096, 16384]
 * @throws MetricsUsageError `ERR_METRICS_USAGE`.
 */
export function exponentialBuckets(start: number, factor: number, count: number): readonly number[] {
  requirePositive('exponentialBuckets', 'start', start);
  if (typeof factor !== 'number' || !(factor > 1))
    throw metricsChecks.wrong('exponentialBuckets', 'factor: a number above 1', factor);
  metricsChecks.wholeNumber('exponentialBuckets', 'count', count, 1, MAX_BUCKETS);
  return requireBuckets(
    'exponentialBuckets',
    Array.from({ length: count }, (_, at) => rounded(start * factor ** at)),
  );
}

/** @throws MetricsUsageError `ERR_METRICS_USAGE`. @returns a copy, without +Inf. */
export function requireBuckets(operation: string, buckets: unknown): readonly number[] {
  if (!Array.isArray(buckets)) throw metricsChecks.wrong(operation, 'buckets: an array of numbers', buckets);
  const bounds = buckets.at(-1) === Infinity ? buckets.slice(0, -1) : buckets.slice();
  if (bounds.length < 1 || bounds.length > MAX_BUCKETS) {
    throw usage(`${operation}: buckets: 1 to ${MAX_BUCKETS} numbers were expected, not ${bounds.length}`);
  }
  let before = -1;
  for (const bound of bounds as unknown[]) {
    if (typeof bound !== 'number' || !(bound >= 0 && bound < Infinity))
      throw metricsChecks.wrong(operation, 'buckets: finite numbers of 0 or more', bound);
    if (bound <= before)
      throw usage(
        `${operation}: buckets: ascending numbers were expected, but ${shownValue(bound)} follows ${before}`,
      );
    before = bound;
  }
  return Object.freeze(bounds as number[]);
}

function requirePositive(operation: string, name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0 && value < Infinity))
    throw metricsChecks.wrong(operation, `${name}: a finite number above 0`, value);
}

/** Without the error of binary fractions in the last digits, which would be in every line of the page. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}

function usage(message: string): MetricsUsageError {
  return new MetricsUsageError('ERR_METRICS_USAGE', message);
}
