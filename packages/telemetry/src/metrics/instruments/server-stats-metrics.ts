import type { HTTPServerStats } from '@landspout/httpserver';
import type { Report } from '../registry/collected.ts';
import type { Definitions } from './definitions.ts';

/** What is read of a server. */
export interface StatsSource<Stats> {
  stats(): Stats;
}

type Reading = (stats: HTTPServerStats, report: Report<never>) => void;
type LabelledReading<Name extends string> = (stats: HTTPServerStats, report: Report<Name>) => void;

/** Reads what the servers count themselves: bytes, TLS handshakes, and what they have refused. */
export function readServers(
  definitions: Definitions,
  servers: ReadonlySet<StatsSource<HTTPServerStats>>,
): void {
  const each =
    <Name extends string>(read: LabelledReading<Name>) =>
    (report: Report<Name>): void => {
      for (const server of servers) read(server.stats(), report);
    };
  const counter = (name: string, help: string, read: Reading): void =>
    definitions.readCounter(name, { help, collect: each<never>(read) });
  counter('http_server_received_bytes_total', 'Bytes received by all connections.', (stats, report) =>
    report(stats.bytesReceived),
  );
  counter('http_server_sent_bytes_total', 'Bytes sent on all connections.', (stats, report) =>
    report(stats.bytesSent),
  );
  definitions.readGauge('http_server_queued_bytes', {
    help: 'Bytes that wait until clients read them.',
    collect: each<never>(({ queuedBytes }, report) => report(queuedBytes)),
  });
  counter(
    'http_server_connections_refused_total',
    'Connections that were closed at once because a limit was reached.',
    (stats, report) => report(stats.refused),
  );
  counter(
    'http_server_refused_heads_total',
    'Requests that were refused before their headers could be decoded.',
    (stats, report) => report(stats.refusedHeads),
  );
  counter(
    'http_server_proxy_header_failures_total',
    'Connections of proxies whose PROXY header was missing or invalid.',
    (stats, report) => report(stats.proxyHeadersFailed),
  );
  readHandshakes(definitions, each);
}

function readHandshakes(
  definitions: Definitions,
  each: <Name extends string>(read: LabelledReading<Name>) => (report: Report<Name>) => void,
): void {
  definitions.readCounter('http_server_tls_handshakes_total', {
    help: 'TLS handshakes by result: complete, resumed or failed.',
    labels: ['result'],
    collect: each<'result'>(({ handshakesCompleted, handshakesResumed, handshakesFailed }, report) => {
      report({ result: 'complete' }, Math.max(0, handshakesCompleted - handshakesResumed));
      report({ result: 'resumed' }, handshakesResumed);
      report({ result: 'failed' }, handshakesFailed);
    }),
  });
  definitions.readCounter('http_server_tls_handshake_failures_total', {
    help: 'TLS handshakes that failed, by the code of the error; at most 32 codes for each server, then "other".',
    labels: ['code'],
    collect: each<'code'>(({ handshakeFailures }, report) => {
      for (const [code, count] of Object.entries(handshakeFailures)) report({ code }, count);
    }),
  });
}
