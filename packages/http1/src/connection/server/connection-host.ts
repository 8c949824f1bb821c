import type { IOLoop } from '@landspout/ioloop';
import type { DeadlineWheel, RateLimitedLog } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type { HTTPConnectionInfo, HTTPServerConnectionDelegate, RequestHead } from '../../delegate.ts';
import type { HttpDateCache } from '../../protocol/index.ts';
import type { PiecePool } from '../body-pieces.ts';
import type { ConnectionMonitor } from './connection-monitor.ts';
import type { ServerCodecs } from './server-codecs.ts';

/** What each connection of a server, and its peer, is held to. */
export interface ConnectionLimits {
  /** Most milliseconds from a head's first byte to its last, and from the connection to the first head. */
  readonly headerTimeoutMs: number;
  /** Most milliseconds between two requests. */
  readonly idleTimeoutMs: number;
  /** A body, and an answer's reader, must make this much progress in each {@link progressMs}. */
  readonly minBytesPerSecond: number;
  readonly progressMs: number;
  /** Most milliseconds from the head to the end of a body, while nothing of ours holds it back; 0 is no limit. */
  readonly bodyTimeoutMs: number;
  /**
   * Most milliseconds without a write to a response whose headers were sent and whose peer has ended its side; then the
   * connection is cut. 0 is no limit.
   */
  readonly halfClosedMs: number;
  /** While an answer has this many unsent bytes, no more of the request's body is read. */
  readonly maxUnsentBytes: number;
  /** How long a connection that is being closed may still read our last words. */
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
  /** For requests that are refused: peers can cause those at will. */
  readonly refusalLog: RateLimitedLog;
  readonly codecs: ServerCodecs;
  /** For bodies that delegates want as a whole. */
  readonly pieces: PiecePool;
  readonly wheel: DeadlineWheel;
  readonly dates: HttpDateCache;
  /** Takes the place of what the stream says, where a proxy in front terminates TLS. */
  readonly protocol: 'http' | 'https' | undefined;
  /** What requests are told of their connection, where that differs from what the stream knows. */
  readonly describe: ((head: RequestHead, connection: HTTPConnectionInfo) => HTTPConnectionInfo) | undefined;
  /** The connection is closed, or its stream was detached and belongs to another protocol now. */
  connectionEnded(connection: ServedConnection, detached: DetachedStream | undefined): void;
}

/**
 * How a server stops. It drives the phases, and its connections read them:
 *
 * - serving: nothing is being stopped
 * - grace: no new connections; idle ones may send one more request
 * - draining: idle connections are closed, requests under way are answered
 * - stopped: what was left has been cut
 */
export interface Drain {
  readonly phase: 'serving' | 'grace' | 'draining' | 'stopped';
  /** Whether nothing listens any more, so that requests under way must keep the process alive by themselves. */
  readonly listenerGone: boolean;
  /** Most milliseconds between two requests of a peer that was not told that the server is stopping. */
  readonly graceMs: number;
  /** Aborts when the server begins to stop. Made when asked for. */
  readonly signal: AbortSignal;
}

/** What a connection knows of its server. */
export interface ConnectionHost {
  readonly limits: ConnectionLimits;
  readonly services: ConnectionServices;
  readonly drain: Drain;
}

/** What a server does with one of its connections. */
export interface ServedConnection extends HTTPConnectionInfo {
  readonly stream: IOStream;
  /** Whether no request is under way, so that closing loses nothing. */
  readonly isIdle: boolean;
  /** Whether a request was answered on it after the server began to stop. */
  readonly answeredWhileStopping: boolean;
  /**
   * Closes at once when idle, unless that is so for less than `graceMs`; otherwise after the answer under way,
   * which says `Connection: close`.
   */
  closeWhenIdle(): void;
  /** The listener is gone: from now on a request under way keeps the process alive by itself. */
  keepProcessAlive(): void;
}

/** A stream that a delegate has taken over. */
export interface DetachedStream {
  readonly stream: IOStream;
  /** To be called once when the server begins to stop. */
  readonly onStopping: (() => void) | undefined;
}
