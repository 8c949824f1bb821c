import { AsyncResource } from 'node:async_hooks';
import { HTTPClosedError, Http1ProtocolError, Http1UsageError } from '@landspout/http1';
import type { ClientConnection } from '@landspout/http1/client';
import type { Clock, ClockTimer } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import {
  HTTPClientError,
  HTTPClientLimitError,
  HTTPConnectError,
  HTTPResponseProtocolError,
  HTTPStreamClosedError,
  HTTPTimeoutError,
  type TimeoutPhase,
} from '../errors.ts';
import type { ConnectionPool, PoolSlot } from '../pool/connection-pool.ts';
import type { Origin } from '../pool/origin.ts';
import { writeBody } from '../request/request-body.ts';
import { HTTPClientUsageError } from '../request/usage.ts';
import { HTTPResponse } from '../response/http-response.ts';
import { type CollectedResponse, ResponseCollector } from '../response/response-collector.ts';
import type { PreparedRequest } from './prepared-request.ts';

/**
 * Opens a connection: resolves the name, connects, and performs the TLS handshake.
 *
 * @throws the reason of `signal`, or the error that occurred.
 */
export type Dial = (origin: Origin, signal: AbortSignal) => Promise<IOStream>;

/** Idempotent methods: sending them twice has the same effect as sending them once (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/**
 * One fetch, from the queue to its response. A timeout, the caller's signal and closing the client all abort one
 * AbortController; other failures reject directly. After the end, the connection is closed or back in the pool.
 */
export class FetchOperation {
  readonly #prepared: PreparedRequest;
  readonly #pool: ConnectionPool;
  readonly #dial: Dial;
  readonly #clock: Clock;
  /** Aborts everything that is in progress. `fetch` rejects with the abort reason. */
  readonly #controller = new AbortController();
  readonly #calledAt: number;
  #timer: ClockTimer | undefined;
  /**
   * Times at which the request left the queue, was sent, and received its response headers; and the time spent
   * connecting.
   */
  #startedAt = 0;
  #connectMs = 0;
  #sentAt = 0;
  #headAt = 0;

  constructor(prepared: PreparedRequest, pool: ConnectionPool, dial: Dial, clock: Clock) {
    this.#prepared = prepared;
    this.#pool = pool;
    this.#dial = dial;
    this.#clock = clock;
    this.#calledAt = clock.now();
  }

  /** Runs the fetch to its end. Must be called once. */
  async run(): Promise<HTTPResponse> {
    const { origin, signal } = this.#prepared;
    signal?.throwIfAborted();
    const stopListening = onAbort(signal, (reason) => this.stop(reason));
    try {
      this.#allow('queue', this.#connectLimitMs);
      const slot = await this.#pool.acquire(origin, this.#controller.signal);
      try {
        return await this.#useSlot(slot);
      } finally {
        slot.release();
      }
    } finally {
      this.#timer?.cancel();
      stopListening();
    }
  }

  /** Aborts the fetch in any phase; it rejects with `reason`. */
  stop(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /**
   * The limit for waiting in the queue, and separately for connecting: the shorter of `connectTimeoutMs` and
   * `requestTimeoutMs`. A timeout of 0 means no limit.
   */
  get #connectLimitMs(): number {
    const { connectTimeoutMs, requestTimeoutMs } = this.#prepared;
    if (connectTimeoutMs === 0 || requestTimeoutMs === 0) return connectTimeoutMs + requestTimeoutMs;
    return Math.min(connectTimeoutMs, requestTimeoutMs);
  }

  async #useSlot(slot: PoolSlot): Promise<HTTPResponse> {
    const { signal } = this.#controller;
    signal.throwIfAborted();
    this.#startedAt = this.#clock.now();
    let reused = slot.connection;
    // The connection may have ended after it was taken from the pool.
    if (reused?.isIdle === false) {
      slot.forget();
      reused = undefined;
    }
    const sentBefore = reused?.stream.bytesSent ?? 0;
    try {
      return this.#judge(await this.#exchange(reused ?? (await this.#connect(slot))));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (reused === undefined || !this.#mayRepeat(error, reused, sentBefore)) throw this.#translate(error);
    }
    // The server closed the idle connection while the request was being sent. The request did not cause this, so it may
    // be sent again.
    slot.forget();
    try {
      return this.#judge(await this.#exchange(await this.#connect(slot)));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#translate(error);
    }
  }

  async #connect(slot: PoolSlot): Promise<ClientConnection> {
    const { signal } = this.#controller;
    const { origin, effectiveUrl } = this.#prepared;
    const from = this.#clock.now();
    this.#allow('connect', this.#connectLimitMs);
    let stream: IOStream;
    try {
      stream = await this.#dial(origin, signal);
    } catch (error) {
      throw connectFailure(error, effectiveUrl);
    }
    if (signal.aborted) {
      stream.close();
      throw signal.reason;
    }
    this.#connectMs += this.#clock.now() - from;
    return slot.adopt(stream);
  }

  async #exchange(connection: ClientConnection): Promise<CollectedResponse> {
    const { wire, body, onData, onHead, requestTimeoutMs } = this.#prepared;
    const { signal } = this.#controller;
    const spentMs = this.#clock.now() - this.#startedAt;
    this.#allow('request', requestTimeoutMs === 0 ? 0 : Math.max(1, requestTimeoutMs - spentMs));
    const stopListening = onAbort(signal, (reason) => connection.abort(abortError(reason)));
    try {
      const exchange = new Promise<CollectedResponse>((complete, failed) => {
        const headReceived = (head: CollectedResponse['head']): void | PromiseLike<void> => {
          this.#headAt = this.#clock.now();
          return onHead?.(head);
        };
        connection.begin(wire, new ResponseCollector({ headReceived, onData, complete, failed }));
      });
      this.#sentAt = this.#clock.now();
      // If writing fails, the exchange is aborted, unless it has already failed or received its response.
      writeBody(connection, body, exchange).catch((error) => connection.abort(abortError(error)));
      return await exchange;
    } finally {
      stopListening();
    }
  }

  /** Returns the response. If its status is not 2xx, throws an error with the response, unless `raiseError: false`. */
  #judge({ head, body }: CollectedResponse): HTTPResponse {
    const { request, effectiveUrl, raiseError } = this.#prepared;
    const { status, reason, headers } = head;
    const timings = {
      queueMs: this.#startedAt - this.#calledAt,
      connectMs: this.#connectMs,
      firstByteMs: this.#headAt - this.#sentAt,
      totalMs: this.#clock.now() - this.#calledAt,
    };
    const response = new HTTPResponse({ request, effectiveUrl, status, reason, headers, body, timings });
    if (response.ok || !raiseError) return response;
    throw new HTTPClientError('ERR_HTTPCLIENT_STATUS', `${status} ${reason}`.trimEnd(), { response });
  }

  /**
   * Whether to send the request once more. Three conditions must be met: the reused connection ended before any byte of
   * the response was received; the body can be sent again; and the method is idempotent, or no byte of the request
   * reached the kernel.
   */
  #mayRepeat(error: unknown, connection: ClientConnection, sentBefore: number): boolean {
    if (!(error instanceof HTTPClosedError) || connection.responseBegun) return false;
    const { wire, body } = this.#prepared;
    if (body.kind === 'chunks') return false;
    return IDEMPOTENT.has(wire.method) || connection.stream.bytesSent === sentBefore;
  }

  #translate(error: unknown): unknown {
    return exchangeFailure(error, this.#prepared.wire.maxBodyBytes ?? 0);
  }

  /** Replaces the current deadline; 0 means none. */
  #allow(phase: TimeoutPhase, limitMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (limitMs === 0) return;
    const { requestTimeoutMs } = this.#prepared;
    const named = phase === 'request' ? requestTimeoutMs : limitMs;
    this.#timer = this.#clock.setTimeout(() => this.stop(new HTTPTimeoutError(phase, named)), limitMs);
  }
}

/**
 * Converts a reason to an Error, which closing a stream requires. The reason of a signal, and the value that an
 * iterable throws, may be any value.
 */
function abortError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the request was aborted', { cause: reason });
}

/**
 * Binds the caller's callbacks to the caller's async context. Otherwise they would run in the context of the request
 * that opened the connection.
 */
export function boundToCaller(prepared: PreparedRequest): PreparedRequest {
  const { onData, onHead } = prepared;
  if (onData === undefined && onHead === undefined) return prepared;
  return {
    ...prepared,
    onData: onData === undefined ? undefined : AsyncResource.bind(onData),
    onHead: onHead === undefined ? undefined : AsyncResource.bind(onHead),
  };
}

/** Creates the error of `fetch` for a failure to connect. */
function connectFailure(error: unknown, url: string): Error {
  return new HTTPConnectError(`cannot connect to fetch ${url}: ${messageOf(error)}`, { cause: error });
}

/**
 * Creates the error of `fetch` for a failed exchange. Errors thrown by the caller's own code are returned unchanged.
 */
function exchangeFailure(error: unknown, maxBodyBytes: number): unknown {
  if (error instanceof HTTPClosedError) {
    return new HTTPStreamClosedError('ERR_HTTPCLIENT_CLOSED', error.message, { cause: error.cause ?? error });
  }
  if (error instanceof Http1UsageError) {
    return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, { cause: error });
  }
  if (!(error instanceof Http1ProtocolError)) return error;
  switch (error.code) {
    case 'ERR_HTTP1_TRUNCATED':
      return new HTTPStreamClosedError('ERR_HTTPCLIENT_CLOSED', error.message, { cause: error });
    case 'ERR_HTTP1_BODY_TOO_LARGE': {
      const message = `the body of the response has more than ${maxBodyBytes} bytes`;
      return new HTTPClientLimitError('ERR_HTTPCLIENT_BODY_TOO_LARGE', message, { cause: error });
    }
    default:
      return new HTTPResponseProtocolError(`invalid response: ${error.message}`, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
