// The monitor/ folder reports the connections and requests of a server: in counters, the access log and diagnostics
// channels. It does not change their processing.

import type { HTTPConnectionInfo, RequestHead } from '@landspout/http1';
import type { ConnectionMonitor, RequestOutcome } from '@landspout/http1/server';
import type { Clock, Logger } from '@landspout/ioloop';
import type { TCPServerStats } from '@landspout/iostream';
import { serverChecks } from '../stopping/stop-options.ts';
import { AccessLog, type AccessLogHook } from './access-log.ts';
import { RequestRecord } from './access-record.ts';
import { type HTTPServerStats, RequestCounters } from './http-server-stats.ts';
import {
  publishConnectionEnd,
  publishConnectionStart,
  publishRequestEnd,
  publishRequestStart,
  someoneHearsRequests,
} from './server-channels.ts';

export interface ServerMonitorOptions {
  readonly clock: Clock;
  /** Logs failures of the access log. */
  readonly logger: Logger;
  readonly accessLog?: AccessLogHook | undefined;
}

/**
 * Counts the connections and requests of one server, and reports them to the access log and the diagnostics channels.
 * If there is neither an access log nor a subscriber, a request costs a few additions: no record is created and no
 * clock is read.
 */
export class ServerMonitor implements ConnectionMonitor {
  readonly #clock: Clock;
  readonly #accessLog: AccessLog | undefined;
  readonly #counters = new RequestCounters();

  /** @throws StreamUsageError `ERR_STREAM_USAGE` if the access log is not a function. */
  constructor({ clock, logger, accessLog }: ServerMonitorOptions) {
    if (accessLog !== undefined) serverChecks.callback('HTTPServer', 'accessLog', accessLog);
    this.#clock = clock;
    this.#accessLog = accessLog === undefined ? undefined : new AccessLog(accessLog, logger);
  }

  /** Adds the counters of requests to those of the same server's connections. */
  stats(tcp: TCPServerStats): HTTPServerStats {
    return this.#counters.stats(tcp);
  }

  connectionBegan(connection: HTTPConnectionInfo): void {
    publishConnectionStart(connection);
  }

  connectionEnded(connection: HTTPConnectionInfo, how: string, error: Error | undefined): void {
    publishConnectionEnd(connection, how, error);
  }

  requestBegan(
    head: RequestHead,
    connection: HTTPConnectionInfo,
    peer: HTTPConnectionInfo,
  ): RequestRecord | undefined {
    this.#counters.began();
    if (this.#accessLog === undefined && !someoneHearsRequests()) return undefined;
    const record = new RequestRecord(head, connection, peer, this.#clock.now());
    record.context = publishRequestStart(record);
    return record;
  }

  requestEnded(
    record: RequestRecord | undefined,
    outcome: RequestOutcome,
    status: number,
    bodyBytesSent: number,
    reason: Error | undefined,
  ): void {
    this.#counters.ended(outcome, status);
    if (record === undefined) return;
    record.end(outcome, status, bodyBytesSent, reason, this.#clock.now());
    this.#tell(record);
  }

  headRefused(peer: HTTPConnectionInfo, status: number, bodyBytesSent: number, reason: Error): void {
    this.#counters.headRefused(status);
    if (this.#accessLog === undefined && !someoneHearsRequests()) return;
    const now = this.#clock.now();
    const record = new RequestRecord(undefined, peer, peer, now);
    record.end('refused', status, bodyBytesSent, reason, now);
    this.#tell(record);
  }

  #tell(record: RequestRecord): void {
    publishRequestEnd(record);
    this.#accessLog?.write(record);
  }
}
