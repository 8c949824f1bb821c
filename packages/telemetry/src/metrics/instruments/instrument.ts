// Metrics of the layers of Landspout, which publish what happens in them on diagnostics channels.

import type { HTTPServerStats } from '@landspout/httpserver';
import { consoleLogger, IOLoop, type Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { MetricsUsageError, metricsChecks } from '../../errors.ts';
import { Metrics } from '../metrics.ts';
import { DEFAULT_BUCKETS, requireBuckets } from '../registry/buckets.ts';
import { Definitions } from './definitions.ts';
import { countFetches, type FetchGroup } from './http-client-metrics.ts';
import { countServerRequests } from './http-server-metrics.ts';
import { measureLoop } from './loop-metrics.ts';
import { measureProcess } from './process-metrics.ts';
import { readServers, type StatsSource } from './server-stats-metrics.ts';
import {
  countTopics,
  type RunsCounts,
  readRuns,
  readTopics,
  type TopicGroup,
  type TopicsCounts,
} from './topics-metrics.ts';
import { countWebSockets } from './websocket-metrics.ts';

/** What {@link instrument} can measure. */
export type InstrumentedLayer = 'httpServer' | 'httpClient' | 'webSocket' | 'topics' | 'loop' | 'process';

export interface InstrumentOptions {
  /** A server whose bytes, TLS handshakes and refusals are read; more with `addServer`. */
  readonly server?: StatsSource<HTTPServerStats>;
  /** A `Topics` whose subscriptions are read; more with `addTopics`. */
  readonly topics?: StatsSource<TopicsCounts>;
  /** A `Runs` whose runs are read; more with `addRuns`. */
  readonly runs?: StatsSource<RunsCounts>;
  /** The loop whose lag is measured. Default: that of this thread. */
  readonly loop?: IOLoop;
  /** The layers without metrics. Default: none; layers that a program does not use cost nothing. */
  readonly without?: readonly InstrumentedLayer[];
  /** Bounds of the histograms of requests, fetches and messages, in seconds. Default: 0.005 to 10. */
  readonly durationBuckets?: readonly number[];
  /**
   * The label `group` of a fetch, such as the name of the service. It must have few values, so do not return a URL.
   * Default: ''.
   */
  readonly fetchGroup?: FetchGroup;
  /** The label `group` of a publish, such as the kind of the topic. It must have few values. Default: ''. */
  readonly topicGroup?: TopicGroup;
  /** Gets failures. Default: standard error. */
  readonly logger?: Logger;
}

const OPTIONS: OptionNames<InstrumentOptions> = {
  server: true,
  topics: true,
  runs: true,
  loop: true,
  without: true,
  durationBuckets: true,
  fetchGroup: true,
  topicGroup: true,
  logger: true,
};
const LAYERS: readonly InstrumentedLayer[] = [
  'httpServer',
  'httpClient',
  'webSocket',
  'topics',
  'loop',
  'process',
];

/** Most servers, topics or runs of one instrumentation: more are made for each request, which is a leak. */
const MAX_SOURCES = 64;

/**
 * Defines metrics of the layers of Landspout, and counts from now on what they publish on their diagnostics channels:
 * requests by route, connections, fetches, WebSocket messages, topics and runs, the event loop, and the process. The list
 * is in docs/metrics.md.
 *
 * @returns an object that ends all of it with `close`, and to which servers can be added that are made later.
 * @throws MetricsUsageError `ERR_METRICS_USAGE` if an option is unknown or invalid; `ERR_METRICS_DUPLICATE` if these
 *   metrics are instrumented already, or one of them has the name of a metric of the program.
 *
 * @example
 * const metrics = new Metrics({ shared: true });
 * const instrumentation = instrument(metrics, { topics });
 * instrumentation.addServer(await app.listen({ port: 8888 }));
 */
export function instrument(metrics: Metrics, options: InstrumentOptions = {}): Instrumentation {
  if (!(metrics instanceof Metrics)) throw metricsChecks.wrong('instrument', 'a Metrics', metrics);
  metricsChecks.options('instrument', options, OPTIONS);
  const { durationBuckets = DEFAULT_BUCKETS, fetchGroup, topicGroup, without = [] } = options;
  const settings: Settings = {
    buckets: requireBuckets('instrument: durationBuckets', durationBuckets),
    loop: metricsChecks.withMethods('instrument', 'a loop', options.loop ?? IOLoop.current(), 'time'),
    fetchGroup: optionalFunction('fetchGroup', fetchGroup),
    topicGroup: optionalFunction('topicGroup', topicGroup),
    layers: layersBut(without),
  };
  const logger = acceptLogger(
    metricsChecks.withMethods('instrument', 'a logger', options.logger ?? consoleLogger, 'error'),
  );
  const definitions = new Definitions(metrics, logger);
  try {
    const instrumentation = new Instrumentation(definitions, settings);
    if (options.server !== undefined) instrumentation.addServer(options.server);
    if (options.topics !== undefined) instrumentation.addTopics(options.topics);
    if (options.runs !== undefined) instrumentation.addRuns(options.runs);
    return instrumentation;
  } catch (error) {
    definitions.close();
    throw error;
  }
}

interface Settings {
  readonly buckets: readonly number[];
  readonly loop: IOLoop;
  readonly fetchGroup: FetchGroup | undefined;
  readonly topicGroup: TopicGroup | undefined;
  readonly layers: ReadonlySet<InstrumentedLayer>;
}

/** The metrics that {@link instrument} has defined. */
export class Instrumentation {
  readonly #definitions: Definitions;
  readonly #servers = new Set<StatsSource<HTTPServerStats>>();
  readonly #topics = new Set<StatsSource<TopicsCounts>>();
  readonly #runs = new Set<StatsSource<RunsCounts>>();

  /** Used by {@link instrument}. */
  constructor(definitions: Definitions, { buckets, loop, fetchGroup, topicGroup, layers }: Settings) {
    this.#definitions = definitions;
    if (layers.has('httpServer')) countServerRequests(definitions, buckets);
    if (layers.has('httpClient')) countFetches(definitions, buckets, fetchGroup);
    if (layers.has('webSocket')) countWebSockets(definitions, buckets);
    if (layers.has('topics')) countTopics(definitions, topicGroup);
    if (layers.has('loop')) measureLoop(definitions, loop);
    if (layers.has('process')) measureProcess(definitions);
  }

  /**
   * Reads the counters of a server too. Those of several are added up. A server that has stopped stays, so that its totals
   * do.
   *
   * @throws MetricsUsageError `ERR_METRICS_USAGE` for the 65th.
   */
  addServer(server: StatsSource<HTTPServerStats>): void {
    add('addServer', this.#servers, server, () => readServers(this.#definitions, this.#servers));
  }

  /** Reads the counters of a `Topics` too. @throws MetricsUsageError `ERR_METRICS_USAGE` for the 65th. */
  addTopics(topics: StatsSource<TopicsCounts>): void {
    add('addTopics', this.#topics, topics, () => readTopics(this.#definitions, this.#topics));
  }

  /** Reads the counters of a `Runs` too. @throws MetricsUsageError `ERR_METRICS_USAGE` for the 65th. */
  addRuns(runs: StatsSource<RunsCounts>): void {
    add('addRuns', this.#runs, runs, () => readRuns(this.#definitions, this.#runs));
  }

  /** Ends the subscriptions and measurements, and removes the metrics. */
  close(): void {
    this.#definitions.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      servers: this.#servers.size,
      topics: this.#topics.size,
      runs: this.#runs.size,
    }));
  }
}

/** @param define - called for the first source. */
function add<Stats>(
  operation: string,
  sources: Set<StatsSource<Stats>>,
  source: StatsSource<Stats>,
  define: () => void,
): void {
  metricsChecks.withMethods(operation, 'an object with stats()', source, 'stats');
  if (sources.has(source)) return;
  if (sources.size >= MAX_SOURCES)
    throw new MetricsUsageError('ERR_METRICS_USAGE', `${operation}: there are ${MAX_SOURCES} already`);
  if (sources.size === 0) define();
  sources.add(source);
}

function optionalFunction<Fn>(name: string, value: Fn | undefined): Fn | undefined {
  return value === undefined ? undefined : metricsChecks.callback('instrument', name, value);
}

function layersBut(without: readonly InstrumentedLayer[]): ReadonlySet<InstrumentedLayer> {
  if (!Array.isArray(without))
    throw metricsChecks.wrong('instrument', 'without: an array of layers', without);
  const layers = new Set(LAYERS);
  for (const layer of without) layers.delete(metricsChecks.oneOf('instrument', 'without', layer, LAYERS));
  return layers;
}
