import { shownValue } from '@landspout/ioloop/errors';
import { MetricsUsageError, metricsChecks } from '../../errors.ts';

/** Colons are left out: Prometheus keeps them for recording rules. */
const METRIC_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** The longest names: longer ones are a mistake, and every line of a page repeats them. */
const MAX_NAME_CHARS = 200;
/** The longest help text. */
const MAX_HELP_CHARS = 1_000;
/** Most labels of one metric: each combination of values is a series, so more are a mistake. */
const MAX_LABELS = 16;
/** What the lines of a histogram have for themselves. */
const BUCKET_LABELS: readonly string[] = ['le', 'quantile'];

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** The label that distinguishes the processes of a program. */
export const PROCESS_LABEL = 'process';

/** The names of the lines that a metric may have in one of the formats: each belongs to one metric only. */
export function lineNames(name: string, type: MetricType): readonly string[] {
  switch (type) {
    case 'counter': {
      const family = familyName(name, type);
      return [name, family, `${family}_created`];
    }
    case 'gauge':
      return [name];
    case 'histogram':
      return [name, `${name}_bucket`, `${name}_count`, `${name}_sum`, `${name}_created`];
  }
}

/** The name of a metric in OpenMetrics, where that of a counter is without the suffix of its lines. */
export function familyName(name: string, type: MetricType): string {
  return type === 'counter' ? name.slice(0, -'_total'.length) : name;
}

/** @throws MetricsUsageError `ERR_METRICS_NAME`. */
export function requireMetricName(type: MetricType, name: unknown): asserts name is string {
  if (typeof name !== 'string' || !METRIC_NAME.test(name) || name.length > MAX_NAME_CHARS) {
    throw nameError(
      `${type}: a name of letters, digits and underscores that does not start with a digit, of at most ${MAX_NAME_CHARS} characters, was expected, not ${shownValue(name)}`,
    );
  }
  const hasTotal = name.endsWith('_total');
  if (type === 'counter' && (!hasTotal || name === '_total')) {
    throw nameError(
      `counter: a name that ends with _total was expected, not ${shownValue(name)}; call it ${name}_total`,
    );
  }
  if (type !== 'counter' && hasTotal) {
    throw nameError(`${type}: only the name of a counter ends with _total, and this is ${shownValue(name)}`);
  }
}

/** @throws MetricsUsageError `ERR_METRICS_NAME`. */
export function requirePrefix(prefix: unknown): asserts prefix is string {
  if (typeof prefix === 'string' && (prefix === '' || METRIC_NAME.test(prefix)) && prefix.length <= 64)
    return;
  throw nameError(
    `Metrics: a prefix of letters, digits and underscores, such as "shop_", was expected, not ${shownValue(prefix)}`,
  );
}

/** @throws MetricsUsageError `ERR_METRICS_NAME`. @returns a copy. */
export function requireLabelNames(
  operation: string,
  type: MetricType,
  names: unknown,
  hasProcessLabel: boolean,
): readonly string[] {
  if (!Array.isArray(names) || names.length > MAX_LABELS) {
    throw nameError(
      `${operation}: labels: an array of at most ${MAX_LABELS} names was expected, not ${shownValue(names)}`,
    );
  }
  const seen = new Set<string>();
  for (const name of names as unknown[]) {
    const problem = labelProblem(name, type, hasProcessLabel);
    if (problem !== undefined) throw nameError(`${operation}: labels: ${problem}`);
    if (seen.has(name as string))
      throw nameError(`${operation}: labels: ${shownValue(name)} is listed twice`);
    seen.add(name as string);
  }
  return [...seen];
}

/** @throws MetricsUsageError `ERR_METRICS_USAGE`. */
export function requireHelp(operation: string, help: unknown): asserts help is string {
  if (typeof help === 'string' && help.trim() !== '' && help.length <= MAX_HELP_CHARS) return;
  throw metricsChecks.wrong(
    operation,
    `help: a text of 1 to ${MAX_HELP_CHARS} characters that says what is counted`,
    help,
  );
}

function labelProblem(name: unknown, type: MetricType, hasProcessLabel: boolean): string | undefined {
  if (typeof name !== 'string' || !LABEL_NAME.test(name) || name.length > MAX_NAME_CHARS) {
    return `a name of letters, digits and underscores that does not start with a digit was expected, not ${shownValue(name)}`;
  }
  if (name.startsWith('__')) return `${shownValue(name)} starts with two underscores; Prometheus keeps these`;
  if (type === 'histogram' && BUCKET_LABELS.includes(name))
    return `${shownValue(name)} belongs to the buckets of a histogram`;
  if (hasProcessLabel && name === PROCESS_LABEL)
    return `"${PROCESS_LABEL}" is added by across: 'process'; leave it out`;
  return undefined;
}

function nameError(message: string): MetricsUsageError {
  return new MetricsUsageError('ERR_METRICS_NAME', message);
}
