import { isIP } from 'node:net';
import type { AbsoluteUrl } from '@landspout/http1/protocol';
import type { Route } from '../pool/origin.ts';
import { ProxySettings } from '../proxy/proxy-settings.ts';
import type { RequestDefaults } from '../request/http-request.ts';
import type { ProxyChooser, ProxyOption } from '../request/proxy-option.ts';
import { withoutIdentity } from '../request/tls-identity.ts';
import { clientChecks } from '../request/usage.ts';

/** The options that say how a connection is opened. */
export type RouteOptions = Pick<RequestDefaults, 'tls' | 'family' | 'localAddress' | 'socketPath' | 'proxy'>;

/**
 * Checks the options for a connection.
 *
 * @param operation - such as `fetch`, for messages.
 * @param defaults - for options that are not set.
 * @param withoutCredentials - whether the server must not learn who the client is, because another one redirected to it.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE`.
 */
export function routeOf(
  operation: string,
  options: RouteOptions,
  defaults: RouteOptions,
  url: Pick<AbsoluteUrl, 'scheme' | 'host' | 'port'>,
  withoutCredentials: boolean,
): Route {
  const family = options.family ?? defaults.family;
  if (family !== undefined) clientChecks.oneOf(operation, 'family', family, [4, 6]);
  const socketPath = options.socketPath ?? defaults.socketPath;
  if (socketPath !== undefined && (typeof socketPath !== 'string' || socketPath === ''))
    throw clientChecks.wrong(operation, 'a path as socketPath', socketPath);
  const localAddress = options.localAddress ?? defaults.localAddress;
  if (localAddress !== undefined && isIP(localAddress) === 0)
    throw clientChecks.wrong(operation, 'an IP address as localAddress', localAddress);
  const tls = options.tls ?? defaults.tls;
  return {
    tls: withoutCredentials && tls !== undefined ? withoutIdentity(tls) : tls,
    family,
    localAddress,
    // A socket belongs to the origin of the request.
    socketPath: withoutCredentials ? undefined : socketPath,
    proxy: socketPath === undefined ? proxyFor(options.proxy ?? defaults.proxy, url) : undefined,
  };
}

/** Whether an option chooses a proxy for each server. */
export function isChooser(option: ProxyOption | ProxyChooser): option is ProxyChooser {
  return typeof (option as Partial<ProxyChooser>).proxyFor === 'function';
}

function proxyFor(
  option: RequestDefaults['proxy'],
  url: Pick<AbsoluteUrl, 'scheme' | 'host' | 'port'>,
): ProxySettings | undefined {
  if (option === undefined || option === false) return undefined;
  const chosen = isChooser(option) ? option.proxyFor(url) : option;
  return chosen === undefined ? undefined : ProxySettings.from(chosen);
}
