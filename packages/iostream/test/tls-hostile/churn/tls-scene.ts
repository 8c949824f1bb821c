import type { VirtualClock } from '@landspout/ioloop/testing';
import type { TCPClient, TCPServer, TlsClientOptions } from '../../../src/index.ts';
import type { ChurnScene } from '../../faults/support/churn-scene.ts';
import type { IssuedCertificate } from '../../support/certificates.ts';
import type { RecordRelay } from '../support/relay.ts';

/** What the ends of TLS connections share. */
export interface TlsScene extends ChurnScene {
  readonly server: TCPServer;
  /** A server that requires certificates. */
  readonly strictServer: TCPServer;
  /** Cuts each of its connections at a place of the seeded sequence. */
  readonly cuttingRelay: RecordRelay;
  /** Accepts, and treats a client as its first byte after the hello says. */
  readonly rawPort: number;
  /** A certificate of which no server knows the authority. */
  readonly stranger: IssuedCertificate;
  /** What a client that is served uses. */
  readonly tls: TlsClientOptions;
  readonly client: TCPClient;
  readonly virtualClient: TCPClient;
  readonly clock: VirtualClock;
}

/** One way in which a connection ends that is not a stream yet, or not for long. */
export interface HandshakeEnding {
  readonly name: string;
  readonly run: (scene: TlsScene) => Promise<unknown>;
}
