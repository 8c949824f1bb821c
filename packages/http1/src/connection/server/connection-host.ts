import type { IOLoop } from '@landspout/ioloop';
import type { DeadlineWheel, RateLimitedLog } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type {
  HTTPConnectionInfo,
  HTTPServerConnectionDelegate,
  RequestHead,
  StopNotice,
} from '../../delegate.ts';
import type { HttpDateCache } from '../../protocol/index.ts';
import type { PiecePool } from '../body-pieces.ts';
import type { ConnectionMonitor } from './connection-monitor.ts';
import type { ServerCodecs } from './server-codecs.ts';

/** The limits that apply to each connection of a server, and to its peer. */
export interface ConnectionLimits {
  /** Maximum time from the first byte of a head to its last, and from the start of the connection to the first head. */
  readonly headerTimeoutMs: number;
  /** Maximum time between two requests. */
  readonly idleTimeoutMs: number;
  /** Minimum rate at which a peer must send a body or read a response, checked over each {@link progressMs}. */
  readonly minBytesPerSecond: number;
  readonly progressMs: number;
  /**
   * Maximum time from the head to the end of a body, not counting the time in which we do not read it; 0 means no
   * limit.
   */
  readonly bodyTimeoutMs: number;
  /**
   * If the peer has half-closed and the response headers were sent: maximum time between two writes of the response. If
   * it is exceeded, the connection is reset. 0 means no limit.
   */
  readonly halfClosedMs: number;
  /** While a response has more unsent bytes than this, no more of the request body is read. */
  readonly maxUnsentBytes: number;
  /** How long a closing connection waits for the peer to read the sent bytes and to close its side. */
  readonly lingerMs: number;
  /** Whether a connection may carry more than one request. */
  readonly keepAlive: boolean;
}

/** What the connections of one server share. */
export interface ConnectionServices {
  readonly loop: IOLoop;
  readonly delegate: HTTPServerConnectionDelegate;
  /** Notified of connections and requests. */
  readonly monitor: ConnectionMonitor;
  /** Logs refused requests. It is rate-limited, because clients can cause refusals at will. */
  readonly refusalLog: RateLimitedLog;
  readonly codecs: ServerCodecs;
  /** Memory for the bodies that delegates need as a whole. */
  readonly pieces: PiecePool;
  readonly wheel: DeadlineWheel;
  readonly dates: HttpDateCache;
  /** Overrides the scheme of the stream if a proxy in front of the server terminates TLS. */
  readonly protocol: 'http' | 'https' | undefined;
  /**
   * Describes the connection of a request, for example from proxy headers; undefined to use the addresses of the
   * stream.
   */
  readonly describe: ((head: RequestHead, connection: HTTPConnectionInfo) => HTTPConnectionInfo) | undefined;
  /** Called when the connection is closed, or its stream was detached and now belongs to another protocol. */
  connectionEnded(connection: ServedConnection, detached: DetachedStream | undefined): void;
}

/**
 * The phase of a server's stop. The server sets it, and its connections read it. The phases:
 *
 * - serving: the server is not stopping
 * - grace: no new connections are accepted, unless the stop allows some time for it; idle ones may send one more request
 * - draining: idle connections are closed; requests in progress are completed
 * - stopped: the remaining connections have been reset
 */
export interface Drain {
  readonly phase: 'serving' | 'grace' | 'draining' | 'stopped';
  /** Whether all listeners are closed, so that requests in progress must keep the process alive themselves. */
  readonly listenerGone: boolean;
  /**
   * Maximum time between two requests of a peer that has not yet received a `Connection: close` from the stopping
   * server.
   */
  readonly graceMs: number;
  /** Aborts when the server begins to stop. Created on first access. */
  readonly signal: AbortSignal;
}

/** What a connection needs from its server. */
export interface ConnectionHost {
  readonly limits: ConnectionLimits;
  readonly services: ConnectionServices;
  readonly drain: Drain;
}

/** The interface of a connection for its server. */
export interface ServedConnection extends HTTPConnectionInfo {
  readonly stream: IOStream;
  /** Whether no request is in progress, so that the connection can be closed without losing a response. */
  readonly isIdle: boolean;
  /** Whether a response was completed after the server began to stop. */
  readonly respondedWhileStopping: boolean;
  /**
   * Closes the connection if it is idle. Does nothing if a request is in progress, because its response has
   * `Connection: close`. Also does nothing if the last response did not have `Connection: close`: the idle deadline,
   * which is at most `graceMs`, then closes the connection.
   */
  closeWhenIdle(): void;
  /** Called when all listeners are closed: from now on, a request in progress keeps the process alive. */
  keepProcessAlive(): void;
}

/** A stream that a delegate has taken over for another protocol. */
export interface DetachedStream {
  readonly stream: IOStream;
  /** To be called once if the server stops. The server then waits until the stream is closed. */
  readonly onStopping: ((notice: StopNotice) => void) | undefined;
}
