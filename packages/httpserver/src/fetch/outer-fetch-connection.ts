import type { HTTPConnectionInfo } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { isValidIp, normalizeIp, type SocketAddress, type TlsInfo } from '@landspout/iostream';
import { RequestConnection } from '../forwarded/request-connection.ts';

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

/**
 * The connection of a request of which only the URL, and perhaps the addresses, are known. The addresses are looked for
 * when they are asked for, because some servers create what has them only then.
 */
export class OuterFetchConnection extends RequestConnection implements HTTPConnectionInfo {
  readonly protocol: 'http' | 'https';
  readonly #request: Request;
  readonly #info: unknown;
  #known: FetchConnectionInfo | undefined = undefined;

  /** @param info - the second argument of the Fetch handler. */
  constructor(protocol: 'http' | 'https', request: Request, info: unknown) {
    super();
    this.protocol = protocol;
    this.#request = request;
    this.#info = info;
    rememberAddress(info);
  }

  get remoteAddress(): SocketAddress {
    const { remoteAddress, remotePort } = this.#found();
    return addressOf(remoteAddress, remotePort);
  }

  get localAddress(): SocketAddress {
    const { localAddress, localPort } = this.#found();
    return addressOf(localAddress, localPort);
  }

  get tls(): TlsInfo | undefined {
    const { tls } = (this.#info ?? {}) as FetchConnectionInfo;
    return typeof tls?.getPeerCertificate === 'function' ? tls : undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['protocol'], () => ({
      remoteAddress: this.#known === undefined ? undefined : inspectedAddress(this.remoteAddress),
    }));
  }

  /** Kept, because Node forgets the addresses when the connection closes. */
  #found(): FetchConnectionInfo {
    if (this.#known === undefined) {
      const { remoteAddress, remotePort, localAddress, localPort } = sourceOf(this.#request, this.#info);
      this.#known = { remoteAddress, remotePort, localAddress, localPort };
    }
    return this.#known;
  }
}

/** The property of a request in srvx and in Landspout. */
interface RequestWithAddress {
  readonly ip?: unknown;
}

/**
 * Finds the addresses: in the second argument of the handler, in the request, or in the `env` of a server over node:http
 * (`serve` of Landspout, @hono/node-server), whose property `incoming` is the request of Node.
 */
function sourceOf(request: Request, info: unknown): FetchConnectionInfo {
  const given = (typeof info === 'object' && info !== null ? info : {}) as FetchConnectionInfo & {
    readonly incoming?: { readonly socket?: FetchConnectionInfo };
  };
  if (given.remoteAddress !== undefined) return given;
  const { ip } = request as RequestWithAddress;
  if (typeof ip === 'string') return { remoteAddress: ip };
  return given.incoming?.socket ?? given;
}

/**
 * Reads the address from the socket of @hono/node-server while it is connected: Node keeps an address that was read, but
 * cannot find it out after the connection is closed. An `incoming` that is created when it is read is left alone.
 */
function rememberAddress(info: unknown): void {
  if (typeof info !== 'object' || info === null || !Object.hasOwn(info, 'incoming')) return;
  const { incoming } = info as { readonly incoming?: { readonly socket?: FetchConnectionInfo } };
  void incoming?.socket?.remoteAddress;
}

function addressOf(address: unknown, port: unknown): SocketAddress {
  if (typeof address !== 'string' || !isValidIp(address)) return NO_ADDRESS;
  const normal = normalizeIp(address);
  const family = normal.includes(':') ? 'IPv6' : 'IPv4';
  return { family, address: normal, port: typeof port === 'number' ? port : 0 };
}
