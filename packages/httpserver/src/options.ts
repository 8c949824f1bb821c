import type { Http1Limits } from '@landspout/http1';
import { LIMIT_NAMES } from '@landspout/http1/protocol';
import type { OptionNames } from '@landspout/ioloop/errors';
import type { TCPServerOptions } from '@landspout/iostream';
import { TCP_SERVER_OPTIONS } from '@landspout/iostream/transports';
import type { DecompressionOptions } from './decompression/decompression-options.ts';
import type { ForwardedOptions } from './forwarded/resolve-forwarded.ts';
import type { AccessLogHook } from './monitor/access-log.ts';
import { serverChecks } from './stopping/stop-options.ts';

export interface HTTPServerOptions
  extends Omit<TCPServerOptions, 'handleStream' | 'maxReadBufferBytes'>,
    Partial<HTTPServerTimeouts>,
    Partial<Http1Limits>,
    ForwardedOptions {
  /** Whether a connection may carry more than one request. Default: true. */
  readonly keepAlive?: boolean;
  /**
   * The `protocol` of every request, unless a trusted proxy reports another one. Set it to `https` if a proxy in front
   * of the server terminates TLS. Default: the protocol of the connection.
   */
  readonly protocol?: 'http' | 'https';
  /**
   * Whether to decompress request bodies, for example gzip. Default: false, so delegates get bodies as they were sent.
   */
  readonly decompressRequests?: boolean | DecompressionOptions;
  /** Called with each request after it has ended. Default: none. */
  readonly accessLog?: AccessLogHook;
}

/** The options that a server passes to its TCPServer. */
export const TRANSPORT_OPTIONS: OptionNames<Omit<TCPServerOptions, 'handleStream' | 'maxReadBufferBytes'>> =
  withoutOwn(TCP_SERVER_OPTIONS);

function withoutOwn({
  handleStream: _handleStream,
  maxReadBufferBytes: _maxReadBufferBytes,
  ...others
}: OptionNames<TCPServerOptions>) {
  return others;
}

/** The option names of {@link HTTPServer}, for code that accepts additional options. */
export const HTTP_SERVER_OPTIONS: OptionNames<HTTPServerOptions> = Object.freeze({
  ...TRANSPORT_OPTIONS,
  headerTimeoutMs: true,
  idleTimeoutMs: true,
  minBytesPerSecond: true,
  progressMs: true,
  bodyTimeoutMs: true,
  halfClosedMs: true,
  lingerMs: true,
  ...LIMIT_NAMES,
  trustedProxies: true,
  forwardedHeaders: true,
  forwardedHost: true,
  keepAlive: true,
  protocol: true,
  decompressRequests: true,
  accessLog: true,
});

/** Options of `http.createServer`, and their names here, which are not similar enough to be suggested. */
const NODE_NAMES = {
  headersTimeout: 'headerTimeoutMs',
  keepAliveTimeout: 'idleTimeoutMs',
  maxHeaderSize: 'maxHeadBytes',
  requestTimeout: 'bodyTimeoutMs',
} as const;

/** Describes an option that has its name of node:http, as `optionsProblem` does. Undefined if there is none. */
export function nodeNameProblem(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return undefined;
  for (const [name, ours] of Object.entries(NODE_NAMES)) {
    if ((options as Readonly<Record<string, unknown>>)[name] !== undefined)
      return `unknown option "${name}": did you mean "${ours}"?`;
  }
  return undefined;
}

/** Describes arguments that follow the options of `listen`, such as the callback of node:http. Undefined if there is none. */
export function listenCallbackProblem(others: readonly unknown[]): string | undefined {
  if (others.every((value) => value === undefined)) return undefined;
  return 'the options are the only argument; instead of passing a callback, await the promise that listen returns';
}

/** The deadlines of a server, in milliseconds. */
export interface HTTPServerTimeouts {
  /**
   * Maximum time from the first to the last byte of a request's headers, and from the start of a connection to the end
   * of its first headers. Default: 30 s.
   */
  readonly headerTimeoutMs: number;
  /**
   * Maximum time between two requests. Default: 75 s, which is longer than the 60 s of common load balancers, so that
   * the load balancer closes the connection first.
   */
  readonly idleTimeoutMs: number;
  /**
   * Minimum rate at which a client must send a request body or read a response, averaged over {@link progressMs}.
   * Default: 100 bytes/s.
   */
  readonly minBytesPerSecond: number;
  /** The interval at which that rate is checked. Default: 20 s. */
  readonly progressMs: number;
  /**
   * Maximum time from a request's headers to the end of its body, not counting the time in which the server does not
   * read. 0 means no limit other than {@link minBytesPerSecond}. Default: 0.
   */
  readonly bodyTimeoutMs: number;
  /**
   * If a client has ended its side and the response headers were sent: maximum time between two writes of the response.
   * If it is exceeded, the connection is reset. 0 means no limit. Default: 30 s.
   */
  readonly halfClosedMs: number;
  /** How long a closing connection waits for its client to read the last response and close its side. Default: 2 s. */
  readonly lingerMs: number;
}

const DEFAULT_TIMEOUTS: HTTPServerTimeouts = {
  headerTimeoutMs: 30_000,
  idleTimeoutMs: 75_000,
  minBytesPerSecond: 100,
  progressMs: 20_000,
  bodyTimeoutMs: 0,
  halfClosedMs: 30_000,
  lingerMs: 2_000,
};

/** Checks the deadlines and fills in defaults. @throws StreamUsageError `ERR_STREAM_USAGE` if one is invalid. */
export function resolveTimeouts(options: Partial<HTTPServerTimeouts>): HTTPServerTimeouts {
  const resolved: Record<string, number> = { ...DEFAULT_TIMEOUTS };
  for (const name of Object.keys(DEFAULT_TIMEOUTS) as (keyof HTTPServerTimeouts)[]) {
    const value = options[name];
    if (value === undefined) continue;
    // Only these two timeouts may be 0, which means no limit.
    if (name === 'bodyTimeoutMs' || name === 'halfClosedMs')
      serverChecks.durationMs('HTTPServer', name, value);
    else serverChecks.positiveNumber('HTTPServer', name, value);
    resolved[name] = value;
  }
  return resolved as unknown as HTTPServerTimeouts;
}
