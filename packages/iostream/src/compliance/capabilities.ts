import type { Transport } from '../transport.ts';

/** Two joined transports that nobody is attached to. */
export interface CompliancePair {
  readonly a: Transport;
  readonly b: Transport;
  /** Frees what the pair stands on. Both transports are closed before. */
  close(): Promise<void>;
}

/** The two functions of a test framework that the suites need. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, test: () => Promise<void>): void;
}

/** In what a transport differs from TCP. What it says that it cannot do is checked as well: what happens instead. */
export interface TransportCapabilities {
  /**
   * What the peer sees of a `reset`: `'told'` (default), an `ECONNRESET`; `'as-end'`, what it sees of a close, since
   * there is no such thing: Unix sockets and pipes.
   */
  readonly reset?: 'told' | 'as-end';
  /**
   * Whether one direction can end while the other goes on. Default true. False for what ends both with either, as a
   * Duplex does that was made without `allowHalfOpen`.
   */
  readonly halfClose?: boolean;
  /**
   * Whether who writes nothing hears at once that its peer has closed both directions. Default false, as over TCP: a
   * close looks like the end of one direction there, until something is written. True for Unix sockets, and on the
   * native backend for the writing end of a pipe.
   */
  readonly tellsClose?: boolean;
  /** Whether bytes only go from `a` to `b`, as through a pipe. Default false. Cases that need both are left out then. */
  readonly oneWay?: boolean;
}

export function resolveCapabilities(capabilities: TransportCapabilities): Required<TransportCapabilities> {
  return { reset: 'told', halfClose: true, tellsClose: false, oneWay: false, ...capabilities };
}
