import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Logger } from '@landspout/ioloop';
import type { Metrics } from '../metrics.ts';
import type { Counter } from '../registry/counter.ts';
import type { Gauge } from '../registry/gauge.ts';
import type { Histogram } from '../registry/histogram.ts';
import type { CounterOptions, GaugeOptions, HistogramOptions } from '../registry/registry.ts';

/** A metric that is counted where things happen. */
type Counted<Options> = Omit<Options, 'collect'>;
/** A metric that is read when a page is made. */
type Collected<Options extends { readonly collect?: unknown }> = Options & {
  readonly collect: NonNullable<Options['collect']>;
};

/** The metrics and subscriptions of one instrumentation, which end together. */
export class Definitions {
  readonly #metrics: Metrics;
  readonly #logger: Pick<Logger, 'error'>;
  readonly #names: string[] = [];
  readonly #ends: (() => void)[] = [];
  #hasFailed = false;

  constructor(metrics: Metrics, logger: Pick<Logger, 'error'>) {
    this.#metrics = metrics;
    this.#logger = logger;
  }

  counter<const Name extends string = never>(
    name: string,
    options: Counted<CounterOptions<Name>>,
  ): Counter<Name> {
    return this.#defined(name, this.#metrics.counter<Name>(name, options));
  }

  gauge<const Name extends string = never>(name: string, options: Counted<GaugeOptions<Name>>): Gauge<Name> {
    return this.#defined(name, this.#metrics.gauge<Name>(name, options));
  }

  histogram<const Name extends string = never>(
    name: string,
    options: HistogramOptions<Name>,
  ): Histogram<Name> {
    return this.#defined(name, this.#metrics.histogram<Name>(name, options));
  }

  readCounter<const Name extends string = never>(
    name: string,
    options: Collected<CounterOptions<Name>>,
  ): void {
    this.#defined(name, this.#metrics.counter<Name>(name, options));
  }

  readGauge<const Name extends string = never>(name: string, options: Collected<GaugeOptions<Name>>): void {
    this.#defined(name, this.#metrics.gauge<Name>(name, options));
  }

  /**
   * Subscribes to a diagnostics channel. What the listener throws is logged, once: an error of a subscriber would
   * otherwise end the process.
   */
  on<Message>(channel: string, listener: (message: Message) => void): void {
    const safe = (message: unknown): void => {
      try {
        listener(message as Message);
      } catch (error) {
        this.failed(error, channel);
      }
    };
    subscribe(channel, safe);
    this.#ends.push(() => unsubscribe(channel, safe));
  }

  /** Calls `end` when the instrumentation is closed. */
  atEnd(end: () => void): void {
    this.#ends.push(end);
  }

  /** Logs the first failure. */
  failed(error: unknown, what: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#logger.error({ error }, `the metrics of ${what} failed; further failures are not logged`);
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
    for (const name of this.#names.splice(0)) this.#metrics.unregister(this.#metrics.prefix + name);
  }

  #defined<Metric>(name: string, metric: Metric): Metric {
    this.#names.push(name);
    return metric;
  }
}
