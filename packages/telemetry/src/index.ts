/**
 * Metrics of a program on Landspout, as a page for Prometheus.
 *
 * Counters, gauges and histograms with limits, those of all layers by `instrument`, and one page for all processes of
 * `server.start`. Spans for OpenTelemetry are in `@landspout/telemetry/opentelemetry`.
 *
 * @packageDocumentation
 */

// The metrics of a program.

export { Metrics, type MetricsOptions, type ReadOptions, type TextOptions } from './metrics/metrics.ts';
export { DEFAULT_BUCKETS, exponentialBuckets, linearBuckets } from './metrics/registry/buckets.ts';
export type { Collect, Report } from './metrics/registry/collected.ts';
export type { Counter, CounterSeries, Observed } from './metrics/registry/counter.ts';
export type { Gauge, GaugeSeries } from './metrics/registry/gauge.ts';
export type { Histogram, HistogramSeries } from './metrics/registry/histogram.ts';
export type { MetricType } from './metrics/registry/metric-names.ts';
export type {
  CounterOptions,
  GaugeOptions,
  HistogramOptions,
  MetricOptions,
} from './metrics/registry/registry.ts';
export type { Labels, LabelValue } from './metrics/registry/series-table.ts';
export type { Across, MetricFamily, MetricPoint } from './metrics/registry/snapshot.ts';

// Pages.

export {
  chooseMetricsFormat,
  METRICS_CONTENT_TYPES,
  type MetricsFormat,
} from './metrics/exposition/formats.ts';
export { MetricsHandler, type MetricsHandlerInit } from './metrics/metrics-handler.ts';
export type { MetricsAccess } from './metrics/scrape-access.ts';

// Metrics of the layers.

export type { CountedFetch, FetchGroup } from './metrics/instruments/http-client-metrics.ts';
export {
  type Instrumentation,
  type InstrumentedLayer,
  type InstrumentOptions,
  instrument,
} from './metrics/instruments/instrument.ts';
export type { StatsSource } from './metrics/instruments/server-stats-metrics.ts';
export type { RunsCounts, TopicGroup, TopicsCounts } from './metrics/instruments/topics-metrics.ts';

// Errors.

export {
  METRICS_ERRORS,
  type MetricsErrorCode,
  MetricsUnavailableError,
  MetricsUsageError,
} from './errors.ts';
