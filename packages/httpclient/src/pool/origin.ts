import type { AbsoluteUrl } from '@landspout/http1/protocol';
import type { ProxySettings } from '../proxy/proxy-settings.ts';
import type { ClientTlsOptions } from '../request/http-request.ts';
import { tlsNumber } from '../request/tls-identity.ts';

/** How a connection is opened, apart from the host: requests with different values cannot share connections. */
export interface Route {
  readonly tls: ClientTlsOptions | undefined;
  readonly family: 4 | 6 | undefined;
  readonly localAddress: string | undefined;
  /** The path of a Unix socket to connect to, instead of host and port. */
  readonly socketPath: string | undefined;
  readonly proxy: ProxySettings | undefined;
}

/**
 * All values with which a connection is opened. Requests may share a connection only if all of these values are equal.
 */
export interface Origin extends Route {
  /** Two origins are equal if and only if their keys are equal. */
  readonly key: string;
  readonly secure: boolean;
  /** A name, or a numeric address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether requests go to an HTTP proxy, which gets the whole URL as target, and not to the server itself. */
  readonly absoluteForm: boolean;
}

export function originOf(url: AbsoluteUrl, route: Route): Origin {
  const { scheme, host, port } = url;
  const { family, localAddress, socketPath, proxy } = route;
  const secure = scheme === 'https';
  const tls = secure ? route.tls : undefined;
  const absoluteForm = !secure && proxy !== undefined && proxy.kind !== 'socks5';
  // All http requests through one HTTP proxy may share connections to it.
  const server = absoluteForm ? 'any' : `${scheme} ${host} ${port} ${tls === undefined ? 0 : tlsNumber(tls)}`;
  const key = [server, family, localAddress, JSON.stringify(socketPath), proxy?.key].join(' ');
  return { key, secure, host, port, absoluteForm, tls, family, localAddress, socketPath, proxy };
}

/** Whether two URLs have the same scheme, host and port. */
export function isSameOrigin(a: AbsoluteUrl, b: AbsoluteUrl): boolean {
  return a.scheme === b.scheme && a.host === b.host && a.port === b.port;
}
