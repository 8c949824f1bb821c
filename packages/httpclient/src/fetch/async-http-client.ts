// One fetch from the call to its end: checks, timeouts, retries, and the errors that the caller gets. How bytes become
// HTTP is the task of http1.

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
  /** Limit for all connections. Default: 100. */
  readonly maxConnections?: number;
  /** Limit for the connections to one origin. Default: 10, as Tornado's `max_clients`. */
  readonly maxConnectionsPerOrigin?: number;
  /** Limit for the requests that wait for a connection. Default: 10,000; 0: no request waits. */
  readonly maxQueued?: number;
  /**
   * How long an idle connection is kept for the next request; it may be closed up to half a second later. 0: no
   * connection is reused. Default: 4 s, which is less than the 5 s after which common servers close theirs, so that a
   * request rarely meets a connection that the server is closing.
   */
  readonly idleTimeoutMs?: number;
  /** Limits for the response head and framing. Bodies are limited by `maxBodyBytes` of each request. */
  readonly limits?: Partial<Omit<Http1Limits, 'maxBodyBytes'>>;
  /**
   * Resolves host names. Default: the resolver of the system. An `OverrideResolver` directs names to other addresses.
   */
  readonly resolver?: Resolver;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Used for options that a request does not set. */
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
   * Returns a client that all code of this thread may share. It is created by the first call, and created anew if it
   * was closed.
   */
  static current(): AsyncHTTPClient {
    if (shared === undefined || shared.#closed) shared = new AsyncHTTPClient();
    return shared;
  }

  /** @throws HTTPClientUsageError if an option is invalid; Http1UsageError `ERR_HTTP1_LIMIT` if a limit is. */
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

  /** Requests that wait for a connection. */
  get queuedCount(): number {
    return this.#pool.queuedCount;
  }

  /** Open connections that are idle. */
  get idleCount(): number {
    return this.#pool.idleCount;
  }

  /**
   * Sends one request and resolves to the complete response. Calls may run concurrently; requests beyond the limits of
   * the pool wait in the order of the calls.
   *
   * If a reused connection ends before a byte of the response was received, the request is sent once more on a new
   * connection, provided that it is idempotent or none of it was sent (RFC 9110 §9.2.2).
   *
   * @param url - absolute, with http or https; user information is used for basic authentication. Or a complete
   *   request.
   * @param options - must be left out with an {@link HTTPRequest}, which has its own.
   * @throws HTTPClientError if the status is not 2xx (redirects and 304 included), unless `raiseError` is false; its
   *   subclasses if there is no response. HTTPClientUsageError if the request is invalid; the reason of `signal`; the
   *   error of `onData`, `onHead` or the body. The connection is then closed, or back in the pool.
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
   * Aborts all requests with `ERR_HTTPCLIENT_STOPPED` and closes all connections. Resolves when all are closed. Later
   * calls of `fetch` reject.
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
      // An error with a response is created within this chain of awaits, so its stack already names the caller.
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
