import type { AccessRecord, RequestMessage, RequestStartMessage } from '@landspout/httpserver';
import type { RequestEndMessage, RouteMessage } from '@landspout/web';
import type { Attributes, Context, SpanContext } from '@opentelemetry/api';
import type { Subscriptions } from './channel-subscriptions.ts';
import {
  authorityAttributes,
  clipped,
  errorType,
  httpSpanName,
  methodAttributes,
  recordedQuery,
  targetParts,
} from './http-attributes.ts';
import type { RequestSpanOptions } from './options.ts';
import { openTelemetry } from './peer.ts';
import type { SpanSource } from './span-source.ts';
import type { TracedSpan } from './traced-span.ts';

const { ROOT_CONTEXT, SpanKind, trace } = openTelemetry;

type RequestHead = NonNullable<AccessRecord['head']>;
type HTTPHeaders = AccessRecord['headers'];

/** How a propagator reads the fields of a request. */
const GETTER = {
  keys: (headers: HTTPHeaders): string[] => headers.getAll().map(([name]) => name),
  get: (headers: HTTPHeaders, name: string): string | undefined => headers.get(name),
};

/** The span of a request that a server has received. */
interface RequestSpan {
  readonly span: TracedSpan;
  readonly method: string;
  route: string | undefined;
  /** The applications that process the request: one, or several if they are mounted in each other. */
  applications: number;
  /** Whether the application has said why it failed, which is more than how the connection ended. */
  hasFailed: boolean;
  /** When the response was complete; undefined before. */
  completeAt: number | undefined;
}

/**
 * Makes a span for each request that a server receives, of kind SERVER. It is active while the request is processed, and
 * ends with the response.
 */
export class RequestSpans {
  readonly #source: SpanSource;
  readonly #options: RequestSpanOptions;
  readonly #spans = new WeakMap<RequestHead, RequestSpan>();

  constructor(source: SpanSource, options: RequestSpanOptions) {
    this.#source = source;
    this.#options = options;
  }

  readonly subscriptions: Subscriptions = {
    'landspout.http.server.request.start': (message: RequestStartMessage) => this.#started(message),
    'landspout.http.server.request.end': (message: RequestMessage) => this.#ended(message.record),
    'landspout.web.request.route': (message: RouteMessage) => this.#routed(message),
    'landspout.web.request.end': (message: RequestEndMessage) => this.#left(message),
  };

  /** The span of a request, also after its end, for links to it. */
  spanContextOf(head: RequestHead | undefined): SpanContext | undefined {
    const known = head === undefined ? undefined : this.#spans.get(head);
    return known === undefined ? undefined : trace.getSpanContext(known.span.context);
  }

  /** The route of a request. */
  routeOf(head: RequestHead | undefined): string | undefined {
    return head === undefined ? undefined : this.#spans.get(head)?.route;
  }

  #started({ record, runWithin }: RequestStartMessage): void {
    const { head, method } = record;
    if (head === undefined || method === undefined || this.#source.ignores(this.#options, record)) return;
    const incoming = this.#source.attempt(() => this.#incomingContext(record)) ?? ROOT_CONTEXT;
    const remote = trace.getSpanContext(incoming);
    const isLinked = this.#options.incoming === 'link';
    const attributes = this.#attributesOf(record, method);
    const span = this.#source.start(spanName(method, attributes), isLinked ? ROOT_CONTEXT : incoming, {
      kind: SpanKind.SERVER,
      attributes,
      links: isLinked && remote !== undefined ? [{ context: remote }] : [],
    });
    if (span === undefined) return;
    this.#spans.set(head, {
      span,
      method,
      route: undefined,
      applications: 0,
      hasFailed: false,
      completeAt: undefined,
    });
    runWithin(span.activate);
  }

  /** The context of the client, which starts a new one unless it sends a trace. */
  #incomingContext({ headers }: AccessRecord): Context {
    if (this.#options.incoming === 'ignore') return ROOT_CONTEXT;
    return this.#source.propagator.extract(ROOT_CONTEXT, headers, GETTER);
  }

  #attributesOf(record: AccessRecord, method: string): Attributes {
    const { target = '/', version, headers, protocol, connection, peer, remoteIp } = record;
    const { path, query } = targetParts(target);
    const userAgent = headers.get('User-Agent');
    return {
      ...methodAttributes(method),
      'url.scheme': protocol,
      'url.path': path,
      'url.query': query === undefined ? undefined : recordedQuery(query, this.#options.recordQuery ?? false),
      ...authorityAttributes(connection.forwardedHost ?? headers.get('Host'), protocol),
      // Over a Unix socket, a client has no address unless a proxy reports it.
      'client.address': peer.remoteAddress.family === 'unix' && connection === peer ? undefined : remoteIp,
      ...peerAttributes(peer.remoteAddress),
      'network.protocol.version': version?.slice('HTTP/'.length),
      'user_agent.original': userAgent === undefined ? undefined : clipped(userAgent),
      ...this.#source.attributesOf(this.#options, record),
    };
  }

  #routed({ head, route }: RouteMessage): void {
    const known = this.#spans.get(head);
    if (known === undefined) return;
    known.applications += 1;
    if (route === undefined) return;
    known.route = route;
    known.span.rename(httpSpanName(known.method, route));
    known.span.set({ 'http.route': route });
  }

  /** The middleware of an application has returned, usually soon after the response was complete. */
  #left({ head, error, status = 0 }: RequestEndMessage): void {
    const known = this.#spans.get(head);
    if (known === undefined) return;
    known.applications -= 1;
    // Also an error after the head was sent, which has cut the response, whatever its status.
    if (error !== undefined && (status < 400 || status >= 500)) {
      known.hasFailed = true;
      known.span.fail(failureType(error, status));
      known.span.record(error);
    }
    if (known.completeAt !== undefined && known.applications === 0) known.span.end(known.completeAt);
  }

  #ended(record: AccessRecord): void {
    const known = record.head === undefined ? undefined : this.#spans.get(record.head);
    if (known === undefined) return;
    const { span } = known;
    if (record.status !== undefined) span.set({ 'http.response.status_code': record.status });
    const { hasFailed } = known;
    if (!hasFailed && record.status !== undefined && record.status >= 500) {
      span.fail(failureType(record.error, record.status));
      if (record.error !== undefined) span.record(record.error);
    }
    if (!hasFailed && record.aborted !== undefined) span.set({ 'error.type': record.aborted });
    known.completeAt = performance.now();
    if (known.applications === 0) span.end(known.completeAt);
    // The middleware may still run. What it throws in this turn of the event loop is recorded too.
    else setImmediate(() => span.end(known.completeAt));
  }
}

/** The address of the other end of the connection: of the client, or of a proxy. */
function peerAttributes(address: AccessRecord['peer']['remoteAddress']): Attributes {
  if (address.family === 'unix') return { 'network.transport': 'unix' };
  if (address.family === 'memory') return {};
  return { 'network.peer.address': address.address, 'network.peer.port': address.port };
}

/** The `error.type` of a response that has failed. An HTTPError says no more than its status. */
function failureType(error: unknown, status: number): string {
  const isDeliberate = (error as { readonly status?: unknown } | undefined)?.status === status;
  return error === undefined || isDeliberate ? String(status) : errorType(error);
}

/** The program may know a route that no message has. */
function spanName(method: string, attributes: Attributes): string {
  const route = attributes['http.route'];
  return httpSpanName(method, typeof route === 'string' ? route : undefined);
}
