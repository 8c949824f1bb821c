import type { HTTPServerConnectionDelegate, Http1Limits } from '@landspout/http1';
import { HttpDateCache, LIMIT_NAMES, resolveLimits } from '@landspout/http1/protocol';
import {
  type ConnectionHost,
  type ConnectionServices,
  type Drain,
  PiecePool,
  ServerCodecs,
} from '@landspout/http1/server';
import { IOLoop } from '@landspout/ioloop';
import { pickOptions } from '@landspout/ioloop/errors';
import { DeadlineWheel } from '@landspout/ioloop/reactor';
import { DecompressingDelegate } from './decompression/decompressing-delegate.ts';
import { resolveForwarded } from './forwarded/resolve-forwarded.ts';
import { ServerMonitor } from './monitor/server-monitor.ts';
import { type HTTPServerOptions, resolveTimeouts } from './options.ts';
import { serverChecks } from './stopping/stop-options.ts';

/** The same as `maxWriteBufferBytes` of a stream. */
const DEFAULT_WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** The services that the server itself provides to its connections. */
type OwnServices = Pick<ConnectionServices, 'refusalLog' | 'connectionEnded'>;

/** A host whose monitor counts connections and requests. */
export interface ServerHost extends ConnectionHost {
  readonly services: ConnectionServices & { readonly monitor: ServerMonitor };
}

/**
 * Creates what all connections of one server share, from the server's options. The result is frozen, except for its
 * `drain`.
 *
 * @throws StreamUsageError, Http1UsageError if an option is invalid.
 */
export function hostOf(
  delegate: HTTPServerConnectionDelegate,
  options: HTTPServerOptions,
  drain: Drain,
  own: OwnServices,
): ServerHost {
  const { minBytesPerSecond, bodyTimeoutMs, lingerMs, ...deadlines } = resolveTimeouts(options);
  const { headerTimeoutMs, idleTimeoutMs, progressMs, halfClosedMs } = deadlines;
  const shortest = Math.min(headerTimeoutMs, idleTimeoutMs, progressMs, halfClosedMs || progressMs);
  const { keepAlive = true } = options;
  serverChecks.boolean('HTTPServer', 'keepAlive', keepAlive);
  const { protocol, maxWriteBufferBytes = DEFAULT_WRITE_BUFFER_BYTES, loop = IOLoop.current() } = options;
  if (protocol !== undefined) serverChecks.oneOf('HTTPServer', 'protocol', protocol, ['http', 'https']);
  const { clock, logger } = loop;
  return Object.freeze({
    limits: Object.freeze({
      headerTimeoutMs,
      idleTimeoutMs,
      minBytesPerSecond,
      progressMs,
      bodyTimeoutMs,
      halfClosedMs,
      lingerMs,
      maxUnsentBytes: maxWriteBufferBytes / 2,
      keepAlive,
    }),
    services: Object.freeze({
      loop,
      delegate: decompressing(delegate, options),
      monitor: new ServerMonitor({ clock, logger, accessLog: options.accessLog }),
      codecs: new ServerCodecs(resolveLimits(pickOptions<Partial<Http1Limits>>(options, LIMIT_NAMES))),
      pieces: new PiecePool(clock),
      wheel: new DeadlineWheel(clock, logger, Math.max(10, Math.min(500, shortest / 4))),
      dates: new HttpDateCache(),
      protocol,
      describe: resolveForwarded(options),
      ...own,
    }),
    drain,
  });
}

/** If the options enable it, wraps the delegate so that request bodies are decompressed. */
function decompressing(
  delegate: HTTPServerConnectionDelegate,
  { decompressRequests = false, maxBodyBytes }: HTTPServerOptions,
): HTTPServerConnectionDelegate {
  if (decompressRequests === false) return delegate;
  const own = decompressRequests === true ? {} : decompressRequests;
  return new DecompressingDelegate(delegate, maxBodyBytes === undefined ? own : { maxBodyBytes, ...own });
}
