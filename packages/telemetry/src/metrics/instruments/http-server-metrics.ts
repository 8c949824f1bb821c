import type {
  AccessRecord,
  ConnectionEndMessage,
  ConnectionStartMessage,
  RequestMessage,
} from '@landspout/httpserver';
import type { RequestEndMessage, RouteMessage } from '@landspout/web';
import type { Definitions } from './definitions.ts';
import { methodText, secondsOf, statusText } from './label-texts.ts';

/** The route of requests for which the program has none, such as those of scanners. */
const NO_ROUTE = '';

/** Counts the requests and connections of all servers of this process. */
export function countServerRequests(definitions: Definitions, buckets: readonly number[]): void {
  const requests = definitions.counter('http_server_requests_total', {
    help: 'Requests that have ended, by route, method and class of the status; the status is "none" without a response, and "detached" if another protocol has taken over the connection.',
    labels: ['route', 'method', 'status'],
  });
  const durations = definitions.histogram('http_server_request_duration_seconds', {
    help: 'From the last byte of the headers of a request to the last write of its response.',
    labels: ['route', 'method', 'status'],
    buckets,
  });
  const cut = definitions.counter('http_server_requests_cut_total', {
    help: 'Requests whose connection ended before their response was complete.',
    labels: ['route', 'method'],
  });
  const broken = definitions.counter('http_server_broken_responses_total', {
    help: 'Responses whose handler failed after their headers were sent, so that they were cut; their status is that of the headers.',
    labels: ['route'],
  });
  const bytes = definitions.counter('http_server_response_body_bytes_total', {
    help: 'Bytes of response bodies that were written, without framing.',
    labels: ['route'],
  });
  const inFlight = definitions.gauge('http_server_requests_in_flight', {
    help: 'Requests whose headers have arrived, and whose response is not complete.',
  });
  const routes = new WeakMap<object, string>();
  const started = new WeakSet<AccessRecord>();
  definitions.on<RequestMessage>('landspout.http.server.request.start', ({ record }) => {
    started.add(record);
    inFlight.inc();
  });
  definitions.on<RouteMessage>('landspout.web.request.route', ({ head, route }) => {
    if (route !== undefined) routes.set(head, route);
  });
  definitions.on<RequestMessage>('landspout.http.server.request.end', ({ record }) => {
    if (started.delete(record)) inFlight.dec();
    const { head, outcome } = record;
    const route = (head === undefined ? undefined : routes.get(head)) ?? NO_ROUTE;
    const method = methodText(record.method);
    const status = outcome === 'detached' ? 'detached' : statusText(record.status);
    requests.inc({ route, method, status });
    durations.observe({ route, method, status }, secondsOf(record.durationMs));
    bytes.inc({ route }, record.bytesSent);
    if (outcome === 'cut') cut.inc({ route, method });
  });
  definitions.on<RequestEndMessage>('landspout.web.request.end', ({ route = NO_ROUTE, status, error }) => {
    if (error !== undefined && status !== undefined && status < 400) broken.inc({ route });
  });
  countConnections(definitions);
}

function countConnections(definitions: Definitions): void {
  const opened = definitions.counter('http_server_connections_total', {
    help: 'Connections that have used HTTP, after TLS.',
  });
  const open = definitions.gauge('http_server_connections_open', { help: 'Connections that use HTTP now.' });
  const closed = definitions.counter('http_server_connections_closed_total', {
    help: 'Connections that have ended, by reason; "detached" if another protocol has taken over.',
    labels: ['reason'],
  });
  const known = new WeakSet<object>();
  definitions.on<ConnectionStartMessage>('landspout.http.server.connection.start', ({ connection }) => {
    known.add(connection);
    opened.inc();
    open.inc();
  });
  definitions.on<ConnectionEndMessage>('landspout.http.server.connection.end', ({ connection, how }) => {
    // One that began before the subscription was not counted.
    if (!known.delete(connection)) return;
    open.dec();
    closed.inc({ reason: how });
  });
}
