import type { HTTPConnectionInfo } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { isValidIp, normalizeIp, type SocketAddress, type TlsInfo } from '@landspout/iostream';

/** What the server in front knows about a connection. Other properties are ignored. */
export interface FetchConnectionInfo {
  /** The IP address of the client. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** The IP address of this end of the connection. */
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly tls?: TlsInfo | undefined;
}

const NO_ADDRESS: SocketAddress = { family: 'memory' };

/** The connection of a request of which only the URL, and perhaps the addresses, are known. */
export class OuterFetchConnection implements HTTPConnectionInfo {
  readonly remoteAddress: SocketAddress;
  readonly localAddress: SocketAddress;
  readonly tls: TlsInfo | undefined;
  readonly protocol: 'http' | 'https';

  constructor(protocol: 'http' | 'https', info: FetchConnectionInfo | undefined) {
    this.protocol = protocol;
    this.remoteAddress = addressOf(info?.remoteAddress, info?.remotePort);
    this.localAddress = addressOf(info?.localAddress, info?.localPort);
    this.tls = info?.tls;
  }

  [INSPECT](): object {
    return inspection(this, ['protocol'], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      localAddress: inspectedAddress(this.localAddress),
      tls: this.tls?.protocol,
    }));
  }
}

/**
 * Finds the addresses in the second argument of a Fetch handler: a {@link FetchConnectionInfo}, or the `env` of a server
 * over node:http (`serve` of Landspout, @hono/node-server), whose property `incoming` is the request of Node.
 */
export function connectionInfoOf(info: unknown): FetchConnectionInfo | undefined {
  if (typeof info !== 'object' || info === null) return undefined;
  const { incoming } = info as { readonly incoming?: { readonly socket?: FetchConnectionInfo } };
  return incoming?.socket ?? (info as FetchConnectionInfo);
}

function addressOf(address: unknown, port: unknown): SocketAddress {
  if (typeof address !== 'string' || !isValidIp(address)) return NO_ADDRESS;
  const normal = normalizeIp(address);
  const family = normal.includes(':') ? 'IPv6' : 'IPv4';
  return { family, address: normal, port: typeof port === 'number' ? port : 0 };
}
