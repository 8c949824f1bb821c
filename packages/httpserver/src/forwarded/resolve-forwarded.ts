// The forwarded/ folder determines what trusted proxies report about the client: it decides which header fields are
// read, and parses the addresses in them.

import type { HTTPConnectionInfo, RequestHead } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { type SocketAddress, StreamUsageError, type TlsInfo } from '@landspout/iostream';
import { serverChecks } from '../stopping/stop-options.ts';
import { FORWARDED_READERS, type ForwardedClient, type ForwardedHeaders } from './forwarded-readers.ts';
import { RequestConnection } from './request-connection.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** Which proxies a server trusts to report the client's address, and which header fields they use. */
export interface ForwardedOptions {
  /**
   * The proxies in front of the server: addresses, networks such as `10.0.0.0/8` or `fd00::/8`, and `unix` for every
   * connection over a Unix socket. Requests from any other address keep the address and protocol of their own
   * connection. Default: none, so the header fields are ignored.
   *
   * List all of your proxies and nothing else: the addresses in the header field are read from the right, and the first
   * address that is not in this list is the client's.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * The header fields that the proxies write. Only these are read, because a proxy forwards all other fields as the
   * client sent them.
   *
   * - `x-forwarded` (the default): `X-Forwarded-For` and `X-Forwarded-Proto`;
   * - `x-real-ip`: `X-Real-Ip` and `X-Scheme`;
   * - `forwarded`: `Forwarded` (RFC 7239).
   */
  readonly forwardedHeaders?: ForwardedHeaders;
  /**
   * Whether the proxies also report the host to which the client sent the request: in the last element of
   * `X-Forwarded-Host`, or as `host=` of `Forwarded`. This is then the `host` of the request, unless it is invalid.
   *
   * Turn this on only if every proxy sets the host. Many proxies set the other header fields by default, but forward
   * this one as the client sent it: the client could then choose the host of links and redirects. Default: false.
   */
  readonly forwardedHost?: boolean;
}

/**
 * Returns the connection info for one request: the client's address, protocol and host, as the trusted proxies report
 * them in its header fields.
 */
export type DescribeConnection = (head: RequestHead, connection: HTTPConnectionInfo) => HTTPConnectionInfo;

/**
 * Returns a function that determines from where the client sent a request: the client's `remoteAddress`, with port 0 if
 * the proxy does not report a port, the `protocol`, and the `forwardedHost` if that option is on. The search for the
 * client's address ends at text that is not an IP address; the last valid address is then used.
 *
 * The returned function never throws, does a limited amount of work and modifies nothing. If the proxies report nothing
 * usable, it returns the connection itself.
 *
 * @returns `undefined` if no proxy is trusted.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if `trustedProxies` is empty or has an invalid entry; if
 *   `forwardedHeaders` is unknown; if `forwardedHost` is on with `x-real-ip`, which cannot report a host; or if
 *   `forwardedHeaders` or `forwardedHost` is set without `trustedProxies`.
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
 * A connection as one request describes it, with the client's address instead of the proxy's. The connection itself is
 * not modified, because its next request may be from another client (ATT-57).
 */
export class ForwardedConnection extends RequestConnection implements HTTPConnectionInfo {
  readonly remoteAddress: SocketAddress;
  readonly protocol: 'http' | 'https';
  /** Whether `protocol` was reported, and is not that of the connection. */
  readonly hasReportedProtocol: boolean;
  readonly forwardedHost: string | undefined;
  readonly isReportedByProxy = true;
  readonly #peer: HTTPConnectionInfo;

  constructor(peer: HTTPConnectionInfo, client: ForwardedClient) {
    super();
    this.remoteAddress = client.address ?? peer.remoteAddress;
    this.protocol = client.protocol ?? peer.protocol;
    this.hasReportedProtocol = client.protocol !== undefined;
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

  closeWhenIdle(): void {
    this.#peer.closeWhenIdle?.();
  }

  [INSPECT](): object {
    return inspection(this, ['protocol', 'forwardedHost'], () => ({
      remoteAddress: inspectedAddress(this.remoteAddress),
      peer: inspectedAddress(this.#peer.remoteAddress),
      hasReportedProtocol: undefined,
      isReportedByProxy: undefined,
    }));
  }
}
