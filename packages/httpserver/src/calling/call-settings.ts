// The calling/ folder calls a delegate for requests that another server received, such as node:http or one for Fetch
// handlers: it checks heads, enforces the limits of bodies, and writes the response through the other server.

import type {
  HTTPConnectionInfo,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
} from '@landspout/http1';
import { DEFAULT_LIMITS, resolveLimits } from '@landspout/http1/protocol';
import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger, onAbort, RateLimitedLog } from '@landspout/ioloop/reactor';
import {
  type DescribeConnection,
  ForwardedConnection,
  type ForwardedOptions,
  resolveForwarded,
} from '../forwarded/resolve-forwarded.ts';
import { callingChecks } from './errors.ts';

/** What `toFetchHandler` and `toNodeHandler` have in common. */
export interface CallOptions extends ForwardedOptions {
  /**
   * Maximum size of a request body, in bytes; status 413 if exceeded. A delegate may change it for one request with
   * `exchange.setMaxBodyBytes`. Default: 100 MiB, as for HTTPServer.
   */
  readonly maxBodyBytes?: number;
  /**
   * Maximum size of the target and the headers together, in bytes; status 414 or 431 if exceeded. The server in front
   * usually has a lower limit. Default: 64 KiB.
   */
  readonly maxHeadBytes?: number;
  /** Maximum number of header fields; status 431 if exceeded. Default: 200. */
  readonly maxHeaders?: number;
  /**
   * Maximum time from the head of a request to the end of its body, in milliseconds, not counting the time in which the
   * delegate does not read; status 408 if exceeded. 0 means no limit. Default: 0.
   */
  readonly bodyTimeoutMs?: number;
  /**
   * The `protocol` of every request, unless a trusted proxy reports another one. Set it to `https` if a proxy in front
   * of the server terminates TLS. Default: that of the connection or URL.
   */
  readonly protocol?: 'http' | 'https';
  /**
   * Abort it when the server in front begins to stop: it is the `stopping` of every exchange, so that responses without
   * an end, such as event streams, end. Default: none.
   */
  readonly signal?: AbortSignal;
  /** Receives one record for each request that the delegate failed to handle. Default: standard error. */
  readonly logger?: Logger;
  /** Measures `bodyTimeoutMs`. Default: the system clock. */
  readonly clock?: Clock;
}

export const CALL_OPTIONS: OptionNames<CallOptions> = Object.freeze({
  maxBodyBytes: true,
  maxHeadBytes: true,
  maxHeaders: true,
  bodyTimeoutMs: true,
  protocol: true,
  signal: true,
  logger: true,
  clock: true,
  trustedProxies: true,
  forwardedHeaders: true,
  forwardedHost: true,
});

/** The checked options, shared by all calls of one handler. */
export class CallSettings {
  readonly delegate: HTTPServerConnectionDelegate;
  readonly maxBodyBytes: number;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly bodyTimeoutMs: number;
  readonly protocol: 'http' | 'https' | undefined;
  readonly stopping: HTTPServerExchange['stopping'];
  readonly #describe: DescribeConnection | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly refusalLog: RateLimitedLog;

  /** @throws HTTPUsageError, StreamUsageError, Http1UsageError if an option is invalid; they must be known names. */
  constructor(operation: string, delegate: HTTPServerConnectionDelegate, options: CallOptions) {
    const { maxBodyBytes, maxHeadBytes, maxHeaders, protocol, signal, bodyTimeoutMs = 0 } = options;
    if (typeof (delegate as Partial<HTTPServerConnectionDelegate> | null)?.startRequest !== 'function')
      throw callingChecks.wrong(operation, 'an Application or another delegate', delegate);
    resolveLimits(withoutUndefined({ maxBodyBytes, maxHeadBytes, maxHeaders }));
    callingChecks.durationMs(operation, 'bodyTimeoutMs', bodyTimeoutMs);
    if (protocol !== undefined) callingChecks.oneOf(operation, 'protocol', protocol, ['http', 'https']);
    callingChecks.signal(operation, signal);
    this.delegate = delegate;
    this.maxBodyBytes = maxBodyBytes ?? DEFAULT_LIMITS.maxBodyBytes;
    this.maxHeadBytes = maxHeadBytes ?? DEFAULT_LIMITS.maxHeadBytes;
    this.maxHeaders = maxHeaders ?? DEFAULT_LIMITS.maxHeaders;
    this.bodyTimeoutMs = bodyTimeoutMs;
    this.protocol = protocol;
    this.#describe = resolveForwarded(options);
    this.logger = options.logger === undefined ? consoleLogger : acceptLogger(options.logger);
    this.clock = options.clock ?? systemClock;
    callingChecks.withMethods(operation, 'clock: a clock', this.clock, 'now', 'setTimeout');
    this.refusalLog = new RateLimitedLog(this);
    this.stopping = signal ?? new AbortController().signal;
    onAbort(signal, () => this.refusalLog.flush());
  }

  /**
   * Describes where a request was sent from: as trusted proxies report it, and else with the `protocol` of the options.
   * What a server of this stack in front has found in the header fields stays as it is: the address is then that of the
   * client, which could choose its address if it were taken for a proxy.
   */
  connectionFor(head: RequestHead, connection: HTTPConnectionInfo): HTTPConnectionInfo {
    const { protocol } = this;
    const isForwarded = connection instanceof ForwardedConnection;
    const described = isForwarded ? connection : (this.#describe?.(head, connection) ?? connection);
    if (protocol === undefined || described.protocol === protocol) return described;
    if (described instanceof ForwardedConnection && described.hasReportedProtocol) return described;
    return new ForwardedConnection(described, {
      address: undefined,
      protocol,
      host: described.forwardedHost,
    });
  }
}

function withoutUndefined(limits: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Record<string, number>;
}
