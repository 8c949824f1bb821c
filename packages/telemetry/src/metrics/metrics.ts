// The public object: it defines metrics, reads those of this process or of all processes, and writes pages.

import { isMainThread } from 'node:worker_threads';
import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import { type OptionNames, shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isTaskChild, openDoor, serveDoor } from '@landspout/ioloop/processes';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { MetricsUsageError, metricsChecks } from '../errors.ts';
import type { MetricsFormat } from './exposition/formats.ts';
import { pageOf } from './exposition/page.ts';
import type { Collect } from './registry/collected.ts';
import type { Counter } from './registry/counter.ts';
import type { Gauge } from './registry/gauge.ts';
import type { Histogram } from './registry/histogram.ts';
import { requirePrefix } from './registry/metric-names.ts';
import {
  type CounterOptions,
  type GaugeOptions,
  type HistogramOptions,
  Registry,
} from './registry/registry.ts';
import type { MetricFamily } from './registry/snapshot.ts';
import { ChildShare, type ShareRules } from './sharing/child-share.ts';
import { ParentShare } from './sharing/parent-share.ts';

export interface MetricsOptions {
  /** Comes before the names of all metrics, such as `shop_`. Default: none. */
  readonly prefix?: string;
  /**
   * Makes the processes of `server.start` and `forkProcesses` one: a page has the sum of all of them, whichever makes it.
   * A text distinguishes several such objects of one program. Default: false.
   */
  readonly shared?: boolean | string;
  /** Most series of all metrics in one process; further ones are counted as `other`. Default: 10,000. */
  readonly maxSeries?: number;
  /** Most series of one metric, unless it says otherwise. Default: 1,000. */
  readonly maxSeriesPerMetric?: number;
  /** Longer values of labels are clipped: 8 to 4,096 UTF-16 code units. Default: 128. */
  readonly maxLabelChars?: number;
  /** How long a callback `collect` may take before its metric is left out. Default: 500 ms. */
  readonly collectTimeoutMs?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Gets warnings about limits and failures. Default: standard error. */
  readonly logger?: Logger;
}

const METRICS_OPTIONS: OptionNames<MetricsOptions> = {
  prefix: true,
  shared: true,
  maxSeries: true,
  maxSeriesPerMetric: true,
  maxLabelChars: true,
  collectTimeoutMs: true,
  clock: true,
  logger: true,
};

export interface ReadOptions {
  /** `program`: all processes that share these metrics; `process`: this one alone. Default: `program`. */
  readonly scope?: 'program' | 'process';
}

export interface TextOptions extends ReadOptions {
  /** Default: `prometheus`. */
  readonly format?: MetricsFormat;
}

const READ_OPTIONS: OptionNames<ReadOptions> = { scope: true };
const TEXT_OPTIONS: OptionNames<TextOptions> = { ...READ_OPTIONS, format: true };

const DEFAULT_SHARE = 'metrics';
/** Before the names of the doors, which all packages use. */
const DOOR_PREFIX = 'landspout.metrics:';
/** Most bytes of the name of a door, without the prefix. */
const MAX_SHARE_NAME = 200;
/** After this much text, other work of the loop may run. */
const TURN_CHARS = 100_000;

/** A counter or gauge whose values are read when a page is made. */
interface Read<Name extends string> {
  readonly collect: Collect<Name>;
}
interface NotRead {
  readonly collect?: undefined;
}

/**
 * The metrics of a program: counters, gauges and histograms, which `MetricsHandler` shows to Prometheus. `instrument`
 * adds those of the layers of Landspout.
 *
 * Names and labels are fixed by the program, and checked when a metric is defined. The values of labels are data: they
 * may come from peers, so they are escaped and clipped, and there is a limit for the number of series.
 *
 * @example
 * const metrics = new Metrics({ shared: true });
 * const orders = metrics.counter('orders_total', { help: 'Orders that were placed.', labels: ['kind'] });
 * orders.inc({ kind: 'book' });
 */
export class Metrics {
  readonly #registry: Registry;
  readonly #prefix: string;
  readonly #share: ChildShare | ParentShare | undefined;
  #isClosed = false;

  /**
   * With `shared`, call it above `server.start` or `forkProcesses`, in code that runs in the parent and in each child.
   *
   * @throws MetricsUsageError `ERR_METRICS_USAGE` if an option is unknown or invalid, if metrics of this process are
   *   shared by this name already, or with `shared` in a worker thread; `ERR_METRICS_NAME` for an invalid prefix.
   */
  constructor(options: MetricsOptions = {}) {
    metricsChecks.options('Metrics', options, METRICS_OPTIONS);
    const {
      prefix = '',
      shared = false,
      maxSeries = 10_000,
      maxSeriesPerMetric = 1_000,
      maxLabelChars = 128,
      collectTimeoutMs = 500,
      clock = systemClock,
    } = options;
    requirePrefix(prefix);
    metricsChecks.withMethods('Metrics', 'a clock', clock, 'now', 'setTimeout');
    const logger = acceptLogger(
      metricsChecks.withMethods('Metrics', 'a logger', options.logger ?? consoleLogger, 'error', 'warn'),
    );
    this.#prefix = prefix;
    this.#registry = new Registry({
      prefix,
      maxSeries: metricsChecks.wholeNumber('Metrics', 'maxSeries', maxSeries, 1),
      maxSeriesPerMetric: metricsChecks.wholeNumber('Metrics', 'maxSeriesPerMetric', maxSeriesPerMetric, 1),
      maxLabelChars: metricsChecks.wholeNumber('Metrics', 'maxLabelChars', maxLabelChars, 8, 4_096),
      collectTimeoutMs: metricsChecks.positiveNumber('Metrics', 'collectTimeoutMs', collectTimeoutMs),
      clock,
      logger,
    });
    const name = shareName(shared);
    const collect = () => this.#registry.collect();
    const collectTotals = () => this.#registry.collectTotals();
    if (name !== undefined) this.#share = openShare({ name, clock, logger, collect, collectTotals, prefix });
    else if (isTaskChild())
      logger.warn(
        {},
        'the metrics of this child process are its own, and a page shows those of the process that happens to make it: pass shared: true to Metrics',
      );
  }

  /**
   * `alone` without sharing, and until the first child has its metrics; then `parent`. In a child with shared metrics:
   * `child`.
   */
  get role(): 'alone' | 'parent' | 'child' {
    return this.#share?.role ?? 'alone';
  }

  /** Comes before the names of all metrics. */
  get prefix(): string {
    return this.#prefix;
  }

  /**
   * Defines a counter, or one whose totals are read when a page is made (`collect`), which then is not returned.
   *
   * @param name - ends with `_total`, such as `orders_total` or `sent_bytes_total`.
   * @throws MetricsUsageError `ERR_METRICS_NAME`, `ERR_METRICS_DUPLICATE`, `ERR_METRICS_USAGE`.
   */
  counter<const Name extends string = never>(
    name: string,
    options: CounterOptions<Name> & NotRead,
  ): Counter<Name>;
  counter<const Name extends string = never>(name: string, options: CounterOptions<Name> & Read<Name>): void;
  counter<Name extends string>(name: string, options: CounterOptions<Name>): Counter<Name> | undefined {
    if (options?.collect === undefined) return this.#registry.counter(name, options);
    this.#registry.collected('counter', name, options);
    return undefined;
  }

  /**
   * Defines a gauge, or one whose values are read when a page is made (`collect`), which then is not returned.
   *
   * @param name - with its unit, such as `queued_bytes`; it does not end with `_total`.
   * @throws MetricsUsageError as {@link counter}.
   *
   * @example
   * metrics.gauge('queue_length', { help: 'Jobs that wait.', collect: (report) => report(queue.size) });
   */
  gauge<const Name extends string = never>(name: string, options: GaugeOptions<Name> & NotRead): Gauge<Name>;
  gauge<const Name extends string = never>(name: string, options: GaugeOptions<Name> & Read<Name>): void;
  gauge<Name extends string>(name: string, options: GaugeOptions<Name>): Gauge<Name> | undefined {
    if (options?.collect === undefined) return this.#registry.gauge(name, options);
    this.#registry.collected('gauge', name, options);
    return undefined;
  }

  /**
   * Defines a histogram. There are no summaries: quantiles of several processes cannot be added up, while
   * `histogram_quantile` of Prometheus works with buckets.
   *
   * @param name - with its unit, such as `charge_duration_seconds`; it does not end with `_total`.
   * @throws MetricsUsageError as {@link counter}.
   */
  histogram<const Name extends string = never>(
    name: string,
    options: HistogramOptions<Name>,
  ): Histogram<Name> {
    return this.#registry.histogram(name, options);
  }

  /**
   * Removes a metric. The object that its definition has returned counts for nothing from now on.
   *
   * @param name - with the {@link prefix}.
   * @returns whether there was one.
   */
  unregister(name: string): boolean {
    return this.#registry.unregister(name);
  }

  /**
   * Reads all metrics. Calls at the same time share one reading.
   *
   * @throws MetricsUnavailableError `ERR_METRICS_UNAVAILABLE` in a child with shared metrics, if its parent does not reply
   *   within 5 s. The page of this process alone is not a replacement: its totals are lower, which looks like a restart.
   */
  async read(options: ReadOptions = {}): Promise<readonly MetricFamily[]> {
    metricsChecks.options('read', options, READ_OPTIONS);
    return this.#read('read', options);
  }

  /**
   * Writes all metrics as a page. Other work of the loop runs in between if it is long.
   *
   * @throws MetricsUnavailableError as {@link read}.
   */
  async text(options: TextOptions = {}): Promise<string> {
    metricsChecks.options('text', options, TEXT_OPTIONS);
    const { format = 'prometheus' } = options;
    metricsChecks.oneOf('text', 'format', format, ['prometheus', 'openmetrics']);
    let text = '';
    let turnEnd = TURN_CHARS;
    for (const piece of pageOf(await this.#read('text', options), format)) {
      text += piece;
      if (text.length < turnEnd) continue;
      turnEnd = text.length + TURN_CHARS;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return text;
  }

  /** Ends the sharing with other processes. The metrics stay, and can be read in this process. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#share?.close();
    this.#registry.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['role'], () => ({
      prefix: this.#prefix === '' ? undefined : this.#prefix,
      metrics: this.#registry.size,
    }));
  }

  async #read(operation: string, { scope = 'program' }: ReadOptions): Promise<readonly MetricFamily[]> {
    metricsChecks.oneOf(operation, 'scope', scope, ['program', 'process']);
    if (scope === 'process' || this.#share === undefined) return this.#registry.collect();
    return this.#share.gather();
  }
}

/** @throws MetricsUsageError `ERR_METRICS_USAGE`. */
function shareName(shared: unknown): string | undefined {
  if (typeof shared === 'boolean') return shared ? DEFAULT_SHARE : undefined;
  if (typeof shared === 'string' && shared !== '' && Buffer.byteLength(shared) <= MAX_SHARE_NAME)
    return shared;
  throw metricsChecks.wrong(
    'Metrics',
    `shared: true, false, or a name of 1 to ${MAX_SHARE_NAME} bytes`,
    shared,
  );
}

/** @throws MetricsUsageError `ERR_METRICS_USAGE`. */
function openShare(rules: ShareRules & { readonly prefix: string }): ChildShare | ParentShare {
  if (!isMainThread) {
    throw new MetricsUsageError(
      'ERR_METRICS_USAGE',
      'Metrics: shared metrics belong into the main thread, and this is a worker thread; send what it has to count to the main thread',
    );
  }
  const door = DOOR_PREFIX + rules.name;
  try {
    return isTaskChild()
      ? new ChildShare(rules, (handler) => openDoor(door, handler))
      : new ParentShare(rules, (accept) => serveDoor(door, accept));
  } catch (cause) {
    throw new MetricsUsageError(
      'ERR_METRICS_USAGE',
      `Metrics: there are metrics that are shared as ${shownText(rules.name)} already; use one object, or another name for shared`,
      { cause },
    );
  }
}
