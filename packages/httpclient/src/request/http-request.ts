// The request/ folder holds the requests that a caller can make, and the bodies that can be sent. It does not handle
// connections or responses.

import type { ResponseHead } from '@landspout/http1';
import { HTTPHeaders, type HTTPHeadersInit, Http1UsageError } from '@landspout/http1';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedBytes, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import type { TlsClientOptions } from '@landspout/iostream';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/**
 * A body to send. Text is sent as UTF-8; the chunks of an iterable are sent one by one, as fast as the server reads.
 */
export type RequestBody = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface BasicAuth {
  /** Must not contain a colon (RFC 7617 §2). */
  readonly username: string;
  readonly password: string;
}

export type ClientTlsOptions = TlsClientOptions;

/** Options that can also be set on a client, for all its requests. */
export interface RequestDefaults {
  /**
   * Request headers. The headers in the defaults of an {@link AsyncHTTPClient} are added to each request, except those
   * that the request itself sets.
   */
  readonly headers?: HTTPHeadersInit;
  /**
   * Maximum time for waiting in the queue, and separately for name resolution, connecting and TLS together. 0 means no
   * limit. Default: 20 s.
   */
  readonly connectTimeoutMs?: number;
  /** Maximum time from leaving the queue to the last byte of the response. 0 means no limit. Default: 20 s. */
  readonly requestTimeoutMs?: number;
  /** Maximum size of the response body as received, in bytes; also applies with `onData`. Default: 100 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether `fetch` rejects with HTTPClientError if the status is not 2xx. Default: true. */
  readonly raiseError?: boolean;
  /** The User-Agent header; '' to send none. Default: `Landspout`. */
  readonly userAgent?: string;
  /**
   * TLS options for https. Requests share connections only if they use the same options object, so create the object
   * once.
   */
  readonly tls?: ClientTlsOptions;
  /** Connects only to addresses of this family. Default: both. */
  readonly family?: 4 | 6;
}

export interface RequestOptions extends RequestDefaults {
  /** Default: `GET`. */
  readonly method?: string;
  /** Required for POST, PUT and PATCH, but may be empty; other methods must not have a body. */
  readonly body?: RequestBody;
  /**
   * Allows methods other than GET, HEAD, DELETE, OPTIONS, POST, PUT and PATCH. Every method may then have a body or
   * none. Default: false.
   */
  readonly allowNonstandardMethods?: boolean;
  /** Credentials, used instead of user information in the URL. */
  readonly basicAuth?: BasicAuth;
  readonly ifModifiedSince?: Date;
  /** Aborts the request in any phase. `fetch` rejects with the reason of the signal, and the connection is closed. */
  readonly signal?: AbortSignal;
  /**
   * Called with the head of the response. If it returns a promise, the body is not read until the promise settles. If
   * it throws or rejects, the request is aborted and `fetch` rejects with that error.
   */
  readonly onHead?: (head: ResponseHead) => void | PromiseLike<void>;
  /**
   * Called with each chunk of the body as it arrives, also if the status is not 2xx. The `body` of the response is then
   * empty. The chunks are owned by the callback. If it returns a promise, no more is read until the promise settles. If
   * it throws or rejects, the request is aborted and `fetch` rejects with that error.
   */
  readonly onData?: (chunk: Uint8Array) => void | PromiseLike<void>;
}

/** The names of all {@link RequestDefaults}. */
export const DEFAULTS_OPTIONS: OptionNames<RequestDefaults> = {
  headers: true,
  connectTimeoutMs: true,
  requestTimeoutMs: true,
  maxBodyBytes: true,
  raiseError: true,
  userAgent: true,
  tls: true,
  family: true,
};
const REQUEST_OPTIONS: OptionNames<RequestOptions> = {
  ...DEFAULTS_OPTIONS,
  method: true,
  body: true,
  allowNonstandardMethods: true,
  basicAuth: true,
  ifModifiedSince: true,
  signal: true,
  onHead: true,
  onData: true,
};
const AUTH_OPTIONS: OptionNames<BasicAuth> = { username: true, password: true };

/** One request for `fetch`. It is immutable, so it may be passed to `fetch` any number of times. */
export class HTTPRequest {
  readonly url: string;
  readonly method: string;
  /** The headers that were passed, without those that the client adds. */
  readonly headers: HTTPHeaders;
  readonly options: RequestOptions;

  /** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if an option is unknown or a header must not be sent. */
  constructor(url: string | URL, options: RequestOptions = {}) {
    clientChecks.options('fetch', options, REQUEST_OPTIONS);
    if (options.basicAuth !== undefined) clientChecks.options('basicAuth', options.basicAuth, AUTH_OPTIONS);
    this.url = String(url);
    this.method = options.method ?? 'GET';
    this.headers = headersFrom(options.headers ?? []);
    this.options = options;
  }

  [INSPECT](): object {
    return inspection(this, ['method'], () => ({
      url: inspectedUrl(this.url),
      headers: this.headers,
      body: shownBody(this.options.body),
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

function shownBody(body: RequestBody | undefined): unknown {
  if (body === undefined) return undefined;
  if (typeof body === 'string') return inspectedBytes({ length: Buffer.byteLength(body) });
  return body instanceof Uint8Array ? inspectedBytes(body) : '(streamed)';
}
