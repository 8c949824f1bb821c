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
  /** Whether a connection may carry more than one request. Default true. */
  readonly keepAlive?: boolean;
  /** What requests say they came by. Default: as the connection; for a server whose TLS is spoken in front of it. */
  readonly protocol?: 'http' | 'https';
  /** Undoes the content codings of request bodies, such as gzip. Default false: delegates get bodies as they came. */
  readonly decompressRequests?: boolean | DecompressionOptions;
  /** Hears of each request when it has ended. Default: nobody does. */
  readonly accessLog?: AccessLogHook;
}

/** A server's options that are its TCPServer's. */
export const TRANSPORT_OPTIONS: OptionNames<Omit<TCPServerOptions, 'handleStream' | 'maxReadBufferBytes'>> =
  withoutOwn(TCP_SERVER_OPTIONS);

function withoutOwn({
  handleStream: _handleStream,
  maxReadBufferBytes: _maxReadBufferBytes,
  ...others
}: OptionNames<TCPServerOptions>) {
  return others;
}

/** The names that an {@link HTTPServer} knows, for who takes other options beside them. */
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
  keepAlive: true,
  protocol: true,
  decompressRequests: true,
  accessLog: true,
});

/** The deadlines of a server, in milliseconds. */
export interface HTTPServerTimeouts {
  /** From a head's first byte to its last, and from the connection to its first head. Default 30 s. */
  readonly headerTimeoutMs: number;
  /** Between two requests. Default 75 s: longer than the 60 s of common load balancers, which must close first. */
  readonly idleTimeoutMs: number;
  /** What a body, or the reader of an answer, must at least make of each {@link progressMs}. Default 100 bytes. */
  readonly minBytesPerSecond: number;
  /** How often progress is looked at. Default 20 s. */
  readonly progressMs: number;
  /** Most time from a head to the end of its body, while nothing of ours holds it back. Default 0: the pace is enough. */
  readonly bodyTimeoutMs: number;
  /**
   * Most time without a write to a response whose headers were sent and whose client has ended its side; then the
   * connection is cut. Default 30 s; 0 is no limit.
   */
  readonly halfClosedMs: number;
  /** How long a connection that is being closed may still read our last words. Default 2 s. */
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

/** Fills in the defaults. @throws StreamUsageError `ERR_STREAM_USAGE` for a value that is no such number. */
export function resolveTimeouts(options: Partial<HTTPServerTimeouts>): HTTPServerTimeouts {
  const resolved: Record<string, number> = { ...DEFAULT_TIMEOUTS };
  for (const name of Object.keys(DEFAULT_TIMEOUTS) as (keyof HTTPServerTimeouts)[]) {
    const value = options[name];
    if (value === undefined) continue;
    // These two may be switched off.
    if (name === 'bodyTimeoutMs' || name === 'halfClosedMs')
      serverChecks.durationMs('HTTPServer', name, value);
    else serverChecks.positiveNumber('HTTPServer', name, value);
    resolved[name] = value;
  }
  return resolved as unknown as HTTPServerTimeouts;
}
