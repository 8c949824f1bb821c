// The forwarded/ folder holds what trusted proxies say about the client: which header fields are read, and how their
// addresses are parsed.

import type { HTTPConnectionInfo, RequestHead } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { type SocketAddress, StreamUsageError, type TlsInfo } from '@landspout/iostream';
import { serverChecks } from '../stopping/stop-options.ts';
import { FORWARDED_READERS, type ForwardedClient, type ForwardedHeaders } from './forwarded-readers.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** Which proxies a server trusts to name the client, and in which header fields. */
export interface ForwardedOptions {
  /**
   * The proxies in front of the server: addresses, networks such as `10.0.0.0/8` or `fd00::/8`, and `unix` for every
   * connection over a Unix socket. Requests from anywhere else keep the address and protocol of their own connection.
   * Default: none, so the header fields are ignored.
   *
   * List all of your proxies and nothing else: addresses in the header field are read from the right, and the first one
   * that is not listed is the client's.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * The header fields that the proxies write. Only these are read, since a proxy forwards all others as the client sent
   * them.
   *
   * - `x-forwarded` (the default): `X-Forwarded-For` and `X-Forwarded-Proto`;
   * - `x-real-ip`: `X-Real-Ip` and `X-Scheme`;
   * - `forwarded`: `Forwarded` (RFC 7239).
   */
  readonly forwardedHeaders?: ForwardedHeaders;
  /**
   * Whether the proxies also write to which host the client sent the request: in `X-Forwarded-Host`, of which the last
   * element counts, or as `host=` of `Forwarded`. It is then the `host` of the request, unless it is invalid.
   *
   * Turn it on only if every proxy sets it. Many set the other header fields by default but not this one; they pass it on
   * as the client sent it, who could then choose the host of links and redirects. Default: false.
   */
  readonly forwardedHost?: boolean;
}

/** Returns the connection as a request sees it. */
export type DescribeConnection = (head: RequestHead, connection: HTTPConnectionInfo) => HTTPConnectionInfo;

/**
 * Returns a function that determines where a request came from: the client's `remoteAddress`, with port 0 if the proxy
 * does not name it, the `protocol`, and the `forwardedHost` if that option is on. The search ends at text that is not an
 * IP address; the last valid address is then used.
 *
 * The returned function never throws, does a limited amount of work and modifies nothing. If the proxies say nothing
 * usable, it returns the connection itself.
 *
 * @returns `undefined` if no proxy is trusted.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if the list is empty or has an invalid entry, if `forwardedHeaders` is
 *   unknown or does not have the host that `forwardedHost` asks for, or if one of them is set without `trustedProxies`.
 */
export function resolveForwarded(options: ForwardedOptions): DescribeConnection | undefined {
  const { trustedProxies, forwardedHeaders, forwardedHost = false } = options;
  if (forwardedHeaders !== undefined) {
    const names = Object.keys(FORWARDED_READERS) as (keyof typeof FORWARDED_READERS)[];
    serverChecks.oneOf('HTTPServer', 'forwardedHeaders', forwardedHeaders, names);
  }
  serverChecks.boolean('HTTPServer', 'forwardedHost', forwardedHost);
  if (trustedProxies === undefined) {
    if (forwardedHeaders === undefined && !forwardedHost) return undefined;
    const name = forwardedHeaders === undefined ? 'forwardedHost' : 'forwardedHeaders';
    throw usage(`${name} requires trustedProxies, the proxies that write these headers`);
  }
  if (forwardedHost && forwardedHeaders === 'x-real-ip') {
    throw usage(
      'forwardedHost requires the forwardedHeaders "x-forwarded" or "forwarded"; "x-real-ip" has no host',
    );
  }
  const proxies = new TrustedProxies(trustedProxies);
  const read = FORWARDED_READERS[forwardedHeaders ?? 'x-forwarded'];
  return (head, connection) => {
    if (!proxies.hasPeer(connection.remoteAddress)) return connection;
    const client = read(head.headers, proxies, forwardedHost);
    const { address, protocol, host } = client;
    if (address === undefined && protocol === undefined && host === undefined) return connection;
    return new ForwardedConnection(connection, client);
  };
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `HTTPServer: ${message}`);
}

/**
 * A connection as one request sees it, with the client's address instead of the proxy's. The connection itself is not
 * modified, because its next request may come from another client (ATT-57).
 */
class ForwardedConnection implements HTTPConnectionInfo {
  readonly remoteAddress: SocketAddress;
  readonly protocol: 'http' | 'https';
  readonly forwardedHost: string | undefined;
  readonly #peer: HTTPConnectionInfo;

  constructor(peer: HTTPConnectionInfo, client: ForwardedClient) {
    this.remoteAddress = client.address ?? peer.remoteAddress;
    this.protocol = client.protocol ?? peer.protocol;
    this.forwardedHost = client.host;
    this.#peer = peer;
  }

  get localAddress(): SocketAddress {
    return this.#peer.localAddress;
  }

  /** Describes the connection between the proxy and this server. */
  get tls(): TlsInfo | undefined {
    return this.#peer.tls;
  }

  [INSPECT](): object {
    return inspection(this, ['protocol', 'forwardedHost'], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      peer: inspectedAddress(this.#peer.remoteAddress),
    }));
  }
}
