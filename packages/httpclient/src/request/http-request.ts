// The request/ folder holds the requests that a caller can make, and the bodies that can be sent. It does not handle
// connections or responses.

import type { ResponseHead } from '@landspout/http1';
import { HTTPHeaders, type HTTPHeadersInit, Http1UsageError } from '@landspout/http1';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedBytes, inspectedUrl, inspection, maskedUrl } from '@landspout/ioloop/inspection';
import type { TlsClientOptions } from '@landspout/iostream';
import type { BodyForm } from './body-forms.ts';
import type { EncodedBody } from './encoded-body.ts';
import { refuseMisplaced } from './misplaced-options.ts';
import type { ProxyChooser, ProxyOption } from './proxy-option.ts';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/** Writes one chunk of a body. Resolves when more may be written, and also if the request has ended meanwhile. */
export type BodyWriter = (chunk: string | Uint8Array) => Promise<void>;

export interface BasicAuth {
  /** Must not contain a colon (RFC 7617 §2). */
  readonly username: string;
  readonly password: string;
}

export interface DigestAuth {
  readonly username: string;
  readonly password: string;
}

export type ClientTlsOptions = TlsClientOptions;

/** A response that redirected a request to another URL, and was followed. */
export interface HTTPRedirect {
  /** 301, 302, 303, 307 or 308. */
  readonly status: number;
  /** The URL that was requested, without user information and fragment. */
  readonly url: string;
  /** The URL to which it redirected, without user information and fragment. */
  readonly location: string;
}

/** Options that can also be set on a client, for all its requests. */
export interface RequestDefaults {
  /**
   * Request headers. The headers in the defaults of an {@link AsyncHTTPClient} are added to each request, except those
   * that the request itself sets.
   */
  readonly headers?: HTTPHeadersInit | undefined;
  /**
   * Maximum time for waiting in the queue, and separately for name resolution, connecting and TLS together. 0 means no
   * limit. Default: 20 s.
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Maximum time from leaving the queue to the last byte of the response, over all redirects. 0 means no limit.
   * Default: 20 s.
   */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * Maximum time from sending a request to the complete head of its response. 0 means that only `requestTimeoutMs`
   * limits it. For response bodies that take minutes, set it together with `requestTimeoutMs: 0`. Default: 0.
   */
  readonly headersTimeoutMs?: number | undefined;
  /**
   * Maximum size of the response body in bytes, both as received and decompressed; also applies if the body is
   * streamed. Default: 100 MiB.
   */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Whether to follow redirects (301, 302, 303, 307 and 308). A 303 (except to HEAD), and a POST that gets a 301 or
   * 302, is followed with a GET without a body. Once a redirect leads to another scheme, host or port, credentials are
   * no longer sent: the headers Authorization, Cookie and Proxy-Authorization, `basicAuth`, `digestAuth` and user
   * information in the URL. All other headers are. Default: true.
   */
  readonly followRedirects?: boolean | undefined;
  /**
   * Maximum number of redirects to follow; one more is an HTTPRedirectError. 0 is the same as `followRedirects: false`.
   * Default: 5.
   */
  readonly maxRedirects?: number | undefined;
  /**
   * Whether to send Accept-Encoding and decode gzip, deflate, br and, if this version of Node can, zstd. `maxBodyBytes`
   * limits the decoded body. If false, bodies are passed on as they were sent. Default: true.
   */
  readonly decompressResponse?: boolean | undefined;
  /** Whether `fetch` and `stream` reject with HTTPClientError if the status is not 2xx. Default: true. */
  readonly raiseError?: boolean | undefined;
  /** The User-Agent header; '' to send none. Default: `Landspout`. */
  readonly userAgent?: string | undefined;
  /**
   * TLS options for https. Requests share connections only if they use the same options object, so create the object
   * once.
   */
  readonly tls?: ClientTlsOptions | undefined;
  /** Connects only to addresses of this family. Default: both. */
  readonly family?: 4 | 6 | undefined;
  /** The local address to connect from, in numeric form. */
  readonly localAddress?: string | undefined;
  /** Connects to this Unix socket instead of the host of the URL. */
  readonly socketPath?: string | undefined;
  /**
   * The proxy: a URL such as `http://user:password@proxy:3128`, `https://…` or `socks5://…`; an object with more
   * options; `new EnvironmentProxies()` for the proxies that http_proxy, https_proxy and no_proxy name; or false for
   * none. Requests for https URLs, and all requests through SOCKS5, use a tunnel. Default: none.
   */
  readonly proxy?: ProxyOption | ProxyChooser | false | undefined;
}

export interface RequestOptions extends RequestDefaults {
  /** Default: `GET`. */
  readonly method?: string | undefined;
  /** Required for POST, PUT and PATCH, but may be empty; other methods must not have a body. */
  readonly body?: BodyForm | undefined;
  /** Data to send as JSON, instead of `body`. Content-Type is application/json unless the headers have one. */
  readonly json?: unknown | undefined;
  /**
   * Writes the body, instead of `body`. It is called when the head has been sent, and the body ends when it returns or
   * its promise resolves. It may be called again if the request is redirected or sent again. If it throws or rejects,
   * the request is aborted and `fetch` rejects with that error.
   */
  readonly bodyProducer?: ((write: BodyWriter) => void | PromiseLike<void>) | undefined;
  /**
   * Sends `Expect: 100-continue`, and the body only after the server asks for it, or after one second without a
   * response. If the server responds at once, the body is not sent. Default: false.
   */
  readonly expectContinue?: boolean | undefined;
  /**
   * Allows other methods than GET, HEAD, DELETE, OPTIONS, POST, PUT and PATCH, except CONNECT. Every method may then
   * have a body or none. Default: false.
   */
  readonly allowNonstandardMethods?: boolean | undefined;
  /** Credentials for basic authentication (RFC 7617), used instead of user information in the URL. */
  readonly basicAuth?: BasicAuth | undefined;
  /**
   * Credentials for digest authentication (RFC 7616). They are sent after the server has asked for them, which takes
   * one more request; later requests to that server have them at once. User information in the URL is then ignored.
   */
  readonly digestAuth?: DigestAuth | undefined;
  /** Sent as If-Modified-Since. A response with the status 304 rejects unless `raiseError` is false. */
  readonly ifModifiedSince?: Date | undefined;
  /** Aborts the request in any phase. `fetch` rejects with the reason of the signal, and the connection is closed. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called before a redirect is followed. If it returns false, the redirect is not followed, and its response is the
   * result. Must not be async. If it throws, `fetch` rejects with that error.
   */
  readonly onRedirect?: ((redirect: HTTPRedirect) => unknown) | undefined;
  /**
   * Called with the head of the response, but not for redirects that are followed. If it returns a promise, the body is
   * not read until the promise settles. If it throws or rejects, the request is aborted and `fetch` rejects with that
   * error.
   */
  readonly onHead?: ((head: ResponseHead) => unknown) | undefined;
  /**
   * Called with each chunk of the body as it arrives, also if the status is not 2xx. The `body` of the response is then
   * empty. The chunks are owned by the callback. If it returns a promise, no more is read until the promise settles. If
   * it throws or rejects, the request is aborted and `fetch` rejects with that error.
   */
  readonly onData?: ((chunk: Uint8Array) => unknown) | undefined;
}

/** The names of all {@link RequestDefaults}. */
export const DEFAULTS_OPTIONS: OptionNames<RequestDefaults> = {
  headers: true,
  connectTimeoutMs: true,
  requestTimeoutMs: true,
  headersTimeoutMs: true,
  maxBodyBytes: true,
  followRedirects: true,
  maxRedirects: true,
  decompressResponse: true,
  raiseError: true,
  userAgent: true,
  tls: true,
  family: true,
  localAddress: true,
  socketPath: true,
  proxy: true,
};
const REQUEST_OPTIONS: OptionNames<RequestOptions> = {
  ...DEFAULTS_OPTIONS,
  method: true,
  body: true,
  json: true,
  bodyProducer: true,
  expectContinue: true,
  allowNonstandardMethods: true,
  basicAuth: true,
  digestAuth: true,
  ifModifiedSince: true,
  signal: true,
  onRedirect: true,
  onHead: true,
  onData: true,
};
const AUTH_OPTIONS: OptionNames<BasicAuth> = { username: true, password: true };

/** The options of a request without options. */
export const NO_OPTIONS: RequestOptions = Object.freeze({});

/** One request for `fetch`. It is immutable, so it may be passed to `fetch` any number of times. */
export class HTTPRequest {
  readonly url: string;
  readonly method: string;
  readonly options: RequestOptions;
  #headers: HTTPHeaders | undefined;
  #encoded: EncodedBody | undefined = undefined;

  /** @internal Creates a request with a body that is already encoded. Its `options` must have none. */
  static encoded(url: string, options: RequestOptions, body: EncodedBody | undefined): HTTPRequest {
    const request = new HTTPRequest(url, options);
    request.#encoded = body;
    return request;
  }

  /** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if an option is unknown or a header must not be sent. */
  constructor(url: string | URL, options: RequestOptions = NO_OPTIONS) {
    if (options !== NO_OPTIONS) {
      refuseMisplaced('fetch', options, REQUEST_OPTIONS, 'tls');
      clientChecks.options('fetch', options, REQUEST_OPTIONS);
      if (options.basicAuth !== undefined) clientChecks.options('basicAuth', options.basicAuth, AUTH_OPTIONS);
      if (options.digestAuth !== undefined)
        clientChecks.options('digestAuth', options.digestAuth, AUTH_OPTIONS);
      if (options.basicAuth !== undefined && options.digestAuth !== undefined)
        throw new HTTPClientUsageError(
          'ERR_HTTPCLIENT_USAGE',
          'fetch: only one of basicAuth and digestAuth may be set',
        );
    }
    this.url = typeof url === 'string' ? url : String(url);
    this.method = options.method ?? 'GET';
    this.#headers = options.headers === undefined ? undefined : headersFrom(options.headers);
    this.options = options;
  }

  /** @internal The body that was passed to {@link encoded}. */
  get encodedBody(): EncodedBody | undefined {
    return this.#encoded;
  }

  /** The headers that were passed, without those that the client adds. */
  get headers(): HTTPHeaders {
    this.#headers ??= new HTTPHeaders();
    return this.#headers;
  }

  /** What `JSON.stringify` shows: neither headers nor options, which may be credentials. */
  toJSON(): object {
    return { method: this.method, url: maskedUrl(this.url) };
  }

  [INSPECT](): object {
    return inspection(this, ['method'], () => ({
      url: inspectedUrl(this.url),
      headers: this.headers,
      body: this.#encoded === undefined ? shownBody(this.options) : '(encoded)',
      options: undefined,
    }));
  }
}

/** Copies headers from any supported form. @throws HTTPClientUsageError */
export function headersFrom(init: HTTPHeadersInit): HTTPHeaders {
  try {
    return HTTPHeaders.from(init);
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, { cause: error });
  }
}

function shownBody({ body, json, bodyProducer }: RequestOptions): unknown {
  if (json !== undefined) return '(JSON)';
  if (bodyProducer !== undefined) return '(produced)';
  if (body === undefined) return undefined;
  if (typeof body === 'string') return inspectedBytes({ length: Buffer.byteLength(body) });
  return body instanceof Uint8Array ? inspectedBytes(body) : '(streamed)';
}
