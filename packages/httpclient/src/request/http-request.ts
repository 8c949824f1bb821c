// What a caller may request, and the bodies that can be sent. Does not know connections or responses.

import type { ResponseHead } from '@landspout/http1';
import { HTTPHeaders, type HTTPHeadersInit, Http1UsageError } from '@landspout/http1';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedBytes, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import type { TlsClientOptions } from '@landspout/iostream';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/** A body to send: text is sent as UTF-8; an iterable chunk by chunk, as fast as the server reads. */
export type RequestBody = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface BasicAuth {
  /** Without a colon (RFC 7617 §2). */
  readonly username: string;
  readonly password: string;
}

export type ClientTlsOptions = TlsClientOptions;

/** Options that can also be set on a client, for all its requests. */
export interface RequestDefaults {
  /**
   * Request headers. Those of an {@link AsyncHTTPClient} are added to each request, unless the request sets the same
   * header.
   */
  readonly headers?: HTTPHeadersInit;
  /**
   * Limit for waiting in the queue, and again for name resolution, connecting and TLS together; 0: no limit. Default:
   * 20 s.
   */
  readonly connectTimeoutMs?: number;
  /** Limit from leaving the queue to the last byte of the response; 0: no limit. Default: 20 s. */
  readonly requestTimeoutMs?: number;
  /** Limit for the body of the response, counted as it arrives, also with `onData`. Default: 100 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether a response whose status is not 2xx rejects with HTTPClientError. Default: true. */
  readonly raiseError?: boolean;
  /** The User-Agent header; '' sends none. Default: `Landspout`. */
  readonly userAgent?: string;
  /** TLS options for https. Only requests with the same object share connections, so create it once. */
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
   * Allows methods other than GET, HEAD, DELETE, OPTIONS, POST, PUT and PATCH, and any method with or without a body.
   * Default: false.
   */
  readonly allowNonstandardMethods?: boolean;
  /** Credentials, used instead of user information in the URL. */
  readonly basicAuth?: BasicAuth;
  readonly ifModifiedSince?: Date;
  /** Aborts the request in any phase. The promise rejects with the reason of the signal, and nothing stays open. */
  readonly signal?: AbortSignal;
  /**
   * Called with the head of the response, before its body, which is not read until a returned promise settles. If it
   * throws or rejects, the request is aborted and `fetch` rejects with that error.
   */
  readonly onHead?: (head: ResponseHead) => void | PromiseLike<void>;
  /**
   * Called with each chunk of the body as it arrives, also if the status is not 2xx; the body of the response is then
   * empty. The chunks are owned by the callback. No more is read until a returned promise settles. If it throws or
   * rejects, the request is aborted and `fetch` rejects with that error.
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

/** One request for `fetch`. It is immutable, so it may be fetched any number of times. */
export class HTTPRequest {
  readonly url: string;
  readonly method: string;
  /** The headers that were passed; those added by the client are not included. */
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
