import type { IOLoop, SystemError } from '@landspout/ioloop';
import { callReporting, runInRootContext } from '@landspout/ioloop/reactor';
import { StreamUsageError } from '../errors.ts';
import type { SocketAddress, Transport } from '../transport.ts';

/** A listening socket. While it takes connections, it keeps the process alive. */
export interface Listener {
  readonly address: SocketAddress;
  /**
   * Stops listening; accepted connections live on. Connections that wait are taken first, unless nobody takes any:
   * they would be reset. Idempotent. Settles when the port is free.
   */
  close(): Promise<void>;
}

/** Takes one connection, which is open and paused. If it throws or rejects, that is logged, and the connection closed. */
export type AcceptHandler = (transport: Transport) => unknown;

/**
 * A socket that listens, as a value: connections wait in it until somebody takes them, up to its backlog; what comes
 * beyond that is refused or dropped. Only while somebody takes them does it keep the process alive.
 */
export interface ListeningSocket extends Listener, AsyncDisposable {
  /**
   * Takes the connections that wait, and those that come, each on a turn of its own or of a batch, and each in the root
   * async context, whatever was entered for an earlier one. A connection that
   * its peer has broken off before may come as a closed one or not at all; neither disturbs the others.
   *
   * @returns what stops it: connections wait again from then on, and another handler may take its place. Idempotent.
   * @throws StreamUsageError `ERR_STREAM_USAGE` when it has a handler already, or is closed.
   */
  addAcceptHandler(handler: AcceptHandler): () => void;
}

/**
 * Where to listen: a numeric address and a port (0 picks one), a Unix socket's path (NUL first: abstract), or the
 * number of a descriptor that was inherited and that the listener takes over.
 */
export type ListenTarget =
  | {
      readonly address: string;
      readonly port: number;
      readonly reusePort?: boolean;
      readonly v6Only?: boolean;
      /** Portable backend: asks the parent of node:cluster for the listener, which its other children have too. */
      readonly cluster?: boolean;
    }
  | {
      readonly path: string;
      /** Who may connect: in force before anybody can. Default 0o600, the owner alone. */
      readonly mode?: number;
    }
  | { readonly fd: number };

export interface ListenerOptions {
  /** Connections that the system holds until they are accepted. */
  readonly backlog: number;
  readonly onConnection: AcceptHandler;
}

/**
 * For listening sockets: calls `handler` in the root async context, so that what it enters by `enterWith` does not reach
 * the next connection of the same turn or listener.
 */
export function handOver(loop: IOLoop, handler: AcceptHandler, transport: Transport): void {
  const failed = (error: unknown): void => {
    loop.logger.error({ error }, 'the handler of an accepted connection failed');
    transport.close();
  };
  runInRootContext(() => callReporting(handler, [transport], failed), undefined);
}

/** What says that a descriptor is none, belongs to a listener already, or is no socket that can listen. */
const UNFIT = new Set(['EBADF', 'EEXIST', 'EINVAL', 'ENOTSOCK', 'ENOTSUP', 'EOPNOTSUPP']);

/** The error for a descriptor that cannot be taken over: systems and backends differ in how they put it. */
export function inheritedError(error: SystemError, fd: number): SystemError | StreamUsageError {
  if (!UNFIT.has(error.code)) return error;
  return new StreamUsageError(
    'ERR_STREAM_USAGE',
    `listen: descriptor ${fd} is no stream socket that can listen, or has a listener already (${error.code})`,
    { cause: error },
  );
}
