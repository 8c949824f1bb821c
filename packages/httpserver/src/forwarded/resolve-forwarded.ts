// The forwarded room knows what trusted proxies say of the client behind them, in which headers, and how addresses are
// spelled there. It does not know how a request is answered.

import type { HTTPConnectionInfo, RequestHead } from '@landspout/http1';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { type SocketAddress, StreamUsageError, type TlsInfo } from '@landspout/iostream';
import { serverChecks } from '../stopping/stop-options.ts';
import { FORWARDED_READERS, type ForwardedClient, type ForwardedHeaders } from './forwarded-readers.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** Whether, and from whom, a server believes headers that tell of the client behind a proxy. */
export interface ForwardedOptions {
  /**
   * The proxies in front: addresses, networks as `10.0.0.0/8` or `fd00::/8`, and `unix` for every connection over a
   * Unix socket. Requests that come from elsewhere are told of their connection as it is. Default: none; the headers
   * are believed from nobody.
   *
   * List all of them, and nobody else: the addresses in a header are skipped from the right while they are listed, and
   * the first that is not listed is the client.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Which headers the proxies write. Only these are read: the proxy passes the others on as the client has sent them.
   *
   * - `x-forwarded` (the default): `X-Forwarded-For` and `X-Forwarded-Proto`;
   * - `x-real-ip`: `X-Real-Ip` and `X-Scheme`;
   * - `forwarded`: `Forwarded` (RFC 7239).
   */
  readonly forwardedHeaders?: ForwardedHeaders;
}

/** Says what a request is told of the connection that it came on. */
export type DescribeConnection = (head: RequestHead, connection: HTTPConnectionInfo) => HTTPConnectionInfo;

/**
 * Makes the function that finds out who a request came from: the client's `remoteAddress`, whose port is 0 where the
 * proxy does not tell it, and its `protocol`. What is no IP address ends the search, and the last good one holds.
 *
 * The function never throws, does a bounded amount of work, changes nothing, and gives the connection itself back
 * where there is nothing else to say.
 *
 * @returns `undefined` where no proxy is trusted.
 * @throws StreamUsageError `ERR_STREAM_USAGE` for a list with nothing or with something else on it, for headers that
 *   nobody knows, and for headers without proxies that may write them.
 */
export function resolveForwarded(options: ForwardedOptions): DescribeConnection | undefined {
  const { trustedProxies, forwardedHeaders } = options;
  if (forwardedHeaders !== undefined) {
    const names = Object.keys(FORWARDED_READERS) as (keyof typeof FORWARDED_READERS)[];
    serverChecks.oneOf('HTTPServer', 'forwardedHeaders', forwardedHeaders, names);
  }
  if (trustedProxies === undefined) {
    if (forwardedHeaders === undefined) return undefined;
    throw usage('forwardedHeaders was given without trustedProxies, whose word could be taken');
  }
  const proxies = new TrustedProxies(trustedProxies);
  const read = FORWARDED_READERS[forwardedHeaders ?? 'x-forwarded'];
  return (head, connection) => {
    if (!proxies.hasPeer(connection.remoteAddress)) return connection;
    const client = read(head.headers, proxies);
    if (client.address === undefined && client.protocol === undefined) return connection;
    return new ForwardedConnection(connection, client);
  };
}

function usage(message: string): StreamUsageError {
  return new StreamUsageError('ERR_STREAM_USAGE', `HTTPServer: ${message}`);
}

/**
 * A connection as one of its requests is told of it: by the client's address in place of the proxy's. The connection
 * itself is as it was, so that the next request on it, which may be somebody else's, begins anew (ATT-57).
 */
class ForwardedConnection implements HTTPConnectionInfo {
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
