import type { SocketAddress, Transport } from './transport.ts';

/** A listening socket. It keeps the process alive until closed. */
export interface Listener {
  readonly address: SocketAddress;
  /** Stops listening; accepted connections live on. Idempotent. Settles when the port is free. */
  close(): Promise<void>;
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
  | { readonly path: string }
  | { readonly fd: number };

export interface ListenerOptions {
  /** Connections that the system holds until they are accepted. */
  readonly backlog: number;
  /** A connection was accepted. Must not throw. */
  readonly onConnection: (transport: Transport) => void;
}
