import { type HTTPHeaders, Http1UsageError, type ResponseHead } from '@landspout/http1';
import {
  type AbsoluteUrl,
  EncodedRequestHead,
  parseAbsoluteUrl,
  RequestFields,
} from '@landspout/http1/protocol';
import { shownText } from '@landspout/ioloop/errors';
import { isSameOrigin, type Origin, originOf } from '../pool/origin.ts';
import { absoluteForm } from '../proxy/proxied-request.ts';
import type { ProxySettings } from '../proxy/proxy-settings.ts';
import type { BasicAuth, HTTPRequest, RequestDefaults } from '../request/http-request.ts';
import { bodyOf, isRepeatable, lengthOf, NO_BODY, type OutgoingBody } from '../request/request-body.ts';
import { HTTPClientUsageError } from '../request/usage.ts';
import { type FetchSettings, isPlain } from './fetch-settings.ts';
import { type HopExtras, type HopFacts, hopHeaders } from './hop-headers.ts';
import { isChooser, routeOf } from './route.ts';

/** One request to be sent: the first of a fetch, or one that follows a redirect. Immutable. */
export interface Hop extends Omit<HopFacts, 'url' | 'method'> {
  /** Percent-encoded, without user information and fragment. */
  readonly href: string;
  /** {@link href}; undefined if it was not parsed, because its origin was known. */
  readonly url: AbsoluteUrl | undefined;
  readonly origin: Origin;
  readonly head: EncodedRequestHead;
  /** Whether the head has header fields that are not to be sent a second time. */
  readonly hasExtras: boolean;
}

const NO_EXTRAS: HopExtras = {};

const DEFAULT_PORTS = { http: 80, https: 443 };
/** The status codes that redirect automatically (RFC 9110 §15.4). */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * The supported methods, and whether each has a body (HC-06). CONNECT is not supported, because it opens a tunnel
 * instead of returning a response.
 */
const METHODS: ReadonlyMap<string, boolean> = new Map([
  ['GET', false],
  ['HEAD', false],
  ['DELETE', false],
  ['OPTIONS', false],
  ['POST', true],
  ['PUT', true],
  ['PATCH', true],
]);

/**
 * A path and query that URL parsers leave unchanged: no character that must be encoded, no escapes in the path (`%2e`
 * is a dot segment) and no fragment.
 */
const PLAIN_TARGET = /^\/[A-Za-z0-9\-._~!$&()*+,;=:@/]*(?:\?[A-Za-z0-9\-._~!$&()*+,;=:@/?%]*)?$/;
/** `https://` has this many characters. */
const SCHEME_LENGTH = 8;
/** Origins to remember. */
const MAX_KNOWN_ORIGINS = 1_000;

/** What requests without options of their own to one origin have in common. */
interface KnownOrigin {
  readonly origin: Origin;
  readonly fields: RequestFields;
}

/**
 * Turns requests into hops. Remembers the origins of recent requests, so that the URL and the header fields of a simple
 * GET are neither parsed nor built again.
 */
export class HopBuilder {
  readonly #defaults: RequestDefaults;
  /** By the text before the path, such as `http://host:8000`. The most recently added is last. */
  readonly #known = new Map<string, KnownOrigin>();

  constructor(defaults: RequestDefaults) {
    this.#defaults = defaults;
  }

  /**
   * Checks a request and creates its first hop.
   *
   * @throws HTTPClientUsageError if it cannot be sent as intended.
   */
  first(request: HTTPRequest, settings: FetchSettings): Hop {
    const plain = isPlain(request);
    if (plain) {
      const hop = this.#knownHop(request.url);
      if (hop !== undefined) return hop;
    }
    const url = parseRequestUrl(request.url);
    const body = bodyOf(request);
    checkMethod(request.method, body, request.options.allowNonstandardMethods ?? false);
    const hop = this.#build(request, settings, {
      url,
      auth: authFor(request, url),
      method: request.method,
      body,
      isRedirected: false,
      withoutCredentials: false,
      withoutContent: false,
    });
    const { proxy } = this.#defaults;
    const isFixed = proxy === undefined || proxy === false || !isChooser(proxy);
    if (plain && url.userInformation === undefined && isFixed && !hop.origin.absoluteForm)
      this.#remember(`${url.scheme}://${url.authority}`, hop);
    return hop;
  }

  /**
   * Creates the hop that follows a redirect (RFC 9110 §15.4).
   *
   * @param from - the hop that was redirected.
   * @returns the hop; undefined if the response is not a redirect to be followed; or a text that says why it cannot be.
   */
  redirected(
    request: HTTPRequest,
    settings: FetchSettings,
    from: Hop,
    head: ResponseHead,
  ): Hop | string | undefined {
    const { status } = head;
    if (!settings.followRedirects || settings.maxRedirects === 0 || !REDIRECTS.has(status)) return undefined;
    const [location, ...others] = head.headers.getList('Location');
    if (location === undefined) return undefined;
    // A browser, a cache and this client could each choose another one.
    if (others.some((other) => other !== location))
      return 'it has several Location fields with different values';
    let url: AbsoluteUrl;
    try {
      const resolved = new URL(locationText(location), from.href);
      resolved.username = '';
      resolved.password = '';
      url = parseAbsoluteUrl(resolved.href, DEFAULT_PORTS);
    } catch (error) {
      return `its Location is invalid: ${(error as Error).message}`;
    }
    const { method } = from.head;
    const becomesGet =
      (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST');
    const body = becomesGet ? NO_BODY : from.body;
    if (!isRepeatable(body)) return 'the body of the request was streamed and cannot be sent again';
    const withoutCredentials = from.withoutCredentials || !isSameOrigin(url, urlOf(from));
    return this.#build(request, settings, {
      url,
      auth: withoutCredentials ? undefined : from.auth,
      method: becomesGet ? 'GET' : method,
      body,
      isRedirected: true,
      withoutCredentials,
      withoutContent: from.withoutContent || becomesGet,
    });
  }

  /** Creates a hop to be sent again, with other settings. */
  again(request: HTTPRequest, settings: FetchSettings, hop: Hop): Hop {
    return this.#build(request, settings, { ...hop, url: urlOf(hop), method: hop.head.method });
  }

  /** Adds header fields to a hop, in place of those that were added before. Returns the same hop if there are none. */
  withExtras(request: HTTPRequest, settings: FetchSettings, hop: Hop, extras: HopExtras): Hop {
    if (!hop.hasExtras && isEmpty(extras)) return hop;
    return this.#build(request, settings, { ...hop, url: urlOf(hop), method: hop.head.method }, extras);
  }

  #knownHop(url: string): Hop | undefined {
    const slash = url.indexOf('/', SCHEME_LENGTH);
    const known = this.#known.get(slash === -1 ? url : url.slice(0, slash));
    if (known === undefined) return undefined;
    const target = slash === -1 ? '/' : url.slice(slash);
    if (!PLAIN_TARGET.test(target) || target.includes('/.')) return undefined;
    const head = new EncodedRequestHead('GET', target, known.fields, 0);
    const href = slash === -1 ? `${url}/` : url;
    return {
      href,
      url: undefined,
      auth: undefined,
      origin: known.origin,
      head,
      body: NO_BODY,
      withoutCredentials: false,
      withoutContent: false,
      isRedirected: false,
      hasExtras: false,
    };
  }

  #remember(prefix: string, { origin, head }: Hop): void {
    if (this.#known.size >= MAX_KNOWN_ORIGINS) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(prefix, { origin, fields: head.fields });
  }

  /** @param facts - if they have an origin, it is used: a chooser of proxies could choose another one this time. */
  #build(
    request: HTTPRequest,
    settings: FetchSettings,
    facts: HopFacts & { readonly origin?: Origin },
    extras = NO_EXTRAS,
  ): Hop {
    const { url, auth, method, body, withoutCredentials, withoutContent, isRedirected } = facts;
    const origin =
      facts.origin ??
      originOf(url, routeOf('fetch', request.options, this.#defaults, url, withoutCredentials));
    const headers = hopHeaders(request, this.#defaults.headers, settings, facts, extras);
    let { target } = url;
    if (origin.absoluteForm) {
      const form = absoluteForm(origin.proxy as ProxySettings, url, extras.proxyAuthorization);
      target = form.target;
      for (const [name, value] of form.headers) headers.set(name, value);
    }
    if (headers.has('Upgrade'))
      throw usage('fetch: the Upgrade header is not supported; use requestUpgrade of http1');
    return {
      href: url.href,
      url,
      auth,
      origin,
      head: encode(method, target, headers, lengthOf(body)),
      body,
      withoutCredentials,
      withoutContent,
      isRedirected,
      hasExtras: !isEmpty(extras),
    };
  }
}

function isEmpty({ cookie = '', authorization, proxyAuthorization }: HopExtras): boolean {
  return cookie === '' && authorization === undefined && proxyAuthorization === undefined;
}

function urlOf({ url, href }: Hop): AbsoluteUrl {
  return url ?? parseAbsoluteUrl(href, DEFAULT_PORTS);
}

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_URL` or `ERR_HTTPCLIENT_SCHEME`. */
function parseRequestUrl(text: string): AbsoluteUrl {
  try {
    return parseAbsoluteUrl(text, DEFAULT_PORTS);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    const code = error.code === 'ERR_HTTP1_URL_SCHEME' ? 'ERR_HTTPCLIENT_SCHEME' : 'ERR_HTTPCLIENT_URL';
    throw new HTTPClientUsageError(code, `fetch: ${error.message}`, { cause: error });
  }
}

/** Encodes the head once, so that an invalid head is refused before a connection is opened. */
function encode(method: string, target: string, headers: HTTPHeaders, bodyBytes: number): EncodedRequestHead {
  try {
    return new EncodedRequestHead(method, target, new RequestFields(headers), bodyBytes);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, { cause: error });
  }
}

/** Returns the credentials for basic authentication. Empty user information, as in `http://@host/`, is ignored. */
function authFor({ options }: HTTPRequest, { userInformation }: AbsoluteUrl): BasicAuth | undefined {
  if (options.digestAuth !== undefined) return undefined;
  if (options.basicAuth !== undefined) return options.basicAuth;
  const isEmpty = userInformation?.username === '' && userInformation.password === '';
  return isEmpty ? undefined : userInformation;
}

function checkMethod(method: string, body: OutgoingBody, nonstandard: boolean): void {
  if (method === 'CONNECT') throw usage('fetch: CONNECT is not supported, because it makes a tunnel');
  if (nonstandard) return;
  const takesBody = METHODS.get(method);
  if (takesBody === undefined && METHODS.has(String(method).toUpperCase()))
    throw usage(
      `fetch: methods are case-sensitive: did you mean ${method.toUpperCase()}, not ${shownText(method)}?`,
    );
  if (takesBody === undefined)
    throw usage(`fetch: unknown method ${shownText(method)}; set allowNonstandardMethods to send it`);
  if (takesBody && body.kind === 'none') throw usage(`fetch: ${method} must have a body, which may be empty`);
  if (!takesBody && body.kind !== 'none')
    throw usage(
      `fetch: ${method} must not have a body; set another method, such as POST, or allowNonstandardMethods`,
    );
}

/** Servers send other characters than ASCII in Location as UTF-8, although RFC 9110 §10.2.2 does not allow them. */
function locationText(location: string): string {
  const text = Buffer.from(location, 'latin1').toString('utf8');
  return text.includes('�') ? location : text;
}

function usage(message: string): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
}
