// All metrics of one process: definitions, limits, and reading them at one time. Pages and other processes are above.

import type { Clock, Logger } from '@landspout/ioloop';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { MetricsUsageError, metricsChecks } from '../../errors.ts';
import { DEFAULT_BUCKETS, requireBuckets } from './buckets.ts';
import { type Collect, Collected } from './collected.ts';
import { Counter } from './counter.ts';
import { Gauge } from './gauge.ts';
import { Histogram } from './histogram.ts';
import {
  lineNames,
  type MetricType,
  requireHelp,
  requireLabelNames,
  requireMetricName,
} from './metric-names.ts';
import { SeriesBudget, type SeriesRules } from './series-table.ts';
import type { Across, MetricFamily, MetricPoint } from './snapshot.ts';

/** What all metrics are defined with. */
export interface MetricOptions<Name extends string> {
  /** Says in a sentence what is counted: 1 to 1,000 characters. */
  readonly help: string;
  /** The names of the labels, at most 16. Default: none. */
  readonly labels?: readonly Name[];
  /** Most series; observations of further label values go to a series whose labels are `other`. Default: 1,000. */
  readonly maxSeries?: number;
}

export interface CounterOptions<Name extends string> extends MetricOptions<Name> {
  /** Reads totals that are counted elsewhere, when a page is made. The counter has no `inc` then. */
  readonly collect?: Collect<Name>;
}

export interface GaugeOptions<Name extends string> extends MetricOptions<Name> {
  /** Reads the values when a page is made. The gauge has no `set` then. */
  readonly collect?: Collect<Name>;
  /**
   * How the values of several processes become those of the program, if the metrics are shared: `sum`, `min`, `max`, or
   * `process`: each value stays, with the label `process`: the number of the task, or `parent`. Default: `sum`.
   */
  readonly across?: Across;
}

export interface HistogramOptions<Name extends string> extends MetricOptions<Name> {
  /** The upper bounds of the buckets: 1 to 64 ascending numbers. Default: 0.005 to 10, for seconds. */
  readonly buckets?: readonly number[];
}

const METRIC_NAMES: OptionNames<MetricOptions<string>> = { help: true, labels: true, maxSeries: true };
const OPTION_NAMES: Readonly<Record<MetricType, object>> = {
  counter: { ...METRIC_NAMES, collect: true } satisfies OptionNames<CounterOptions<string>>,
  gauge: { ...METRIC_NAMES, collect: true, across: true } satisfies OptionNames<GaugeOptions<string>>,
  histogram: { ...METRIC_NAMES, buckets: true } satisfies OptionNames<HistogramOptions<string>>,
};
const ACROSS: readonly Across[] = ['sum', 'min', 'max', 'process'];

/** Most metrics of one registry: more are made by a loop, or of data. */
const MAX_METRICS = 1_000;

/** For metrics that are bounded without it. */
const UNBOUNDED = new SeriesBudget(Number.POSITIVE_INFINITY);

export interface RegistryRules {
  /** Comes before all names. */
  readonly prefix: string;
  readonly maxSeries: number;
  readonly maxSeriesPerMetric: number;
  readonly maxLabelChars: number;
  readonly collectTimeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

type AnyOptions = CounterOptions<string> & GaugeOptions<string> & HistogramOptions<string>;

/** One metric, as defined. */
interface Definition extends Omit<MetricFamily, 'points' | 'hasFailed'> {
  readonly source: { points(): MetricPoint[]; clear(): void };
}

export class Registry {
  readonly #rules: RegistryRules;
  #budget = UNBOUNDED;
  readonly #log: RateLimitedLog;
  readonly #definitions = new Map<string, Definition>();
  /** The metric that has each name of a line. */
  readonly #lines = new Map<string, string>();
  readonly #full = new Set<string>();
  readonly #overflow: Counter<'metric'>;
  readonly #failures: Counter<'metric'>;
  #collecting: Promise<readonly MetricFamily[]> | undefined;
  #collectingTotals: Promise<readonly MetricFamily[]> | undefined;

  constructor(rules: RegistryRules) {
    this.#rules = rules;
    this.#log = new RateLimitedLog(rules);
    this.#overflow = this.counter('metrics_other_observations_total', {
      help: 'Observations that went to the series "other", since their metric has too many series.',
      labels: ['metric'],
      maxSeries: MAX_METRICS,
    });
    this.#failures = this.counter('metrics_collect_failures_total', {
      help: 'Readings of a metric that failed or took too long; it was left out of the page.',
      labels: ['metric'],
      maxSeries: MAX_METRICS,
    });
    // Not for these two, which say that it is used up.
    this.#budget = new SeriesBudget(rules.maxSeries);
  }

  get size(): number {
    return this.#definitions.size;
  }

  counter<Name extends string = never>(name: string, options: CounterOptions<Name>): Counter<Name> {
    const definition = this.#prepare('counter', name, options);
    return this.#add(definition, new Counter<Name>(definition.rules));
  }

  gauge<Name extends string = never>(name: string, options: GaugeOptions<Name>): Gauge<Name> {
    const definition = this.#prepare('gauge', name, options);
    return this.#add(definition, new Gauge<Name>(definition.rules));
  }

  histogram<Name extends string = never>(name: string, options: HistogramOptions<Name>): Histogram<Name> {
    const definition = this.#prepare('histogram', name, options);
    const now = () => this.#rules.clock.now();
    return this.#add(definition, new Histogram<Name>(definition.rules, definition.family.buckets, now));
  }

  /** Defines a metric whose values are read when they are wanted. */
  collected<Name extends string>(
    type: 'counter' | 'gauge',
    name: string,
    options: CounterOptions<Name> | GaugeOptions<Name>,
  ): void {
    const definition = this.#prepare(type, name, options);
    const collect = options.collect as unknown as Collect<string>;
    this.#add(definition, new Collected(definition.rules, type, collect));
  }

  /** @param name - with the prefix. @returns whether there was such a metric. */
  unregister(name: string): boolean {
    const definition = this.#definitions.get(name);
    if (definition === undefined) return false;
    this.#definitions.delete(name);
    for (const line of lineNames(name, definition.type)) this.#lines.delete(line);
    this.#full.delete(name);
    definition.source.clear();
    return true;
  }

  /** Reads all counters and histograms, without gauges, whose callbacks are not called. */
  collectTotals(): Promise<readonly MetricFamily[]> {
    if (this.#collecting !== undefined) return this.#collecting.then((all) => all.filter(isTotal));
    this.#collectingTotals ??= this.#collect(isTotal).finally(() => {
      this.#collectingTotals = undefined;
    });
    return this.#collectingTotals;
  }

  /** Reads all metrics. Calls at the same time share one reading. */
  collect(): Promise<readonly MetricFamily[]> {
    this.#collecting ??= this.#collectAll().finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  close(): void {
    this.#log.flush();
  }

  /** After a reading of the totals: callbacks are not called twice at the same time. */
  #collectAll(): Promise<readonly MetricFamily[]> {
    const collect = () => this.#collect(() => true);
    return this.#collectingTotals === undefined ? collect() : this.#collectingTotals.then(collect, collect);
  }

  async #collect(isWanted: (definition: Definition) => boolean): Promise<readonly MetricFamily[]> {
    const wanted = [...this.#definitions.values()].filter(isWanted);
    const reading: Promise<void>[] = [];
    for (const { name, source } of wanted)
      if (source instanceof Collected) reading.push(this.#read(name, source));
    await Promise.all(reading);
    return wanted.map(({ source, ...family }) => {
      const hasFailed = source instanceof Collected && source.hasFailed;
      return { ...family, ...(hasFailed ? { hasFailed } : {}), points: source.points() };
    });
  }

  async #read(metric: string, source: Collected): Promise<void> {
    try {
      await source.read((promise) => this.#within(promise));
    } catch (error) {
      this.#failures.inc({ metric });
      this.#log.warn(
        `collect ${metric}`,
        { error, metric },
        `reading the metric ${metric} failed; it is left out of the page`,
      );
    }
  }

  #within(promise: PromiseLike<void>): Promise<void> {
    const { clock, collectTimeoutMs } = this.#rules;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        reject(new Error(`the callback collect did not end within ${collectTimeoutMs} ms`));
      }, collectTimeoutMs);
      Promise.resolve(promise)
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #prepare<Name extends string>(
    type: MetricType,
    givenName: string,
    given: MetricOptions<Name>,
  ): { readonly family: Omit<MetricFamily, 'points' | 'hasFailed'>; readonly rules: SeriesRules } {
    requireMetricName(type, givenName);
    const name = this.#rules.prefix + givenName;
    requireMetricName(type, name);
    const operation = `${type} ${name}`;
    metricsChecks.options(operation, given as object, OPTION_NAMES[type] as OptionNames<object>);
    const options = given as AnyOptions;
    requireHelp(operation, options.help);
    const { labels = [], across = 'sum', buckets = DEFAULT_BUCKETS, collect } = options;
    metricsChecks.oneOf(operation, 'across', across, ACROSS);
    if (collect !== undefined) metricsChecks.callback(operation, 'collect', collect);
    const labelNames = requireLabelNames(operation, type, labels, across === 'process');
    const { maxSeriesPerMetric, maxLabelChars } = this.#rules;
    const maxSeries = metricsChecks.wholeNumber(
      operation,
      'maxSeries',
      options.maxSeries ?? maxSeriesPerMetric,
      1,
    );
    const family = {
      name,
      type,
      help: options.help,
      labelNames,
      across,
      buckets: type === 'histogram' ? requireBuckets(operation, buckets) : [],
      maxSeries,
    };
    this.#requireFree(type, name);
    const overflowed = (): void => this.#overflowed(name, maxSeries);
    // A metric without labels has one series, which must not become `other`.
    const budget = labelNames.length === 0 ? UNBOUNDED : this.#budget;
    return { family, rules: { metric: name, labelNames, maxSeries, maxLabelChars, budget, overflowed } };
  }

  /** @throws MetricsUsageError `ERR_METRICS_DUPLICATE`, `ERR_METRICS_USAGE`. */
  #requireFree(type: MetricType, name: string): void {
    for (const line of lineNames(name, type)) {
      const owner = this.#lines.get(line);
      if (owner === undefined) continue;
      const reason =
        owner === name
          ? 'there is a metric with this name already; keep the object that the first call has returned'
          : `the metric ${owner} has lines with the name ${line} as well; choose another name`;
      throw new MetricsUsageError('ERR_METRICS_DUPLICATE', `${type} ${shownValue(name)}: ${reason}`);
    }
    if (this.#definitions.size >= MAX_METRICS)
      throw new MetricsUsageError(
        'ERR_METRICS_USAGE',
        `${type} ${name}: there are ${MAX_METRICS} metrics already; use labels in place of many names`,
      );
  }

  #add<Source extends Definition['source']>(
    { family }: { readonly family: Omit<MetricFamily, 'points' | 'hasFailed'> },
    source: Source,
  ): Source {
    this.#definitions.set(family.name, { ...family, source });
    for (const line of lineNames(family.name, family.type)) this.#lines.set(line, family.name);
    return source;
  }

  #overflowed(metric: string, maxSeries: number): void {
    if (metric === this.#overflow.name) return; // it would call this again
    this.#overflow.inc({ metric });
    if (this.#full.has(metric)) return;
    this.#full.add(metric);
    this.#rules.logger.warn(
      { metric, maxSeries },
      `the metric ${metric} has ${maxSeries} series, or all metrics together have ${this.#rules.maxSeries}: observations of further label values are counted as "other"`,
    );
  }
}

/** Whether the values are those since the start of the process, and not those of now. */
function isTotal({ type }: { readonly type: MetricType }): boolean {
  return type !== 'gauge';
}
