import { consoleLogger } from '@landspout/ioloop';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { OpenTelemetryBridge, type SpanSubject } from './bridge.ts';
import type { Subscriptions } from './channel-subscriptions.ts';
import { FetchSpans } from './fetch-spans.ts';
import { checkTracingOptions, optionsOfKind, type TracingOptions } from './options.ts';
import { RequestSpans } from './request-spans.ts';
import { RunSpans } from './run-spans.ts';
import { SpanSource } from './span-source.ts';
import { WebSocketSpans } from './websocket-spans.ts';

/**
 * Makes spans of OpenTelemetry for what Landspout does in this process, and carries their context through handlers and
 * over HTTP, by diagnostics channels: servers and clients need no setting.
 *
 * - Each request that a server receives has a span of kind SERVER, named like `GET /user/:id`, which continues the trace of
 *   the client. It is active in middleware and the handler, and in what they await.
 * - Each request that an `AsyncHTTPClient` sends has a span of kind CLIENT, and carries its trace to the server. Redirects,
 *   challenges and repeated attempts have spans of their own.
 * - Each message that a WebSocket receives, and each attempt of a run, has a span of its own trace, with a link to the
 *   upgrade or to the span in which the run was started.
 *
 * Attributes follow the semantic conventions of OpenTelemetry for HTTP. Queries are not recorded unless an option says so.
 * The SDK, which samples and exports, is set up by the program, before or after this call.
 *
 * @returns the bridge. It subscribes to the channels until it is closed.
 * @throws TracingUsageError `ERR_TRACING_USAGE` if an option is invalid; `ERR_TRACING_ACTIVE` if another bridge of this
 *   process makes spans of the same subject. Nothing has changed then.
 *
 * @example
 * const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
 * provider.register();
 * using bridge = traceWithOpenTelemetry();
 */
export function traceWithOpenTelemetry(options: TracingOptions = {}): OpenTelemetryBridge {
  checkTracingOptions(options);
  const { tracerProvider, propagator, connections = false, logger } = options;
  const source = new SpanSource({
    tracerProvider,
    propagator,
    logger: logger === undefined ? consoleLogger : acceptLogger(logger),
  });
  const requestOptions = optionsOfKind(options.requests);
  const fetchOptions = optionsOfKind(options.fetches);
  const messages = optionsOfKind(options.messages);
  const runOptions = optionsOfKind(options.runs);
  const subjects: SpanSubject[] = [];
  const subscriptions: Subscriptions[] = [];

  const requests = new RequestSpans(source, requestOptions ?? {});
  if (requestOptions !== undefined) {
    subjects.push('requests');
    subscriptions.push(requests.subscriptions);
  }
  if (fetchOptions !== undefined) {
    subjects.push('fetches');
    subscriptions.push(new FetchSpans(source, fetchOptions).subscriptions);
  }
  if (messages !== undefined) subjects.push('messages');
  if (connections) subjects.push('connections');
  if (messages !== undefined || connections)
    subscriptions.push(new WebSocketSpans(source, { messages, connections }, requests).subscriptions);
  if (runOptions !== undefined) {
    subjects.push('runs');
    subscriptions.push(new RunSpans(source, runOptions).subscriptions);
  }
  return new OpenTelemetryBridge(source, subjects, subscriptions);
}
