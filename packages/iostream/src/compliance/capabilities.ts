import type { Transport } from '../transport.ts';

/** Two connected transports to which no consumer is attached. */
export interface CompliancePair {
  readonly a: Transport;
  readonly b: Transport;
  /**
   * Ends the writing side of `a` without the announcement that the protocol has for it. Needed for the capability
   * `bareEnds`. Called while nothing is queued in `a`.
   */
  endBare?(): void;
  /** Frees the resources of the pair. Called after both transports were closed. */
  close(): Promise<void>;
}

/** The two functions of a test framework that the suites need. */
export interface TestFramework {
  describe(name: string, body: () => void): void;
  it(name: string, test: () => Promise<void>): void;
}

/** How a transport differs from TCP. If a capability is missing, the suites check the behaviour that replaces it. */
export interface TransportCapabilities {
  /**
   * How the peer notices a `reset`: with `'told'` (default), its stream fails with `ECONNRESET`; with `'as-end'`, a
   * reset looks like a close, as for transports without a reset, such as Unix sockets and pipes.
   */
  readonly reset?: 'told' | 'as-end';
  /**
   * Whether one direction can end while the other stays open. Default: true. False for a transport in which the end of
   * one direction ends both, such as a Duplex created without `allowHalfOpen`.
   */
  readonly halfClose?: boolean;
  /**
   * Whether a transport that writes nothing notices at once that its peer has closed both directions. Default: false,
   * as with TCP, where a close looks like the end of one direction until something is written. True for Unix sockets,
   * and on the native backend for the writing end of a pipe.
   */
  readonly tellsClose?: boolean;
  /**
   * Whether bytes only go from `a` to `b`, as through a pipe. Default: false. If true, the cases that need both
   * directions are omitted.
   */
  readonly oneWay?: boolean;
  /**
   * Whether the protocol announces an end, as TLS does with close_notify, so that an end without an announcement is
   * reported as bare. Default: false, which means that no end is ever reported as bare.
   */
  readonly bareEnds?: boolean;
}

export function resolveCapabilities(capabilities: TransportCapabilities): Required<TransportCapabilities> {
  return {
    reset: 'told',
    halfClose: true,
    tellsClose: false,
    oneWay: false,
    bareEnds: false,
    ...capabilities,
  };
}
