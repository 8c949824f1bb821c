// This room knows one fetch from the call to its end: checks, timeouts, repeats, and the errors that a caller sees. It does not
// know how bytes become HTTP, which http1 does.

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
  /** Most connections in all. Default 100. */
  readonly maxConnections?: number;
  /** Most connections to one origin. Default 10, as Tornado's `max_clients`. */
  readonly maxConnectionsPerOrigin?: number;
  /** Most requests that wait for a connection. Default 10,000; 0: none waits. */
  readonly maxQueued?: number;
  /**
   * How long a connection waits for its next request. Default 4 s, noticed up to half a second late: less than the
   * 5 s after which common servers close theirs, so that a request rarely meets a connection that is being closed.
   * 0: no connection is used twice.
   */
  readonly idleTimeoutMs?: number;
  /** Limits of what the peer may send. Bodies are limited by `maxBodyBytes` of each request. */
  readonly limits?: Partial<Omit<Http1Limits, 'maxBodyBytes'>>;
  /** Default: the system's. An `OverrideResolver` sends names elsewhere. */
  readonly resolver?: Resolver;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** What requests leave open. */
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
 * Fetches over HTTP/1.1 and HTTPS, and keeps connections for the next request.
 *
 * Redirects are not followed, and nothing is decompressed: no Accept-Encoding is sent.
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

  /** The client that all of this thread may share, made at the first call and again after it was closed. */
  static current(): AsyncHTTPClient {
    if (shared === undefined || shared.#closed) shared = new AsyncHTTPClient();
    return shared;
  }

  /** @throws HTTPClientUsageError, or Http1UsageError `ERR_HTTP1_LIMIT`, for options that cannot be. */
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

  /** Open connections that wait for a request. */
  get idleCount(): number {
    return this.#pool.idleCount;
  }

  /**
   * Sends one request and waits for the whole answer. Any number may run at once; those beyond the limits of the
   * pool wait in order of arrival.
   *
   * A request on a connection that was used before, and that ends before a byte of the answer, is sent once more
   * on a fresh one, if it is idempotent or none of it was sent (RFC 9110 §9.2.2).
   *
   * @param url - absolute, http or https; user information becomes basic authentication. Or a whole request.
   * @param options - not together with an {@link HTTPRequest}, which has its own.
   * @throws HTTPClientError for a status that is not 2xx (redirects and 304 too), unless `raiseError` is false, and
   *   its subclasses for all that leaves no answer; HTTPClientUsageError for what cannot be requested; the reason of
   *   `signal`; what `onData`, `onHead` or the body threw. The connection is then closed, or back in the pool.
   */
  async fetch(url: string | URL | HTTPRequest, options?: RequestOptions): Promise<HTTPResponse> {
    if (url instanceof HTTPRequest && options !== undefined) {
      throw new HTTPClientUsageError(
        'ERR_HTTPCLIENT_USAGE',
        'fetch: options go into the request, not beside it',
      );
    }
    if (this.#closed) throw stopped('fetch: the client is closed');
    const request = url instanceof HTTPRequest ? url : new HTTPRequest(url, options);
    const prepared = boundToCaller(prepareRequest(request, this.#defaults));
    return await this.#run(prepared);
  }

  /**
   * Ends all requests with `ERR_HTTPCLIENT_STOPPED`, and closes all connections. Resolves when none is open. What
   * is fetched afterwards is refused.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const reason = stopped('the client was closed before the answer was complete');
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
      // A response that came is reported where `fetch` is awaited already.
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
