// This room knows what a caller may ask for, and the bodies that can be sent. It does not know connections or responses.

import type { ResponseHead } from '@landspout/http1';
import { HTTPHeaders, type HTTPHeadersInit, Http1UsageError } from '@landspout/http1';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedBytes, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import type { TlsClientOptions } from '@landspout/iostream';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/** A body to send: text goes out as UTF-8; an iterable chunk by chunk, as fast as the peer takes it. */
export type RequestBody = string | Uint8Array | AsyncIterable<Uint8Array>;

export interface BasicAuth {
  /** Without a colon (RFC 7617 §2). */
  readonly username: string;
  readonly password: string;
}

export type ClientTlsOptions = TlsClientOptions;

/** What may also be given to a client, for all its requests. */
export interface RequestDefaults {
  /** For {@link AsyncHTTPClient} they go under the headers of each request. */
  readonly headers?: HTTPHeadersInit;
  /** Most milliseconds in the queue, and then again for name, network and TLS. Default 20 s; 0: no limit. */
  readonly connectTimeoutMs?: number;
  /** Most milliseconds from leaving the queue to the last byte of the answer. Default 20 s; 0: no limit. */
  readonly requestTimeoutMs?: number;
  /** Most bytes of the answer's body, counted as they come, with `onData` too. Default 100 MiB. */
  readonly maxBodyBytes?: number;
  /** Whether an answer that is not 2xx rejects with HTTPClientError. Default true. */
  readonly raiseError?: boolean;
  /** Default `Landspout`; '' sends none. */
  readonly userAgent?: string;
  /** For https. Connections are shared only by requests with the same object, so make it once. */
  readonly tls?: ClientTlsOptions;
  /** Only addresses of one family. Default: both. */
  readonly family?: 4 | 6;
}

export interface RequestOptions extends RequestDefaults {
  /** Default `GET`. */
  readonly method?: string;
  /** POST, PUT and PATCH need one, which may be empty; other methods must not have one. */
  readonly body?: RequestBody;
  /** Also takes methods that HTTP does not define, and any method with or without a body. Default false. */
  readonly allowNonstandardMethods?: boolean;
  /** Takes the place of user information in the URL. */
  readonly basicAuth?: BasicAuth;
  readonly ifModifiedSince?: Date;
  /** Ends the request wherever it stands. The promise rejects with the signal's reason, and nothing stays open. */
  readonly signal?: AbortSignal;
  /**
   * Called with the head of the response before its body, which is not read until a returned promise settles. A throw or
   * rejection ends the request and is what `fetch` rejects with.
   */
  readonly onHead?: (head: ResponseHead) => void | PromiseLike<void>;
  /**
   * Takes the body as it comes, also that of an answer that is an error. No more is read until its promise
   * settles; a throw or rejection ends the request and is what `fetch` rejects with. The chunks are yours.
   */
  readonly onData?: (chunk: Uint8Array) => void | PromiseLike<void>;
}

/** The names that {@link RequestDefaults} may have. */
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

/** One request that can be fetched. It is never changed, so it may be fetched many times. */
export class HTTPRequest {
  readonly url: string;
  readonly method: string;
  /** The headers that were given; what the client adds is not among them. */
  readonly headers: HTTPHeaders;
  readonly options: RequestOptions;

  /** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` for options that are not known, and headers that must not reach the wire. */
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

/** Copies headers, whatever they are made of. @throws HTTPClientUsageError */
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
