// The fetch/ folder runs one fetch from the call to its end: checks, timeouts, retries, and the errors that the caller
// gets. Encoding and decoding of HTTP is the task of http1.

import type { Http1Limits } from '@landspout/http1';
import { ResponseDecoder } from '@landspout/http1/protocol';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { withCallerStack } from '@landspout/ioloop/reactor';
import { CachingResolver, type Resolver, SystemResolver } from '@landspout/iostream';
import { ProtectionSpaces } from '../auth/protection-spaces.ts';
import { HTTPClientError, HTTPStreamClosedError } from '../errors.ts';
import { EventSource } from '../event-source/event-source.ts';
import { ConnectionPool } from '../pool/connection-pool.ts';
import {
  DEFAULTS_OPTIONS,
  HTTPRequest,
  headersFrom,
  NO_OPTIONS,
  type RequestDefaults,
  type RequestOptions,
} from '../request/http-request.ts';
import { refuseMisplaced } from '../request/misplaced-options.ts';
import { checkTls } from '../request/tls-check.ts';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';
import type { HTTPResponse } from '../response/http-response.ts';
import type { HTTPStreamedResponse } from '../response/http-streamed-response.ts';
import { toFetch } from '../web-fetch/to-fetch.ts';
import { type Connect, Dialer } from './dialer.ts';
import { type ClientEventSourceOptions, openerOf } from './event-stream-opener.ts';
import { FetchOperation, type FetchResults, type FetchServices } from './fetch-operation.ts';
import { type FetchSettings, settingsOf } from './fetch-settings.ts';
import { HopBuilder } from './hop.ts';
import type { CookieJar } from './hop-credentials.ts';

export interface AsyncHTTPClientOptions {
  /** Maximum number of connections. Default: 100. */
  readonly maxConnections?: number;
  /** Maximum number of connections to one origin. Default: 10, like Tornado's `max_clients`. */
  readonly maxConnectionsPerOrigin?: number;
  /** Maximum number of requests that wait for a connection. 0 means that no request may wait. Default: 10,000. */
  readonly maxQueued?: number;
  /**
   * How many requests may be under way on one connection at a time (pipelining, RFC 9112 §9.3.2). Only requests with an
   * idempotent method and no body are pipelined, and only if no connection is free and no other may be opened. A slow
   * response holds up those after it, and if one is aborted, the others are sent again on another connection. Default:
   * 1, no pipelining.
   */
  readonly pipelining?: number;
  /**
   * How long an idle connection is kept for the next request; it may be closed up to half a second later. 0 means that
   * no connection is reused. Default: 4 s. Common servers close idle connections after 5 s, so a request is rarely sent
   * on a connection that the server is closing.
   */
  readonly idleTimeoutMs?: number;
  /**
   * How long a connection may be used; after that, it is closed as soon as it is idle. 0 means no limit. Default: 0.
   */
  readonly maxConnectionAgeMs?: number;
  /** Limits for the head and framing of responses. Bodies are limited by the `maxBodyBytes` of each request. */
  readonly limits?: Partial<Omit<Http1Limits, 'maxBodyBytes'>>;
  /**
   * Resolves host names. An `OverrideResolver` can map names to other addresses. Default: the system's, with a
   * `CachingResolver`: a name is resolved again after 30 s.
   */
  readonly resolver?: Resolver;
  /**
   * Opens the connections, instead of the network: for tests, with a `MockTransport` or straight into a server of this
   * process. The options for resolving, connecting, TLS and proxies have no effect then.
   */
  readonly connect?: Connect;
  /**
   * Stores the cookies of responses, and adds them to later requests: for example a `CookieJar` of tough-cookie.
   * Default: none, so Set-Cookie is ignored.
   */
  readonly cookieJar?: CookieJar;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
  /** Values for options that a request does not set. */
  readonly defaults?: RequestDefaults;
}

/** What a client is doing, and what it has done since it was created. */
export interface HTTPClientStats {
  /** Connections that are open or being opened, idle ones included. */
  readonly connections: number;
  /** Open connections that are idle. */
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly queued: number;
  /** Origins that have a connection or a waiting request. */
  readonly origins: number;
  /** Connections that were opened. */
  readonly opened: number;
  /** Times that a connection was given to a request: redirects count separately. */
  readonly sent: number;
  /** How many of {@link sent} got a connection that was already open. */
  readonly reused: number;
  /** Fetches that ended with a complete response, whatever its status. */
  readonly responses: number;
  /** Fetches that ended without one. */
  readonly failures: number;
}

const CLIENT_OPTIONS: OptionNames<AsyncHTTPClientOptions> = {
  maxConnections: true,
  maxConnectionsPerOrigin: true,
  maxQueued: true,
  idleTimeoutMs: true,
  maxConnectionAgeMs: true,
  pipelining: true,
  limits: true,
  resolver: true,
  connect: true,
  cookieJar: true,
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

/** As in Node's fetch. */
const FETCH_HEADERS_TIMEOUT_MS = 300_000;

let shared: AsyncHTTPClient | undefined;

/**
 * Sends requests over HTTP/1.1 and HTTPS, and reuses connections.
 *
 * Follows redirects, decompresses bodies and repeats a request whose idle connection the server has just closed.
 *
 * @example
 * await using client = new AsyncHTTPClient();
 * const response = await client.fetch('https://example.com/');
 * console.log(response.status, response.text());
 */
export class AsyncHTTPClient {
  readonly #pool: ConnectionPool;
  readonly #loop: IOLoop;
  readonly #services: FetchServices;
  readonly #defaults: RequestDefaults;
  /** The settings of requests without options. */
  readonly #settings: FetchSettings;
  /** Whether connections are opened by this class, so that the options for them have an effect. */
  readonly #opensConnections: boolean;
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
    refuseMisplaced('AsyncHTTPClient', options, CLIENT_OPTIONS, 'defaults.tls', DEFAULTS_OPTIONS);
    clientChecks.options('AsyncHTTPClient', options, CLIENT_OPTIONS);
    const { limits = {}, resolver, defaults = {}, connect } = options;
    if (connect !== undefined) clientChecks.callback('AsyncHTTPClient', 'connect', connect);
    refuseMisplaced('defaults', defaults, DEFAULTS_OPTIONS, 'defaults.tls');
    clientChecks.options('defaults', defaults, DEFAULTS_OPTIONS);
    clientChecks.options('limits', limits, LIMITS);
    this.#loop = options.loop ?? IOLoop.current();
    this.#opensConnections = connect === undefined;
    if (defaults.tls !== undefined && this.#opensConnections)
      checkTls('AsyncHTTPClient: defaults', defaults.tls, this.#loop);
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
      maxConnectionAgeMs: clientChecks.durationMs(
        'AsyncHTTPClient',
        'maxConnectionAgeMs',
        options.maxConnectionAgeMs ?? 0,
      ),
      pipelining: clientChecks.wholeNumber('AsyncHTTPClient', 'pipelining', options.pipelining ?? 1, 1),
      limits,
    };
    this.#settings = settingsOf(NO_OPTIONS, this.#defaults);
    this.#pool = new ConnectionPool(settings, this.#loop);
    this.#services = {
      pool: this.#pool,
      hops: new HopBuilder(this.#defaults),
      clock: this.#loop.clock,
      dialer: new Dialer(
        this.#loop,
        resolver ?? new CachingResolver(new SystemResolver(), { clock: this.#loop.clock }),
        options.connect,
      ),
      cookieJar: options.cookieJar,
      spaces: new ProtectionSpaces(),
      unconnected: new Set(),
    };
  }

  /** The number of requests that wait for a connection. */
  get queuedCount(): number {
    return this.#pool.queuedCount;
  }

  /** The number of open connections that are idle. */
  get idleCount(): number {
    return this.#pool.idleCount;
  }

  /** Returns the current state of the client, and counts since it was created. The object does not change later. */
  stats(): HTTPClientStats {
    const { connectionCount, idleCount, queuedCount, originCount, counts } = this.#pool;
    return {
      connections: connectionCount,
      idle: idleCount,
      queued: queuedCount,
      origins: originCount,
      ...counts,
    };
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
   * @throws HTTPClientError if the status is not 2xx, such as 304 or a redirect that is not followed, unless
   *   `raiseError` is false; its subclasses if there is no complete response. HTTPClientUsageError if the request is
   *   invalid; the reason of `signal`; the error of `onData`, `onHead` or the body. In all cases, the connection is
   *   closed or returned to the pool.
   */
  async fetch(url: string | URL | HTTPRequest, options?: RequestOptions): Promise<HTTPResponse> {
    try {
      return await this.#start('complete', 'fetch', url, options);
    } catch (error) {
      // An error with a response is created within this chain of awaits, so its stack already contains the caller.
      throw error instanceof HTTPClientError && error.response !== undefined ? error : withCallerStack(error);
    }
  }

  /**
   * Like {@link fetch}, but resolves as soon as the head of the response has arrived; the body is read from the result.
   * If the status is not 2xx and `raiseError` is not false, rejects when the whole response has arrived.
   *
   * @throws as {@link fetch}. `onData` must not be set.
   */
  async stream(url: string | URL | HTTPRequest, options?: RequestOptions): Promise<HTTPStreamedResponse> {
    try {
      return await this.#start('streamed', 'stream', url, options);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  /**
   * Receives server-sent events, and connects again when the stream is lost. See {@link EventSource}.
   *
   * @param options.request - options of the requests, such as headers or a POST with a body. `headersTimeoutMs`, or
   *   `requestTimeoutMs` if that is 0, limits the wait for the head of each response; the stream itself is not limited.
   *   Its signal is ignored: set `options.signal`.
   * @throws HTTPClientUsageError if an option is unknown or invalid.
   * @example
   * for await (const { event, data } of client.eventSource('https://example.com/news')) console.log(event, data);
   */
  eventSource(url: string | URL, options: ClientEventSourceOptions = {}): EventSource {
    const { request = {}, ...sourceOptions } = options;
    if (request.signal !== undefined)
      throw new HTTPClientUsageError(
        'ERR_HTTPCLIENT_USAGE',
        'eventSource: signal must be an option of its own, not of request',
      );
    const open = openerOf(this, String(url), request, this.#defaults);
    return new EventSource({ open, clock: this.#loop.clock }, sourceOptions);
  }

  /**
   * Returns a function that libraries can use in place of `fetch`. It sends with this client: through its pool, and
   * with its limits and defaults. Because a body may be a stream that lasts for minutes, `requestTimeoutMs` is 0, no
   * limit, and `headersTimeoutMs` is 300 s, unless the defaults of the client set them.
   *
   * It behaves as the `fetch` of Node with these differences: `dispatcher` and `integrity` are refused with a
   * TypeError; only http and https URLs are fetched, on any port; and the headers of a response may be changed. A
   * failed request rejects with a TypeError whose `cause` is the error of this client, or with the reason of the
   * signal.
   *
   * @example
   * const openai = createOpenAI({ fetch: client.toFetch() });
   */
  toFetch(): typeof globalThis.fetch {
    const { requestTimeoutMs = 0, headersTimeoutMs = FETCH_HEADERS_TIMEOUT_MS } = this.#defaults;
    const defaults = { ...this.#defaults, requestTimeoutMs, headersTimeoutMs };
    return toFetch({ stream: (request) => this.#start('streamed', 'fetch', request, undefined, defaults) });
  }

  /**
   * Aborts all requests with `ERR_HTTPCLIENT_STOPPED` and closes all connections. Resolves when all connections are
   * closed. Later calls of `fetch` reject.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const reason = stopped('the client was closed before the response was complete');
    for (const operation of [...this.#services.unconnected]) operation.stop(reason);
    await this.#pool.close(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['queuedCount', 'idleCount'], () => ({
      connections: this.#pool.connectionCount,
      isClosed: this.#closed,
    }));
  }

  #start<Kind extends keyof FetchResults>(
    kind: Kind,
    operation: string,
    url: string | URL | HTTPRequest,
    options: RequestOptions | undefined,
    defaults = this.#defaults,
  ): Promise<FetchResults[Kind]> {
    if (url instanceof HTTPRequest && options !== undefined) {
      throw new HTTPClientUsageError(
        'ERR_HTTPCLIENT_USAGE',
        `${operation}: options must be passed to the HTTPRequest, not to ${operation}`,
      );
    }
    if (this.#closed) throw stopped(`${operation}: the client is closed`);
    const request = url instanceof HTTPRequest ? url : new HTTPRequest(url, options);
    const { tls } = request.options;
    if (tls !== undefined && this.#opensConnections) checkTls(operation, tls, this.#loop);
    if (kind === 'streamed' && request.options.onData !== undefined)
      throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', 'stream: onData must not be set');
    const settings = request.options === NO_OPTIONS ? this.#settings : settingsOf(request.options, defaults);
    const hop = this.#services.hops.first(request, settings);
    return new FetchOperation(request, settings, hop, this.#services, kind).start();
  }
}

function stopped(message: string): HTTPStreamClosedError {
  return new HTTPStreamClosedError('ERR_HTTPCLIENT_STOPPED', message);
}
