import type { HTTPConnectionInfo } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import type { SocketAddress, TlsInfo } from '@landspout/iostream';
import type { ForwardedClient } from './forwarded-readers.ts';

/**
 * A connection as one of its requests is told of it: by the client's address in place of the proxy's. The connection
 * itself is as it was, so that the next request on it, which may be somebody else's, begins anew (ATT-57).
 */
export class ForwardedConnection implements HTTPConnectionInfo {
  readonly remoteAddress: SocketAddress;
  readonly protocol: 'http' | 'https';
  readonly #peer: HTTPConnectionInfo;

  constructor(peer: HTTPConnectionInfo, client: ForwardedClient) {
    this.remoteAddress = client.address ?? peer.remoteAddress;
    this.protocol = client.protocol ?? peer.protocol;
    this.#peer = peer;
  }

  get localAddress(): SocketAddress {
    return this.#peer.localAddress;
  }

  /** Of the connection between the proxy and us. */
  get tls(): TlsInfo | undefined {
    return this.#peer.tls;
  }

  [INSPECT](): object {
    return inspection(this, ['protocol'], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      peer: inspectedAddress(this.#peer.remoteAddress),
    }));
  }
}
