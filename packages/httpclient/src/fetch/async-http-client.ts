// The fetch/ folder runs one fetch from the call to its end: checks, timeouts, retries, and the errors that the caller
// gets. Encoding and decoding of HTTP is the task of http1.

import type { Http1Limits } from '@landspout/http1';
import { ResponseDecoder } from '@landspout/http1/protocol';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { withCallerStack } from '@landspout/ioloop/reactor';
import { type IOStream, type Resolver, TCPClient } from '@landspout/iostream';
import { HTTPClientError, HTTPStreamClosedError } from '../errors.ts';
import { ConnectionPool } from '../pool/connection-pool.ts';
import type { Origin } from '../pool/origin.ts';
import {
  DEFAULTS_OPTIONS,
  HTTPRequest,
  headersFrom,
  type RequestDefaults,
  type RequestOptions,
} from '../request/http-request.ts';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';
import type { HTTPResponse } from '../response/http-response.ts';
import { boundToCaller, FetchOperation } from './fetch-operation.ts';
import { type PreparedRequest, prepareRequest } from './prepared-request.ts';

export interface AsyncHTTPClientOptions {
  /** Maximum number of connections. Default: 100. */
  readonly maxConnections?: number;
  /** Maximum number of connections to one origin. Default: 10, like Tornado's `max_clients`. */
  readonly maxConnectionsPerOrigin?: number;
  /** Maximum number of requests that wait for a connection. 0 means that no request may wait. Default: 10,000. */
  readonly maxQueued?: number;
  /**
   * How long an idle connection is kept for the next request; it may be closed up to half a second later. 0 means that
   * no connection is reused. Default: 4 s. Common servers close idle connections after 5 s, so a request is rarely sent
   * on a connection that the server is closing.
   */
  readonly idleTimeoutMs?: number;
  /** Limits for the head and framing of responses. Bodies are limited by the `maxBodyBytes` of each request. */
  readonly limits?: Partial<Omit<Http1Limits, 'maxBodyBytes'>>;
  /**
   * Resolves host names. An `OverrideResolver` can map names to other addresses. Default: the resolver of the system.
   */
  readonly resolver?: Resolver;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Values for options that a request does not set. */
  readonly defaults?: RequestDefaults;
}

const CLIENT_OPTIONS: OptionNames<AsyncHTTPClientOptions> = {
  maxConnections: true,
  maxConnectionsPerOrigin: true,
  maxQueued: true,
  idleTimeoutMs: true,
  limits: true,
  resolver: true,
  loop: true,
  defaults: true,
};
const LIMITS: OptionNames<NonNullable<AsyncHTTPClientOptions['limits']>> = {
  maxHeadBytes: true,
  maxHeaders: true,
  maxChunkExtensionBytes: true,
  maxTrailerBytes: true,
  maxInterimResponses: true,
};

let shared: AsyncHTTPClient | undefined;

/**
 * Sends requests over HTTP/1.1 and HTTPS, and reuses connections.
 *
 * Redirects are not followed. Bodies are not decompressed, and no Accept-Encoding is sent.
 *
 * @example
 * await using client = new AsyncHTTPClient();
 * const response = await client.fetch('https://example.com/');
 * console.log(response.status, response.text());
 */
export class AsyncHTTPClient {
  readonly #pool: ConnectionPool;
  readonly #tcp: TCPClient;
  readonly #loop: IOLoop;
  readonly #defaults: RequestDefaults;
  readonly #operations = new Set<FetchOperation>();
  #closed = false;

  /**
   * Returns a client that all code of this thread may share. The client is created by the first call, and by the first
   * call after it was closed.
   */
  static current(): AsyncHTTPClient {
    if (shared === undefined || shared.#closed) shared = new AsyncHTTPClient();
    return shared;
  }

  /** @throws HTTPClientUsageError if an option is invalid; Http1UsageError `ERR_HTTP1_LIMIT` if a limit is invalid. */
  constructor(options: AsyncHTTPClientOptions = {}) {
    clientChecks.options('AsyncHTTPClient', options, CLIENT_OPTIONS);
    const { limits = {}, resolver, defaults = {} } = options;
    clientChecks.options('defaults', defaults, DEFAULTS_OPTIONS);
    clientChecks.options('limits', limits, LIMITS);
    this.#loop = options.loop ?? IOLoop.current();
    this.#defaults =
      defaults.headers === undefined
        ? { ...defaults }
        : { ...defaults, headers: headersFrom(defaults.headers) };
    new ResponseDecoder(limits);
    const idleTimeoutMs = options.idleTimeoutMs ?? 4_000;
    clientChecks.durationMs('AsyncHTTPClient', 'idleTimeoutMs', idleTimeoutMs);
    const settings = {
      maxConnections: clientChecks.wholeNumber(
        'AsyncHTTPClient',
        'maxConnections',
        options.maxConnections ?? 100,
        1,
      ),
      maxConnectionsPerOrigin: clientChecks.wholeNumber(
        'AsyncHTTPClient',
        'maxConnectionsPerOrigin',
        options.maxConnectionsPerOrigin ?? 10,
        1,
      ),
      maxQueued: clientChecks.wholeNumber('AsyncHTTPClient', 'maxQueued', options.maxQueued ?? 10_000),
      idleTimeoutMs,
      limits,
    };
    this.#pool = new ConnectionPool(settings, this.#loop);
    this.#tcp = new TCPClient(resolver === undefined ? { loop: this.#loop } : { loop: this.#loop, resolver });
  }

  /** The number of requests that wait for a connection. */
  get queuedCount(): number {
    return this.#pool.queuedCount;
  }

  /** The number of open connections that are idle. */
  get idleCount(): number {
    return this.#pool.idleCount;
  }

  /**
   * Sends one request and resolves to the complete response. Calls may run concurrently; requests beyond the limits of
   * the pool wait in the order of the calls.
   *
   * If a reused connection ends before any byte of the response is received, the request is sent once more on a new
   * connection, but only if the request is idempotent or no byte of it was sent (RFC 9110 §9.2.2).
   *
   * @param url - an absolute http or https URL, whose user information is used for basic authentication; or a complete
   *   {@link HTTPRequest}.
   * @param options - must be omitted for an {@link HTTPRequest}, which has its own options.
   * @throws HTTPClientError if the status is not 2xx (redirects and 304 included), unless `raiseError` is false; its
   *   subclasses if there is no response. HTTPClientUsageError if the request is invalid; the reason of `signal`; the
   *   error of `onData`, `onHead` or the body. In all cases, the connection is closed or returned to the pool.
   */
  async fetch(url: string | URL | HTTPRequest, options?: RequestOptions): Promise<HTTPResponse> {
    if (url instanceof HTTPRequest && options !== undefined) {
      throw new HTTPClientUsageError(
        'ERR_HTTPCLIENT_USAGE',
        'fetch: options must be passed to the HTTPRequest, not to fetch',
      );
    }
    if (this.#closed) throw stopped('fetch: the client is closed');
    const request = url instanceof HTTPRequest ? url : new HTTPRequest(url, options);
    const prepared = boundToCaller(prepareRequest(request, this.#defaults));
    return await this.#run(prepared);
  }

  /**
   * Aborts all requests with `ERR_HTTPCLIENT_STOPPED` and closes all connections. Resolves when all connections are
   * closed. Later calls of `fetch` reject.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const reason = stopped('the client was closed before the response was complete');
    for (const operation of this.#operations) operation.stop(reason);
    await this.#pool.close(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['queuedCount', 'idleCount'], () => ({
      running: this.#operations.size,
      isClosed: this.#closed,
    }));
  }

  async #run(prepared: PreparedRequest): Promise<HTTPResponse> {
    const dial = (origin: Origin, signal: AbortSignal): Promise<IOStream> => this.#connect(origin, signal);
    const operation = new FetchOperation(prepared, this.#pool, dial, this.#loop.clock);
    this.#operations.add(operation);
    try {
      return await operation.run();
    } catch (error) {
      // An error with a response is created within this chain of awaits, so its stack already contains the caller.
      throw error instanceof HTTPClientError && error.response !== undefined ? error : withCallerStack(error);
    } finally {
      this.#operations.delete(operation);
    }
  }

  #connect(origin: Origin, signal: AbortSignal): Promise<IOStream> {
    const { host, port, family, secure, tls } = origin;
    return this.#tcp.connect({
      host,
      port,
      signal,
      timeoutMs: 0,
      ...(family === undefined ? {} : { family }),
      ...(secure ? { tls: tls ?? true } : {}),
    });
  }
}

function stopped(message: string): HTTPStreamClosedError {
  return new HTTPStreamClosedError('ERR_HTTPCLIENT_STOPPED', message);
}
