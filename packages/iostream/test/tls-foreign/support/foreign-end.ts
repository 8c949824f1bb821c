import type { TlsVersion } from '../../../src/index.ts';
import type { IssuedCertificate } from '../../support/certificates.ts';

/** What both foreign clients and foreign servers are started with. */
export interface ForeignOptions {
  readonly version?: TlsVersion;
  /** The authority that the peer's certificate must be of. A server with one requires a certificate. */
  readonly caFile?: string;
  readonly certificate?: IssuedCertificate;
  readonly alpn?: readonly string[];
  /** Revocation list of the authority. */
  readonly crlFile?: string;
}

export interface ForeignClientOptions extends ForeignOptions {
  readonly port: number;
  readonly body: Uint8Array;
  /** Default: `localhost`. */
  readonly servername?: string;
  /** How many, one after the other, each with the session of the one before. Default: 1. */
  readonly connections?: number;
}

export interface ForeignServerOptions extends ForeignOptions {
  /** As many bytes are sent back, and then the connection is closed. */
  readonly bytes: number;
  /** Whether clients may have no certificate. */
  readonly isOptional?: boolean;
  readonly connections?: number;
}

/** What the last connection of a foreign end came to; a fact is `undefined` if that end does not know it. */
export interface ForeignOutcome {
  readonly received: Buffer;
  /** In the words of the foreign end. */
  readonly failure: string | undefined;
  readonly version?: string | undefined;
  readonly alpn?: string | undefined;
  readonly isResumed?: boolean | undefined;
  /** The common name of the peer's certificate. */
  readonly peer?: string | undefined;
}

/** Sends a body, and receives until the server ends. */
export type ForeignClient = (options: ForeignClientOptions) => Promise<ForeignOutcome>;

export interface RunningForeignServer {
  readonly port: number;
  /** Resolves after its last connection. */
  readonly outcome: Promise<Omit<ForeignOutcome, 'received'>>;
  /** Ends it in the middle of whatever it does. */
  stop(): Promise<void>;
}

export type ForeignServer = (options: ForeignServerOptions) => Promise<RunningForeignServer>;
