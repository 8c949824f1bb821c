import { AsyncResource } from 'node:async_hooks';
import type { ClientConnection } from '@landspout/http1/client';
import type { Clock } from '@landspout/ioloop';
import { inspectedAddress } from '@landspout/ioloop/inspection';
import { type DeadlineEntry, onAbort } from '@landspout/ioloop/reactor';
import { type FetchFailure, HTTPClientError, HTTPTimeoutError, type TimeoutOption } from '../errors.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import type { PoolRequest } from '../pool/lane-queue.ts';
import type { Origin } from '../pool/origin.ts';
import type { PooledConnection } from '../pool/pooled-connection.ts';
import type { HTTPRequest } from '../request/http-request.ts';
import { discardBody } from '../request/request-body.ts';
import type { HTTPResponse, HTTPTimings } from '../response/http-response.ts';
import type { HTTPStreamedResponse } from '../response/http-streamed-response.ts';
import {
  type FetchRecord,
  headWith,
  publishEnd,
  publishHead,
  publishResponse,
  publishSent,
  recordFetch,
} from './client-channels.ts';
import { ConnectAttempt } from './connect-attempt.ts';
import type { Dialer } from './dialer.ts';
import { COARSE_MS, FetchDeadline } from './fetch-deadline.ts';
import { abortError, connectFailure, refusal, statusMessage } from './fetch-errors.ts';
import { type ExchangeOwner, FetchExchange, IDEMPOTENT } from './fetch-exchange.ts';
import { type FetchSettings, shorterLimit } from './fetch-settings.ts';
import type { Hop } from './hop.ts';
import { HopSequence, type HopServices } from './hop-sequence.ts';

/** What all fetches of a client share. */
export interface FetchServices extends HopServices {
  readonly pool: ConnectionPool;
  readonly clock: Clock;
  readonly dialer: Dialer;
  /** The fetches that have no connection and wait for none: they get cookies, or decode the rest of a response. */
  readonly unconnected: Set<PoolRequest>;
}

/** What a fetch resolves to: a complete response, or one whose body is still to be read. */
export interface FetchResults {
  readonly complete: HTTPResponse;
  readonly streamed: HTTPStreamedResponse;
}

type Stage = 'preparing' | 'queued' | 'connecting' | 'exchanging' | 'decoding' | 'over';

/**
 * One fetch, from the call to its end: for each hop it waits for a connection of the pool, opens it if necessary, and
 * begins an exchange on it, all within its deadlines. After the end, the connection is closed or back in the pool.
 *
 * What is sent is decided by its {@link HopSequence}, and what becomes of the response by each {@link FetchExchange}. It
 * is its own entry in the queue and on the wheel, so that a simple request on an open connection allocates little more
 * than these three, a promise and a response.
 */
export class FetchOperation<Kind extends keyof FetchResults>
  implements PoolRequest, DeadlineEntry, ExchangeOwner
{
  readonly #hops: HopSequence;
  readonly #services: FetchServices;
  readonly isStreamed: boolean;
  #stage: Stage = 'preparing';
  #resolve!: (response: FetchResults[Kind]) => void;
  #reject!: (error: unknown) => void;
  #connection: PooledConnection | undefined = undefined;
  /** The current exchange, or the last one until the next hop or attempt waits for a connection. */
  #exchange: FetchExchange | undefined = undefined;
  #attempt = 1;

  // Times on the clock of the loop; 0 for not yet.
  readonly #calledAt: number;
  #startedAt = 0;
  #hopStartedAt = 0;
  #endedAt = 0;

  // Created only where needed.
  #deadline: FetchDeadline | undefined = undefined;
  #connecting: ConnectAttempt | undefined = undefined;
  /** The attempt that opened the current connection; undefined for a reused one. */
  #opened: ConnectAttempt | undefined = undefined;
  #stopListening: (() => void) | undefined = undefined;
  /** The async context of the caller, for its callbacks. */
  context: AsyncResource | undefined = undefined;
  /** For the diagnostics channels, if they have subscribers. */
  #record: FetchRecord | undefined = undefined;

  // For the pool.
  arrival = -1;
  before: PoolRequest | undefined = undefined;
  after: PoolRequest | undefined = undefined;
  mayPipeline: boolean;

  constructor(request: HTTPRequest, settings: FetchSettings, hop: Hop, services: FetchServices, kind: Kind) {
    this.#hops = new HopSequence(request, settings, hop, services);
    this.#services = services;
    this.isStreamed = kind === 'streamed';
    // The reader of a streamed response could hold up the responses after it.
    this.mayPipeline = kind === 'complete' && hop.body.kind === 'none' && IDEMPOTENT.has(hop.head.method);
    this.#calledAt = services.clock.now();
  }

  /** Runs the fetch to its end. Must be called once. */
  start(): Promise<FetchResults[Kind]> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const { request, current } = this.#hops;
      const { signal, onData, onHead, onRedirect } = request.options;
      if (signal !== undefined) {
        if (signal.aborted) {
          this.#fail(signal.reason);
          return;
        }
        this.#stopListening = onAbort(signal, (reason) => this.stop(reason));
      }
      const { kind } = current.body;
      const callsBack = onData !== undefined || onHead !== undefined || onRedirect !== undefined;
      const recorded = recordFetch(request, current.href);
      this.#record = recorded?.record;
      if (callsBack || kind === 'chunks' || kind === 'producer')
        this.context = recorded?.context ?? new AsyncResource('LandspoutFetch');
      // A subscriber may have aborted the fetch.
      if (!this.#isOver) this.#prepare();
    });
  }

  /** Whether the fetch has ended. Any call of a callback or a subscriber may have ended it. */
  get #isOver(): boolean {
    return this.#stage === 'over';
  }

  /** Ends the fetch in any phase; it rejects with `reason`. */
  stop(reason: unknown): void {
    const connection = this.#connection;
    const exchange = this.#exchange;
    switch (this.#stage) {
      case 'over':
        return;
      case 'queued':
        this.#services.pool.leave(this);
        break;
      case 'connecting':
        this.#connecting?.abort(reason);
        break;
      default:
    }
    const told = reason === this.#services.pool.closeReason ? refusal(reason, this.failure()) : reason;
    // The connection ends below, but pieces that are already received would still be decoded and delivered.
    exchange?.dropRest();
    this.#fail(told);
    connection?.http?.abort(abortError(reason), exchange);
    connection?.release(this);
  }

  // ---- the queue ----

  get origin(): Origin {
    return this.#hops.current.origin;
  }

  /** Gets cookies and credentials for the current hop, then a connection. */
  #prepare(): void {
    const preparing = this.#hops.prepare();
    if (preparing === undefined) {
      this.#enterPool();
      return;
    }
    this.#stage = 'preparing';
    this.#services.unconnected.add(this);
    this.#setDeadline(this.#limitOf(this.#hops.settings.connectLimitMs));
    preparing.then(
      () => {
        if (this.#stage !== 'preparing') return;
        this.#services.unconnected.delete(this);
        this.#enterPool();
      },
      (error) => this.#fail(error),
    );
  }

  #enterPool(): void {
    this.#exchange = undefined;
    try {
      this.#services.pool.enter(this);
    } catch (error) {
      this.#fail(refusal(error, this.failure()));
    }
  }

  queued(): void {
    this.#stage = 'queued';
    this.#setDeadline(this.#limitOf(this.#hops.settings.connectLimitMs));
  }

  useConnection(connection: PooledConnection, isShared: boolean): void {
    const isImmediate = this.#startedAt === 0 && this.#deadline === undefined;
    const now = isImmediate ? this.#calledAt : this.#services.clock.now();
    if (this.#startedAt === 0) this.#startedAt = now;
    this.#hopStartedAt = now;
    this.#deadline?.clear();
    this.#connection = connection;
    this.#opened = undefined;
    if (isShared || connection.isReusable) {
      this.#beginExchange(connection, isShared, now);
    } else {
      // There is none yet, or it has ended after it was taken from the pool.
      connection.forget();
      this.#connect(connection);
    }
  }

  // ---- connecting ----

  #connect(connection: PooledConnection): void {
    const { clock, dialer } = this.#services;
    const attempt = new ConnectAttempt(clock);
    this.#connecting = attempt;
    this.#opened = attempt;
    this.#stage = 'connecting';
    // It may be that of an exchange that has failed.
    connection.limitUse(0);
    this.#setDeadline(this.#limitOf(this.#hops.settings.connectLimitMs));
    dialer.open(this.origin, attempt, connection).then(
      () => {
        if (this.#connecting !== attempt) return;
        this.#connecting = undefined;
        this.#deadline?.clear();
        this.#beginExchange(connection, false, clock.now());
      },
      (error) => {
        if (this.#connecting !== attempt) return;
        this.#fail(connectFailure(error, this.failure()));
        connection.release(this);
      },
    );
  }

  // ---- exchanges ----

  #beginExchange(connection: PooledConnection, isPipelined: boolean, now: number): void {
    const { head, href } = this.#hops.current;
    const exchange = new FetchExchange(
      this,
      this.#hops,
      connection.http as ClientConnection,
      isPipelined,
      now,
    );
    this.#exchange = exchange;
    this.#stage = 'exchanging';
    connection.requests += 1;
    this.#limitExchange(connection, exchange, now);
    if (this.#record === undefined) {
      exchange.begin(head);
      return;
    }
    const redirects = this.#hops.redirects.length;
    const isReused = connection.requests > 1;
    const fields = publishSent(this.#record, head.method, href, isReused, this.#attempt, redirects);
    if (!this.#isOver) exchange.begin(fields === undefined ? head : headWith(head, fields));
  }

  get clock(): Clock {
    return this.#services.clock;
  }

  headArrived(status: number): void {
    if (this.#record !== undefined) publishResponse(this.#record, status);
  }

  resultBegun(exchange: FetchExchange): void {
    if (this.#hops.settings.headersTimeoutMs > 0)
      this.#limitExchange(this.#connection as PooledConnection, exchange, exchange.headAt);
    if (this.#record !== undefined) publishHead(this.#record);
  }

  streamOpened(response: HTTPStreamedResponse): void {
    (this.#resolve as (response: HTTPStreamedResponse) => void)(response);
  }

  exchangeDone(exchange: FetchExchange): void {
    this.#leaveConnection()?.release(this);
    // The connection may have been given to another fetch, and a subscriber to that may have aborted this one.
    if (this.#isOver) return;
    if (exchange.next !== undefined) {
      this.#goTo(exchange.next);
      return;
    }
    const decoding = exchange.decodeRest();
    if (decoding === undefined) this.#complete(exchange);
    else this.#awaitDecoding(exchange, decoding);
  }

  exchangeFailed(exchange: FetchExchange, error: unknown): void {
    const connection = this.#connection as PooledConnection;
    if (exchange.next !== undefined) {
      // Nothing more is needed of this response.
      this.#leaveConnection()?.release(this);
      if (!this.#isOver) this.#goTo(exchange.next);
      return;
    }
    if (!exchange.mayRepeat(error, connection.requests > 1)) {
      exchange.dropRest();
      this.#fail(exchange.failureOf(error));
      connection.release(this);
      return;
    }
    // The server closed the idle connection while the request was being sent. The request did not cause this.
    this.#leaveConnection();
    this.#attempt += 1;
    if (exchange.isPipelined) {
      this.mayPipeline = false;
      connection.release(this);
      this.#enterPool();
    } else {
      this.#connection = connection;
      connection.forget();
      this.#connect(connection);
    }
  }

  #goTo(hop: Hop): void {
    this.#hops.goTo(hop);
    this.#attempt = 1;
    this.#prepare();
  }

  /** The response has arrived, but not all of it is decoded. The connection may already serve another request. */
  #awaitDecoding(exchange: FetchExchange, decoding: Promise<void>): void {
    this.#stage = 'decoding';
    this.#services.unconnected.add(this);
    const { requestTimeoutMs } = this.#hops.settings;
    if (requestTimeoutMs > 0) this.#setDeadline(this.#limitOf(requestTimeoutMs));
    decoding.then(
      () => this.#stage === 'decoding' && this.#complete(exchange),
      (error) => this.#fail(exchange.failureOf(error)),
    );
  }

  // ---- the end ----

  /** Resolves with the response; or rejects if its status is not 2xx, unless `raiseError` is false. */
  #complete(exchange: FetchExchange): void {
    this.#end(undefined);
    if (exchange.body !== undefined) {
      exchange.body.end();
      return;
    }
    const response = exchange.response(this.timings());
    if (response.ok || !this.#hops.settings.raiseError) {
      (this.#resolve as (response: HTTPResponse) => void)(response);
      return;
    }
    const options = { response, failure: this.failure() };
    this.#reject(new HTTPClientError('ERR_HTTPCLIENT_STATUS', statusMessage(exchange.head), options));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end(error);
    const body = this.#exchange?.body;
    if (body === undefined) this.#reject(error);
    else body.fail(error);
  }

  #end(error: unknown): void {
    const { pool, clock, unconnected } = this.#services;
    if (error === undefined) pool.counts.responses += 1;
    else pool.counts.failures += 1;
    if (this.#stage === 'decoding' || this.#stage === 'preparing') unconnected.delete(this);
    this.#stage = 'over';
    this.#endedAt = clock.now();
    if (this.#exchange?.hasBegunBody !== true) discardBody(this.#hops.current.body);
    this.#connecting = undefined;
    this.#leaveConnection();
    this.#deadline?.close();
    this.#stopListening?.();
    this.#stopListening = undefined;
    if (this.#record !== undefined) publishEnd(this.#record, error, this.#endedAt - this.#calledAt);
  }

  /** The exchange has ended, in one way or another. @returns its connection, which is still to be released. */
  #leaveConnection(): PooledConnection | undefined {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#deadline?.clear();
    this.#exchange?.leave();
    return connection;
  }

  timings(): HTTPTimings {
    const { sentAt, headAt, bodySentAt } = this.#exchange as FetchExchange;
    return {
      queueMs: this.#startedAt - this.#calledAt,
      dnsMs: this.#opened?.dnsMs ?? 0,
      connectMs: this.#opened?.connectMs ?? 0,
      tlsMs: this.#opened?.tlsMs ?? 0,
      sendMs: Math.max(0, bodySentAt - sentAt),
      firstByteMs: headAt - sentAt,
      redirectMs: this.#hops.redirects.length === 0 ? 0 : this.#hopStartedAt - this.#calledAt,
      totalMs: (this.#isOver ? this.#endedAt : this.#services.clock.now()) - this.#calledAt,
    };
  }

  failure(): FetchFailure {
    const { current, redirects } = this.#hops;
    const address = this.#connection?.http?.stream.remoteAddress;
    return {
      phase: this.#connecting?.phase ?? this.#exchange?.phase ?? 'queue',
      method: current.head.method,
      url: current.href,
      peer: address === undefined ? undefined : inspectedAddress(address),
      attempt: this.#attempt,
      redirects,
    };
  }

  // ---- deadlines ----

  /** Called by the pool and by timers. */
  deadlinePassed(): void {
    const { connectTimeoutMs, connectLimitMs, requestTimeoutMs, headersTimeoutMs } = this.#hops.settings;
    const isEarly = this.#stage !== 'exchanging' && this.#stage !== 'decoding';
    const isResult = this.#exchange?.isResult === true;
    const limitMs = isEarly
      ? connectLimitMs
      : shorterLimit(requestTimeoutMs, isResult ? 0 : headersTimeoutMs);
    let option: TimeoutOption = 'requestTimeoutMs';
    if (isEarly && limitMs === connectTimeoutMs) option = 'connectTimeoutMs';
    if (!isEarly && limitMs !== requestTimeoutMs) option = 'headersTimeoutMs';
    this.stop(new HTTPTimeoutError(limitMs, option, { failure: this.failure() }));
  }

  /** Limits the exchange by `requestTimeoutMs` and, until the head of the result has arrived, `headersTimeoutMs`. */
  #limitExchange(connection: PooledConnection, { isResult }: FetchExchange, now: number): void {
    const leftMs = shorterLimit(
      this.#requestLeftMs(now),
      isResult ? 0 : this.#hops.settings.headersTimeoutMs,
    );
    const isAlone = this.#services.pool.settings.pipelining < 2;
    if (isAlone && (leftMs === 0 || leftMs >= COARSE_MS)) {
      this.#deadline?.clear();
      connection.limitUse(leftMs);
    } else {
      if (isAlone) connection.limitUse(0);
      this.#setDeadline(leftMs);
    }
  }

  /** Shortens a limit to what is left of `requestTimeoutMs` if the request has begun. 0 is no limit. */
  #limitOf(limitMs: number): number {
    return this.#startedAt === 0 ? limitMs : shorterLimit(limitMs, this.#requestLeftMs(this.clock.now()));
  }

  /** What is left of `requestTimeoutMs`; 0 for no limit. */
  #requestLeftMs(now: number): number {
    const { requestTimeoutMs } = this.#hops.settings;
    return requestTimeoutMs === 0 ? 0 : Math.max(1, requestTimeoutMs - (now - this.#startedAt));
  }

  #setDeadline(delayMs: number): void {
    if (delayMs > 0) this.#deadline ??= new FetchDeadline(this.#services.pool.wheel, this.clock, this);
    this.#deadline?.set(delayMs);
  }
}
