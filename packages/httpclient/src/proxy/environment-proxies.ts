import { Http1UsageError, parseAbsoluteUrl } from '@landspout/http1/protocol';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { ProxiedTarget } from '../request/proxy-option.ts';
import { HTTPClientUsageError } from '../request/usage.ts';
import { NoProxyList } from './no-proxy.ts';
import { ProxySettings } from './proxy-settings.ts';

/** Variables of a process, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that name a proxy, the first that is set first. `HTTP_PROXY` is not among them: in a CGI program it is
 * the header `Proxy` of a request, so a client could choose the proxy (CVE-2016-5385).
 */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  http: ['http_proxy', 'all_proxy', 'ALL_PROXY'],
  https: ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'],
};
const NO_PROXY = ['no_proxy', 'NO_PROXY'];

const DEFAULT_PORTS = { http: 80, https: 443 };

/**
 * The proxies that the environment variables of a process name, read once.
 *
 * For http URLs, `http_proxy` is used, and for https URLs, `https_proxy` or `HTTPS_PROXY`; for both, `all_proxy` or
 * `ALL_PROXY` if the others are not set. An empty variable counts as not set. The hosts in `no_proxy`, or else
 * `NO_PROXY`, are reached without a proxy: see {@link NoProxyList}.
 */
export class EnvironmentProxies {
  readonly #http: ProxySettings | undefined;
  readonly #https: ProxySettings | undefined;
  readonly #noProxy: NoProxyList;

  /**
   * @throws HTTPClientUsageError if the value of a variable is not the URL of a proxy; the message names the variable.
   */
  constructor(env: Environment = process.env) {
    this.#http = proxyIn(env, 'http');
    this.#https = proxyIn(env, 'https');
    this.#noProxy = new NoProxyList(firstSet(env, NO_PROXY)?.value ?? '');
  }

  /** Returns the proxy for a server; `undefined` if the connection must be made without one. */
  proxyFor({ scheme, host, port }: ProxiedTarget): ProxySettings | undefined {
    const proxy = scheme === 'https' ? this.#https : this.#http;
    return proxy === undefined || this.#noProxy.includes(host, port) ? undefined : proxy;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      http: this.#http,
      https: this.#https,
      noProxy: this.#noProxy,
    }));
  }
}

/**
 * Returns the proxy that the environment names for a URL; `undefined` if the connection must be made without one. For
 * many URLs, use {@link EnvironmentProxies}, which reads the variables once.
 *
 * @throws HTTPClientUsageError if the URL or the value of a variable is invalid.
 */
export function proxyFromEnvironment(env: Environment, url: string | URL): ProxySettings | undefined {
  return new EnvironmentProxies(env).proxyFor(targetOf(String(url)));
}

function targetOf(url: string): ProxiedTarget {
  try {
    return parseAbsoluteUrl(url, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    const code = error.code === 'ERR_HTTP1_URL_SCHEME' ? 'ERR_HTTPCLIENT_SCHEME' : 'ERR_HTTPCLIENT_URL';
    throw new HTTPClientUsageError(code, `proxyFromEnvironment: ${error.message}`, { cause: error });
  }
}

function proxyIn(env: Environment, scheme: 'http' | 'https'): ProxySettings | undefined {
  const found = firstSet(env, VARIABLES[scheme] as readonly string[]);
  return found === undefined ? undefined : ProxySettings.from(found.value, found.name);
}

function firstSet(env: Environment, names: readonly string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value !== undefined && value !== '') return { name, value };
  }
  return undefined;
}
