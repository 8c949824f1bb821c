import type { IOLoop, SystemError } from '@landspout/ioloop';
import { callReporting, runInRootContext } from '@landspout/ioloop/reactor';
import { StreamUsageError } from '../errors.ts';
import type { SocketAddress, Transport } from '../transport.ts';

/** A listening socket. It keeps the process alive while it accepts connections. */
export interface Listener {
  readonly address: SocketAddress;
  /**
   * Stops listening; accepted connections stay open. If a handler is set, connections still in the backlog are accepted
   * first; otherwise the kernel resets them. Idempotent. Resolves when the port is free.
   */
  close(): Promise<void>;
}

/**
 * Called with each accepted connection, which is open and paused. If it throws or rejects, the error is logged and the
 * connection is closed.
 */
export type AcceptHandler = (transport: Transport) => unknown;

/**
 * A listening socket whose connections a handler accepts. While no handler is set, connections wait in the backlog;
 * beyond its limit they are refused or dropped. The socket keeps the process alive only while a handler is set.
 */
export interface ListeningSocket extends Listener, AsyncDisposable {
  /**
   * Starts accepting: the waiting connections first, then new ones. One loop iteration may deliver several. Each call
   * of `handler` runs in the root async context, so context that an earlier call entered does not leak into it. If a
   * peer disconnected before its connection was accepted, the connection may be delivered already closed, or not at
   * all; other connections are not affected.
   *
   * @returns a function that stops accepting. Connections then wait in the backlog again, and another handler can be
   *   set. Idempotent.
   * @throws StreamUsageError `ERR_STREAM_USAGE` if the socket already has a handler or is closed.
   */
  addAcceptHandler(handler: AcceptHandler): () => void;
}

/**
 * Where to listen: a numeric address and a port (0 selects a free one), the path of a Unix socket (abstract if it
 * starts with NUL), or an inherited file descriptor, which the listener then owns.
 */
export type ListenTarget =
  | {
      readonly address: string;
      readonly port: number;
      readonly reusePort?: boolean;
      readonly v6Only?: boolean;
      /** Portable backend only: uses a listening socket that the `node:cluster` parent owns and all its workers share. */
      readonly cluster?: boolean;
    }
  | {
      readonly path: string;
      /**
       * Permissions of the socket file, which decide who may connect. They are set before the first connection is
       * possible. Default: 0o600, only the owner.
       */
      readonly mode?: number;
    }
  | { readonly fd: number };

export interface ListenerOptions {
  /** Maximum number of connections that the system queues until they are accepted. */
  readonly backlog: number;
  readonly onConnection: AcceptHandler;
}

/**
 * Calls `handler` with an accepted connection. The call runs in the root async context: if the handler enters a context
 * with `enterWith`, connections that are accepted later do not see it.
 */
export function handOver(loop: IOLoop, handler: AcceptHandler, transport: Transport): void {
  const failed = (error: unknown): void => {
    loop.logger.error({ error }, 'the accept handler failed; its connection is closed');
    transport.close();
  };
  runInRootContext(() => callReporting(handler, [transport], failed), undefined);
}

/** Error codes for a descriptor that is not open, is already used by a listener, or is not a socket that can listen. */
const UNFIT = new Set(['EBADF', 'EEXIST', 'EINVAL', 'ENOTSOCK', 'ENOTSUP', 'EOPNOTSUPP']);

/** The error for a file descriptor that cannot be taken over. Its system code differs between systems and backends. */
export function inheritedError(error: SystemError, fd: number): SystemError | StreamUsageError {
  if (!UNFIT.has(error.code)) return error;
  return new StreamUsageError(
    'ERR_STREAM_USAGE',
    `listen: descriptor ${fd} is not a stream socket that can listen, or already has a listener (${error.code})`,
    { cause: error },
  );
}
