import { HTTPHeaders, Http1UsageError } from '@landspout/http1';
import { CodedError, shownValue } from '@landspout/ioloop/errors';
import { tagOf } from '../request/encoded-body.ts';
import { HTTPRequest, type RequestOptions } from '../request/http-request.ts';
import { encodeFetchBody, encodeRequestBody } from './fetch-body-init.ts';

/** What `redirect` may be. */
export type RedirectMode = 'follow' | 'manual' | 'error';

/** A request to be sent, and what to do with a redirect. */
export interface FetchRequest {
  readonly request: HTTPRequest;
  readonly redirect: RedirectMode;
}

/** The limit of the Fetch standard. */
const MAX_REDIRECTS = 20;

const FOLLOW: RequestOptions = {
  raiseError: false,
  followRedirects: true,
  maxRedirects: MAX_REDIRECTS,
  allowNonstandardMethods: true,
};
const DO_NOT_FOLLOW: RequestOptions = { ...FOLLOW, followRedirects: false };

const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** Methods that are also accepted in lower case. PATCH is not one of them (Fetch standard, "normalize a method"). */
const NORMALIZED_METHODS: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Members that are checked as Node checks them, and then ignored. */
const IGNORED_MEMBERS = [
  'mode',
  'credentials',
  'cache',
  'referrer',
  'referrerPolicy',
  'keepalive',
  'window',
  'priority',
] as const;

/** The members of a `Request` or a `RequestInit` that are used. */
type Members = { readonly [Name in keyof RequestInit]?: unknown };

/**
 * Converts the arguments of `fetch` to a request of the client.
 *
 * @returns a promise if the body of a `Request` must be read first, which does not take longer than this loop
 *   iteration.
 * @throws TypeError if an argument is invalid. If only the client refuses it, the `cause` is the client's error.
 */
export function fetchRequest(input: unknown, init: unknown): FetchRequest | Promise<FetchRequest> {
  if (init === undefined && (typeof input === 'string' || input instanceof URL))
    return {
      request: new HTTPRequest(hrefOf(input), FOLLOW),
      redirect: 'follow',
    };
  if (init !== undefined && init !== null && typeof init !== 'object' && typeof init !== 'function')
    throw new TypeError(`fetch: init must be an object, got ${shownValue(init)}`);
  const base = tagOf(input) === 'Request' ? (input as Request) : undefined;
  try {
    return new InitReader(base, (init ?? {}) as Members).request(base === undefined ? input : base.url);
  } catch (cause) {
    throw cause instanceof CodedError ? new TypeError('fetch failed', { cause }) : cause;
  }
}

/** Reads the members of an init, and those that it does not have from a `Request`. */
class InitReader {
  readonly #base: Request | undefined;
  readonly #init: Members;

  constructor(base: Request | undefined, init: Members) {
    this.#base = base;
    this.#init = init;
  }

  request(input: unknown): FetchRequest | Promise<FetchRequest> {
    const url = hrefOf(input);
    this.#checkOthers();
    const redirect = redirectMode(this.#member('redirect'));
    const signal = signalOf(this.#member('signal'));
    const method = methodOf(this.#member('method'));
    const headers = headersOf(this.#member('headers'));
    // Node's fetch sets it from the URL too.
    headers?.delete('Host');
    const options = {
      ...(redirect === 'follow' ? FOLLOW : DO_NOT_FOLLOW),
      method,
      ...(headers === undefined ? {} : { headers }),
      ...(signal === undefined ? {} : { signal }),
    };
    const body = this.#init.body ?? undefined;
    const ofBase = body === undefined ? (this.#base?.body ?? undefined) : undefined;
    const isBaseUsed = body === undefined && (this.#base?.bodyUsed === true || ofBase?.locked === true);
    if (isBaseUsed) throw new TypeError('fetch: the body of the Request has already been used');
    if (body === undefined && ofBase === undefined)
      return {
        request: HTTPRequest.encoded(url, options, undefined),
        redirect,
      };
    if (method === 'GET' || method === 'HEAD')
      throw new TypeError(`fetch: a request with the method ${method} cannot have a body`);
    if (ofBase !== undefined) {
      return encodeRequestBody(ofBase).then((encoded) => ({
        request: HTTPRequest.encoded(url, options, encoded),
        redirect,
      }));
    }
    const encoded = encodeFetchBody(body, this.#init);
    return { request: HTTPRequest.encoded(url, options, encoded), redirect };
  }

  #member(name: 'redirect' | 'signal' | 'method' | 'headers'): unknown {
    const value = this.#init[name];
    return value === undefined ? this.#base?.[name] : value;
  }

  #checkOthers(): void {
    const init = this.#init;
    if (init.dispatcher !== undefined && init.dispatcher !== null) {
      const remedy = 'set options of connections on the AsyncHTTPClient';
      throw new TypeError(`fetch: dispatcher is not supported; ${remedy}`);
    }
    if (init.integrity !== undefined && init.integrity !== '')
      throw new TypeError('fetch: integrity is not supported; compare the digest of the body instead');
    if (init.duplex !== undefined && init.duplex !== 'half')
      throw new TypeError(`fetch: duplex must be "half", got ${shownValue(init.duplex)}`);
    if (IGNORED_MEMBERS.some((name) => (init as Record<string, unknown>)[name] !== undefined)) {
      const ignored = IGNORED_MEMBERS.map((name) => [name, (init as Record<string, unknown>)[name]]);
      new Request('http://localhost/', Object.fromEntries(ignored));
    }
  }
}

/** Parses a URL as the Fetch standard does. The fragment is not sent. */
function hrefOf(input: unknown): string {
  let url: URL;
  try {
    url = input instanceof URL ? input : new URL(`${input}`);
  } catch (cause) {
    throw new TypeError(`Failed to parse URL from ${shownInput(input)}`, {
      cause,
    });
  }
  if (url.username !== '' || url.password !== '')
    throw new TypeError('fetch: the URL must not contain credentials; use the Authorization header');
  const { href } = url;
  const end = href.indexOf('#');
  const target = end === -1 ? href : href.slice(0, end);
  // The parser leaves backslashes in a query, but the client refuses them everywhere.
  return target.includes('\\') ? target.replaceAll('\\', '%5C') : target;
}

function shownInput(input: unknown): string {
  return typeof input === 'symbol' ? input.toString() : String(input);
}

function methodOf(value: unknown): string {
  if (value === undefined) return 'GET';
  const method = `${value}`;
  if (!TOKEN.test(method)) throw new TypeError(`fetch: method must be a token, got ${shownValue(method)}`);
  const upper = method.toUpperCase();
  if (FORBIDDEN_METHODS.has(upper)) throw new TypeError(`fetch: the method ${method} is not supported`);
  return NORMALIZED_METHODS.has(upper) ? upper : method;
}

function redirectMode(value: unknown): RedirectMode {
  if (value === undefined || value === 'follow') return 'follow';
  if (value === 'manual' || value === 'error') return value;
  throw new TypeError(`fetch: redirect must be "follow", "error" or "manual", got ${shownValue(value)}`);
}

/** Signals of other realms and of libraries are accepted if they can do what those of Node can. */
function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  const { aborted, addEventListener, throwIfAborted } = value as Partial<AbortSignal>;
  if (
    typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof throwIfAborted === 'function'
  )
    return value as AbortSignal;
  throw new TypeError(`fetch: signal must be an AbortSignal, got ${shownValue(value)}`);
}

/** @throws TypeError as Node does. */
function headersOf(value: unknown): HTTPHeaders | undefined {
  if (value === undefined) return undefined;
  const simple = simpleHeaders(value);
  if (simple !== undefined) return simple;
  return HTTPHeaders.from(new Headers(value as ConstructorParameters<typeof Headers>[0]));
}

/** Converts a record if its fields need no normalisation, which is faster; otherwise returns undefined. */
function simpleHeaders(value: unknown): HTTPHeaders | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || Symbol.iterator in value) return undefined;
  const headers = new HTTPHeaders();
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string' || text !== text.trim() || headers.has(name)) return undefined;
    try {
      headers.add(name, text);
    } catch (error) {
      if (error instanceof Http1UsageError) return undefined;
      throw error;
    }
  }
  return headers;
}
