/**
 * Spans of OpenTelemetry for requests, fetches, WebSocket messages and runs.
 *
 * The package `@opentelemetry/api` has to be installed beside this one.
 *
 * @packageDocumentation
 */

// The bridge.

export type { OpenTelemetryBridge, SpanSubject } from './bridge.ts';
export { traceWithOpenTelemetry } from './trace-with-opentelemetry.ts';

// Options.

export type { QueryRecording } from './http-attributes.ts';
export type { FetchSpanOptions, RequestSpanOptions, SpanOptions, TracingOptions } from './options.ts';
export type {
  ContextLike,
  SpanAttributes,
  SpanAttributeValue,
  TextMapGetterLike,
  TextMapPropagatorLike,
  TextMapSetterLike,
  TracedFetch,
  TracedMessage,
  TracedRun,
  TracerProviderLike,
} from './types.ts';

// What can go wrong.

export { TRACING_ERRORS, type TracingErrorCode, TracingUsageError } from './errors.ts';
