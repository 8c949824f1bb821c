import type { DeadlineWheel, IOLoop, RateLimitedLog } from '@landspout/ioloop';
import type { IOStream } from '@landspout/iostream';
import type { HTTPConnectionInfo, HTTPServerConnectionDelegate, RequestHead } from '../../delegate.ts';
import type { HttpDateCache } from '../../protocol/index.ts';
import type { PiecePool } from '../body-pieces.ts';
import type { ConnectionMonitor } from './connection-monitor.ts';
import type { ServerCodecs } from './server-codecs.ts';
import type { ServerConnection } from './server-connection.ts';

/** What all connections of one server share. */
export interface ServerConnectionSettings {
  readonly loop: IOLoop;
  /** For requests that are refused: peers can cause those at will. */
  readonly refusalLog: RateLimitedLog;
  readonly delegate: HTTPServerConnectionDelegate;
  readonly codecs: ServerCodecs;
  /** For bodies that delegates want as a whole. */
  readonly pieces: PiecePool;
  readonly wheel: DeadlineWheel;
  readonly dates: HttpDateCache;
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
  readonly keepAlive: boolean;
  /** Whether nothing listens any more, so that requests under way must keep the process alive by themselves. */
  readonly listenerGone: boolean;
  /** Whether answers say `Connection: close` because the server is stopping. */
  readonly stopping: boolean;
  /** Most milliseconds between two requests of a peer that was not told that the server is stopping. */
  readonly stopGraceMs: number;
  /** Aborts when the server begins to stop. Made when asked for. */
  readonly stopSignal: AbortSignal;
  /** Takes the place of what the stream says, where something in front speaks TLS for us. */
  readonly protocol: 'http' | 'https' | undefined;
  /** What requests are told of their connection, where that differs from what the stream knows. */
  readonly describe: ((head: RequestHead, connection: HTTPConnectionInfo) => HTTPConnectionInfo) | undefined;
  /** Hears of connections and requests. */
  readonly monitor: ConnectionMonitor;
  /** The connection is closed, or its stream was detached and is somebody else's now. */
  connectionEnded(connection: ServerConnection, detached: DetachedStream | undefined): void;
}

/** A stream that a delegate has taken over. */
export interface DetachedStream {
  readonly stream: IOStream;
  /** Wants to be called once when the server begins to stop. */
  readonly onStopping: (() => void) | undefined;
}
