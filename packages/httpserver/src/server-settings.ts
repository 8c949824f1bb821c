import {
  type DetachedStream,
  HTTPClosedError,
  type HTTPServerConnectionDelegate,
  type Http1Limits,
  HttpDateCache,
  PiecePool,
  resolveLimits,
  ServerCodecs,
  type ServerConnection,
  type ServerConnectionSettings,
} from '@landspout/http1';
import { LIMIT_NAMES } from '@landspout/http1/protocol';
import { DeadlineWheel, IOLoop, type RateLimitedLog } from '@landspout/ioloop';
import { pickOptions, shownValue } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';
import { DecompressingDelegate } from './decompression/decompressing-delegate.ts';
import { resolveForwarded } from './forwarded/resolve-forwarded.ts';
import { ServerMonitor } from './monitor/server-monitor.ts';
import { type HTTPServerOptions, resolveTimeouts } from './options.ts';

/** As `maxWriteBufferBytes` of a stream. */
const DEFAULT_WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** What the server itself has for its connections. */
export interface ServerServices {
  readonly refusalLog: RateLimitedLog;
  readonly connectionEnded: ServerConnectionSettings['connectionEnded'];
}

/** What the connections of one server share, and whether it is stopping. */
export class ServerSettings implements ServerConnectionSettings {
  readonly loop: IOLoop;
  readonly refusalLog: RateLimitedLog;
  readonly delegate: HTTPServerConnectionDelegate;
  readonly codecs: ServerCodecs;
  readonly pieces: PiecePool;
  readonly wheel: DeadlineWheel;
  readonly dates = new HttpDateCache();
  readonly headerTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly minBytesPerSecond: number;
  readonly progressMs: number;
  readonly bodyTimeoutMs: number;
  readonly halfClosedMs: number;
  readonly lingerMs: number;
  readonly maxUnsentBytes: number;
  readonly keepAlive: boolean;
  readonly protocol: 'http' | 'https' | undefined;
  readonly describe: ServerConnectionSettings['describe'];
  readonly monitor: ServerMonitor;
  listenerGone = false;
  stopGraceMs = 0;
  readonly #ended: ServerServices['connectionEnded'];
  #stopping = false;
  #stopController: AbortController | undefined;

  /** @throws StreamUsageError, Http1UsageError for options that cannot be. */
  constructor(delegate: HTTPServerConnectionDelegate, options: HTTPServerOptions, services: ServerServices) {
    const timeouts = resolveTimeouts(options);
    const { headerTimeoutMs, idleTimeoutMs, progressMs, halfClosedMs } = timeouts;
    const shortest = Math.min(headerTimeoutMs, idleTimeoutMs, progressMs, halfClosedMs || progressMs);
    const { protocol, maxWriteBufferBytes = DEFAULT_WRITE_BUFFER_BYTES } = options;
    if (protocol !== undefined && protocol !== 'http' && protocol !== 'https') {
      throw new StreamUsageError(
        'ERR_STREAM_USAGE',
        `HTTPServer: protocol is http or https, not ${shownValue(protocol)}`,
      );
    }
    this.loop = options.loop ?? IOLoop.current();
    this.refusalLog = services.refusalLog;
    this.delegate = decompressing(delegate, options);
    this.codecs = new ServerCodecs(resolveLimits(pickOptions<Partial<Http1Limits>>(options, LIMIT_NAMES)));
    this.pieces = new PiecePool(this.loop.clock);
    this.wheel = new DeadlineWheel(
      this.loop.clock,
      this.loop.logger,
      Math.max(10, Math.min(500, shortest / 4)),
    );
    this.headerTimeoutMs = timeouts.headerTimeoutMs;
    this.idleTimeoutMs = timeouts.idleTimeoutMs;
    this.minBytesPerSecond = timeouts.minBytesPerSecond;
    this.progressMs = timeouts.progressMs;
    this.bodyTimeoutMs = timeouts.bodyTimeoutMs;
    this.halfClosedMs = timeouts.halfClosedMs;
    this.lingerMs = timeouts.lingerMs;
    this.maxUnsentBytes = maxWriteBufferBytes / 2;
    this.keepAlive = options.keepAlive ?? true;
    this.protocol = protocol;
    this.describe = resolveForwarded(options);
    this.monitor = new ServerMonitor({
      clock: this.loop.clock,
      logger: this.loop.logger,
      accessLog: options.accessLog,
    });
    this.#ended = services.connectionEnded;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  get stopSignal(): AbortSignal {
    if (this.#stopController === undefined) {
      this.#stopController = new AbortController();
      if (this.#stopping) this.#stopController.abort(stoppingError());
    }
    return this.#stopController.signal;
  }

  beginStop(graceMs: number): void {
    this.#stopping = true;
    this.stopGraceMs = graceMs;
    this.#stopController?.abort(stoppingError());
  }

  /** The server listens again after a stop. */
  endStop(): void {
    this.#stopping = false;
    if (this.#stopController?.signal.aborted) this.#stopController = undefined;
  }

  connectionEnded(connection: ServerConnection, detached: DetachedStream | undefined): void {
    this.#ended(connection, detached);
  }
}

/** Where it is wanted, what stands before a delegate to decompress what it gets. */
function decompressing(
  delegate: HTTPServerConnectionDelegate,
  { decompressRequests = false, maxBodyBytes }: HTTPServerOptions,
): HTTPServerConnectionDelegate {
  if (decompressRequests === false) return delegate;
  const own = decompressRequests === true ? {} : decompressRequests;
  return new DecompressingDelegate(delegate, maxBodyBytes === undefined ? own : { maxBodyBytes, ...own });
}

function stoppingError(): HTTPClosedError {
  return new HTTPClosedError('ERR_HTTP_STOPPING', 'the server is stopping');
}
