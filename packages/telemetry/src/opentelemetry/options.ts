import type { AccessRecord } from '@landspout/httpserver';
import type { Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { tracingChecks } from './errors.ts';
import type { QueryRecording } from './http-attributes.ts';
import type {
  SpanAttributes,
  TextMapPropagatorLike,
  TracedFetch,
  TracedMessage,
  TracedRun,
  TracerProviderLike,
} from './types.ts';

/** What each kind of span has in common. Neither function may be asynchronous; if one throws, that is logged. */
export interface SpanOptions<Traced> {
  /** Returns true for what should have no span. Default: everything has one. */
  readonly ignore?: (traced: Traced) => boolean;
  /**
   * Returns further attributes, for example `{ 'app.tenant': tenantOf(record) }`. Called before the span is started, so
   * that a sampler sees them.
   */
  readonly attributes?: (traced: Traced) => SpanAttributes | undefined;
}

export interface RequestSpanOptions extends SpanOptions<AccessRecord> {
  /**
   * What to do with the trace that the client sends in headers such as `traceparent`: `parent` continues it, and uses
   * its baggage; `link` starts a trace with a link to it; `ignore` starts a trace. Use one of the latter two if the
   * clients are strangers, who could otherwise choose ids and sampling. Default: `parent`.
   */
  readonly incoming?: 'parent' | 'link' | 'ignore';
  /**
   * Whether `url.query` is recorded. A list has the names of the parameters whose values are recorded; with true, the
   * values of parameters such as `token` are replaced by `REDACTED`. Default: false, because queries may have secrets.
   */
  readonly recordQuery?: QueryRecording;
}

export interface FetchSpanOptions extends SpanOptions<TracedFetch> {
  /**
   * Whether the trace and the baggage are sent in the headers of a request; or a function that decides for each hop,
   * for example by the origin of its `url`, and is called with redirects too. Default: true.
   */
  readonly propagate?: boolean | ((fetch: TracedFetch) => boolean);
  /** Whether the query is part of `url.full`; see {@link RequestSpanOptions.recordQuery}. Default: false. */
  readonly recordQuery?: QueryRecording;
}

/** Which spans are made, and by what. */
export interface TracingOptions {
  /** A `TracerProvider` of `@opentelemetry/api`. Default: the one that is registered when a span is started. */
  readonly tracerProvider?: TracerProviderLike;
  /** A `TextMapPropagator` of `@opentelemetry/api`. Default: the one that is registered when it is needed. */
  readonly propagator?: TextMapPropagatorLike;
  /** Spans of the requests that servers receive. False for none. Default: true. */
  readonly requests?: boolean | RequestSpanOptions;
  /** Spans of the requests that HTTP clients send. False for none. Default: true. */
  readonly fetches?: boolean | FetchSpanOptions;
  /** Spans of the messages that WebSockets receive, of both sides. False for none. Default: true. */
  readonly messages?: boolean | SpanOptions<TracedMessage>;
  /** Spans of WebSockets, from their opening to their end, of both sides. True for some. Default: false. */
  readonly connections?: boolean;
  /** Spans of the attempts of runs. False for none. Default: true. */
  readonly runs?: boolean | SpanOptions<TracedRun>;
  /** Where failures of the tracing are logged. Default: `consoleLogger`. */
  readonly logger?: Logger;
}

const TRACING_OPTIONS: OptionNames<TracingOptions> = {
  tracerProvider: true,
  propagator: true,
  requests: true,
  fetches: true,
  messages: true,
  connections: true,
  runs: true,
  logger: true,
};

const SPAN_OPTIONS: OptionNames<SpanOptions<unknown>> = { ignore: true, attributes: true };

const REQUEST_OPTIONS: OptionNames<RequestSpanOptions> = {
  ...SPAN_OPTIONS,
  incoming: true,
  recordQuery: true,
};

const FETCH_OPTIONS: OptionNames<FetchSpanOptions> = { ...SPAN_OPTIONS, propagate: true, recordQuery: true };

const OPERATION = 'traceWithOpenTelemetry';

/** Checks all options. @throws TracingUsageError `ERR_TRACING_USAGE`. */
export function checkTracingOptions(options: TracingOptions): void {
  tracingChecks.options(OPERATION, options, TRACING_OPTIONS);
  const { tracerProvider, propagator, connections, logger, requests, fetches, messages, runs } = options;
  if (tracerProvider !== undefined)
    tracingChecks.withMethods(OPERATION, 'tracerProvider: a TracerProvider', tracerProvider, 'getTracer');
  if (propagator !== undefined) {
    const expected = 'propagator: a TextMapPropagator';
    tracingChecks.withMethods(OPERATION, expected, propagator, 'inject', 'extract', 'fields');
  }
  if (logger !== undefined) tracingChecks.withMethods(OPERATION, 'a logger', logger, 'warn');
  if (connections !== undefined) tracingChecks.boolean(OPERATION, 'connections', connections);
  checkKind('requests', requests, REQUEST_OPTIONS);
  checkKind('fetches', fetches, FETCH_OPTIONS);
  checkKind('messages', messages, SPAN_OPTIONS);
  checkKind('runs', runs, SPAN_OPTIONS);
  if (typeof requests === 'object') checkRequests(requests);
  if (typeof fetches === 'object') checkFetches(fetches);
}

/** The options of a kind of span. @returns undefined for no spans. */
export function optionsOfKind<Options extends object>(
  given: boolean | Options | undefined,
): Options | undefined {
  if (given === false) return undefined;
  return typeof given === 'object' ? given : ({} as Options);
}

function checkKind<Options extends SpanOptions<never>>(
  name: string,
  given: boolean | Options | undefined,
  known: OptionNames<Options>,
): void {
  if (given === undefined || typeof given === 'boolean') return;
  const operation = `${OPERATION}: ${name}`;
  tracingChecks.options(operation, given, known);
  if (given.ignore !== undefined) tracingChecks.callback(operation, 'ignore', given.ignore);
  if (given.attributes !== undefined) tracingChecks.callback(operation, 'attributes', given.attributes);
}

function checkRequests({ incoming, recordQuery }: RequestSpanOptions): void {
  const operation = `${OPERATION}: requests`;
  if (incoming !== undefined)
    tracingChecks.oneOf(operation, 'incoming', incoming, ['parent', 'link', 'ignore']);
  checkQuery(operation, recordQuery);
}

function checkFetches({ propagate, recordQuery }: FetchSpanOptions): void {
  const operation = `${OPERATION}: fetches`;
  if (propagate !== undefined && typeof propagate !== 'boolean' && typeof propagate !== 'function')
    throw tracingChecks.wrong(operation, 'propagate: true, false or a function', propagate);
  checkQuery(operation, recordQuery);
}

function checkQuery(operation: string, value: QueryRecording | undefined): void {
  const isList = Array.isArray(value) && value.every((name) => typeof name === 'string');
  if (value !== undefined && typeof value !== 'boolean' && !isList)
    throw tracingChecks.wrong(operation, 'recordQuery: true, false or a list of names', value);
}
