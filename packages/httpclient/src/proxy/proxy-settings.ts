// The proxy/ folder holds what a client needs to reach a server through a proxy: the options, the environment
// variables, and the client's side of CONNECT and SOCKS5. It does not decide which requests share a connection.

import { createHmac, randomBytes } from 'node:crypto';
import {
  type AbsoluteUrl,
  encodeUsernamePassword,
  HTTPHeaders,
  Http1UsageError,
  parseAbsoluteUrl,
} from '@landspout/http1/protocol';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TlsClientOptions } from '@landspout/iostream';
import type { CheckedProxy, ProxyOption, ProxyOptions } from '../request/proxy-option.ts';
import { checkTls } from '../request/tls-check.ts';
import { tlsNumber } from '../request/tls-identity.ts';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';
import { Socks5Error, socks5Credentials } from './socks5-messages.ts';

export type ProxyKind = 'http' | 'https' | 'socks5';

const PROXY_OPTIONS: OptionNames<ProxyOptions> = {
  url: true,
  username: true,
  password: true,
  auth: true,
  headers: true,
  tls: true,
};

const KINDS: ReadonlyMap<string, ProxyKind> = new Map([
  ['http', 'http'],
  ['https', 'https'],
  ['socks5', 'socks5'],
  ['socks5h', 'socks5'],
]);
const DEFAULT_PORTS = { http: 80, https: 443, socks5: 1080 } as const;

/** Fields that the client sets itself, or that would break the framing of a request. */
const OWN_FIELDS = ['Host', 'Connection', 'Content-Length', 'Transfer-Encoding', 'Upgrade', 'TE', 'Trailer'];

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * A checked proxy. Immutable, so one object may be used for any number of requests.
 *
 * Names are always resolved by the proxy: it may know other names than this machine, and a look-up here would reveal
 * them to a name server. To resolve them here, pass a numeric address as the target of the connection.
 */
export class ProxySettings {
  readonly kind: ProxyKind;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port`, for messages and errors. */
  readonly name: string;
  readonly auth: 'basic' | 'digest';
  /**
   * Two proxies have the same key only if all their values are equal, credentials, headers and the `tls` object
   * included. A connection through a proxy may be reused only for requests with the same key. Contains no credentials:
   * they are represented by a keyed hash, which differs in each process.
   */
  readonly key: string;
  readonly tls: TlsClientOptions | undefined;
  readonly #credentials: Credentials | undefined;
  readonly #headers: HTTPHeaders;
  readonly #authorization: string | undefined;

  /** Checks an option. @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE`; the message contains no credentials. */
  static from(option: ProxyOption | CheckedProxy, operation = 'proxy'): ProxySettings {
    return option instanceof ProxySettings ? option : new ProxySettings(option as ProxyOption, operation);
  }

  private constructor(option: string | URL | ProxyOptions, operation: string) {
    const options = typeof option === 'string' || option instanceof URL ? { url: option } : option;
    clientChecks.options(operation, options, PROXY_OPTIONS);
    const { url, tls, auth = 'basic' } = options;
    if (typeof url !== 'string' && !(url instanceof URL))
      throw clientChecks.wrong(operation, 'url: a URL', url);
    const { kind, parsed } = parseProxyUrl(String(url), operation);
    clientChecks.oneOf(operation, 'auth', auth, ['basic', 'digest']);
    if (tls !== undefined && (kind !== 'https' || typeof tls !== 'object' || tls === null)) {
      throw usage(
        `${operation}: tls must be an object of TLS options, and is allowed for an https: proxy only`,
      );
    }
    if (tls !== undefined) checkTls(operation, tls);
    this.kind = kind;
    this.host = parsed.host;
    this.port = parsed.port;
    this.name = this.host.includes(':') ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
    this.auth = auth;
    this.tls = tls;
    this.#credentials = credentialsOf(options, parsed, operation);
    this.#headers = headersOf(options, kind, this.#credentials !== undefined, operation);
    this.#authorization = this.#checkedAuthorization(options, operation);
    this.key = `${kind}://${this.name} ${this.#secretHash()} ${tls === undefined ? 0 : tlsNumber(tls)}`;
    Object.freeze(this);
  }

  /** Whether the proxy has credentials. */
  get hasCredentials(): boolean {
    return this.#credentials !== undefined;
  }

  /** The credentials, decoded. Must not be logged. */
  get credentials(): Credentials | undefined {
    return this.#credentials;
  }

  /** The value of Proxy-Authorization for basic authentication; `undefined` for others. Must not be logged. */
  get authorization(): string | undefined {
    return this.#authorization;
  }

  /** A copy of the header fields for the proxy, without its credentials. */
  get headers(): HTTPHeaders {
    return this.#headers.copy();
  }

  [INSPECT](): object {
    return inspection(this, ['kind', 'host', 'port'], () => ({
      auth: this.hasCredentials ? this.auth : undefined,
      headers: this.#headers.names().length === 0 ? undefined : this.#headers,
      name: undefined,
      key: undefined,
      tls: undefined,
    }));
  }

  /** @throws HTTPClientUsageError if the kind of proxy cannot use the credentials. */
  #checkedAuthorization(options: ProxyOptions, operation: string): string | undefined {
    const credentials = this.#credentials;
    if (this.kind === 'socks5') {
      if (options.auth !== undefined)
        throw usage(`${operation}: auth is allowed for an http: or https: proxy only`);
      if (credentials !== undefined)
        refusing(operation, () => socks5Credentials(credentials.username, credentials.password));
      return undefined;
    }
    if (credentials === undefined) {
      if (options.auth !== undefined) throw usage(`${operation}: auth needs a username`);
      return undefined;
    }
    const { username, password } = credentials;
    // Digest credentials follow the same rules (RFC 7616 §3.4.2 joins them with a colon too).
    const encoded = refusing(operation, () => encodeUsernamePassword(username, password)).toString('base64');
    return this.auth === 'basic' ? `Basic ${encoded}` : undefined;
  }

  #secretHash(): string {
    const headers = this.#headers.getAll();
    if (this.#credentials === undefined && headers.length === 0) return '-';
    const secrets = JSON.stringify([this.auth, this.#credentials ?? null, headers]);
    return createHmac('sha256', HASH_KEY).update(secrets).digest('base64');
  }
}

const HASH_KEY = randomBytes(32);

/** Everything after the scheme, split where the authority ends. */
const AFTER_SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s;
/** The port is written as 80, which the parser of http URLs removes as the default. */
const PORT_80 = /^(?:[^/?#]*@)?[^/?#]*:0*80(?:[/?#]|$)/;

function parseProxyUrl(text: string, operation: string): { kind: ProxyKind; parsed: AbsoluteUrl } {
  const [, scheme = 'http', rest = text] = AFTER_SCHEME.exec(text) ?? [];
  const kind = KINDS.get(scheme.toLowerCase());
  if (kind === undefined) {
    const shown = scheme.slice(0, 20);
    throw usage(`${operation}: the scheme of a proxy must be http, https, socks5 or socks5h, got "${shown}"`);
  }
  // Hosts of socks5 URLs are checked as those of http URLs are: the parser does so only for the schemes that it knows.
  const base = kind === 'https' ? 'https' : 'http';
  let parsed: AbsoluteUrl;
  try {
    parsed = parseAbsoluteUrl(`${base}://${rest}`, {
      [base]: DEFAULT_PORTS[base],
    });
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    const detail = error.message.replaceAll(`${base}://`, `${scheme}://`);
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', `${operation}: ${detail}`, { cause: error });
  }
  if (parsed.target !== '/' || parsed.hasFragment)
    throw usage(`${operation}: the URL of a proxy must not have a path, a query or a fragment`);
  if (kind === 'socks5' && parsed.port === DEFAULT_PORTS.http && !PORT_80.test(rest))
    return { kind, parsed: { ...parsed, port: DEFAULT_PORTS.socks5 } };
  return { kind, parsed };
}

function credentialsOf(options: ProxyOptions, url: AbsoluteUrl, operation: string): Credentials | undefined {
  const { username, password } = options;
  for (const [name, value] of [
    ['username', username],
    ['password', password],
  ] as const) {
    // The value itself is not shown, since it may be a secret of the wrong type.
    if (value !== undefined && typeof value !== 'string')
      throw usage(`${operation}: ${name} must be a string`);
  }
  const inUrl = url.userInformation;
  // Empty user information, as in `http://@host`, is ignored.
  const hasInUrl = inUrl !== undefined && (inUrl.username !== '' || inUrl.password !== '');
  if (username === undefined) {
    if (password !== undefined) throw usage(`${operation}: password needs a username`);
    return hasInUrl ? Object.freeze({ ...inUrl }) : undefined;
  }
  if (hasInUrl)
    throw usage(
      `${operation}: credentials must be either in the URL or in username and password, not in both`,
    );
  return Object.freeze({ username, password: password ?? '' });
}

function headersOf(
  options: ProxyOptions,
  kind: ProxyKind,
  hasCredentials: boolean,
  operation: string,
): HTTPHeaders {
  if (options.headers === undefined) return new HTTPHeaders();
  if (kind === 'socks5') throw usage(`${operation}: headers are allowed for an http: or https: proxy only`);
  let headers: HTTPHeaders;
  try {
    headers = HTTPHeaders.from(options.headers);
  } catch {
    // Neither the message nor the error itself is passed on, because they show the value, which may be a secret.
    throw usage(`${operation}: headers must have valid names, and values without control characters`);
  }
  const own = OWN_FIELDS.find((name) => headers.has(name));
  if (own !== undefined) throw usage(`${operation}: headers must not contain ${own}, which the client sets`);
  if (hasCredentials && headers.has('Proxy-Authorization'))
    throw usage(`${operation}: headers must not contain Proxy-Authorization if a username is set`);
  return headers;
}

/** Runs a check of another layer, and refuses with its message. */
function refusing<T>(operation: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Http1UsageError || error instanceof Socks5Error)) throw error;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', `${operation}: ${error.message}`, {
      cause: error,
    });
  }
}

function usage(message: string): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
}
