import type { Buffer } from 'node:buffer';
import { isCancellation } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  callReporting,
  type DeadlineEntry,
  isThenable,
  reportRejection,
  runInRootContext,
} from '@landspout/ioloop/reactor';
import type { IOStream, SocketAddress, StreamConsumer, TlsInfo } from '@landspout/iostream';
import type { RequestDecoder } from '../../protocol/index.ts';
import { closedEarly, endOfConnection, HTTPDeadlineError, headTooSlow } from '../errors.ts';
import type { MessagePump, PumpedConnection } from '../message-pump.ts';
import { truncationOf } from '../truncation.ts';
import type { ConnectionHost, DetachedStream, ServedConnection } from './connection-host.ts';
import { startInContext } from './message-in-context.ts';
import { PeerPace } from './peer-pace.ts';
import { type FailedRequest, judgeFailure, logRefusal, sendRefusal, tooSlow } from './refusal.ts';
import type { ServerCodec } from './server-codecs.ts';
import { type ExchangeOwner, HIGH_WATER_BYTES, ServerExchange } from './server-exchange.ts';

/**
 * Reading is paused when at least this many pipelined bytes are buffered during a response. A single read may exceed
 * the limit.
 */
const HELD_BYTES = 64 * 1024;

/**
 * The error is only logged. If we sent another response, the client would read it as the response to its next request.
 */
const FAILED_LATE = 'a request failed after its response was complete or its connection had ended';

/** Between requests, or while a request head is being received. */
const IDLE = { stage: 'idle' } as const;
/**
 * A request without a delegate: the request is being passed to a delegate or refused, or its response was just
 * completed or cut.
 */
const UNCLAIMED = { stage: 'unclaimed' } as const;
/** No more requests are read. Written bytes are sent, and then the connection is closed. */
const CLOSING = { stage: 'closing' } as const;

/**
 * The state of a connection. While a request is in progress, the state is its ServerExchange object. The transitions of
 * `stage`:
 *
 *     idle ──head──▶ unclaimed ──delegate──▶ body ◀──promise──▶ held
 *       ▲                │                    │
 *       │                │ fails              │ end of the request
 *       │                ▼                    ▼
 *       └── response complete ◀────────── responding
 *
 * Not shown: from any state, a refused or cut request goes to unclaimed and then to closing. Any state goes to closing
 * when either side ends the connection, or after the last response. Only `#enter` assigns the state.
 */
type State = typeof IDLE | typeof UNCLAIMED | typeof CLOSING | ServerExchange;

/**
 * The server side of one HTTP/1.1 connection (RFC 9112). Requests are received through a {@link MessagePump}, and each
 * response is written through a {@link ServerExchange}. `host` holds what all connections of a server share.
 */
export class ServerConnection
  implements StreamConsumer, DeadlineEntry, ServedConnection, ExchangeOwner, PumpedConnection
{
  readonly stream: IOStream;
  readonly host: ConnectionHost;
  readonly pace: PeerPace;
  #state: State = IDLE;
  /** Assigned from the first byte of a request until its response is complete; undefined between requests. */
  #codec: ServerCodec | undefined;
  peerEnded = false;
  respondedWhileStopping = false;
  /** Whether the header deadline is already running: further bytes do not extend it. */
  #headDeadlineSet = true;
  /**
   * Whether the last response was completed while the server was stopping, but did not have `Connection: close`. The
   * client may then send one more request.
   */
  #hasOwnGrace = false;

  constructor(stream: IOStream, host: ConnectionHost) {
    this.stream = stream;
    this.host = host;
    this.pace = new PeerPace(host, this);
    this.pace.set(host.limits.headerTimeoutMs);
    host.services.monitor.connectionBegan(this);
    stream.setConsumer(this);
    stream.resume();
  }

  // ---- HTTPConnectionInfo: what delegates see ----

  get remoteAddress(): SocketAddress {
    return this.stream.remoteAddress;
  }

  get localAddress(): SocketAddress {
    return this.stream.localAddress;
  }

  get tls(): TlsInfo | undefined {
    return this.stream.tls;
  }

  get protocol(): 'http' | 'https' {
    return this.host.services.protocol ?? (this.stream.tls === undefined ? 'http' : 'https');
  }

  // ---- called by the server ----

  get isIdle(): boolean {
    return this.#state === IDLE && this.#codec?.pump.decoder.midMessage !== true;
  }

  closeWhenIdle(): void {
    if (this.isIdle && !this.#hasOwnGrace) this.#startClosing();
  }

  keepProcessAlive(): void {
    if (!this.isIdle) this.stream.ref();
  }

  [INSPECT](): object {
    return inspection(this, ['protocol', 'isIdle'], () => ({ host: undefined }));
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    if (this.#state === CLOSING) return;
    if (this.#codec === undefined) {
      this.#codec = this.host.services.codecs.take();
      this.#codec.pump.attach(this);
    }
    const { pump } = this.#codec;
    pump.decoder.receive(bytes, start, end);
    pump.run();
  }

  /**
   * A bare end is like any other, since requests have lengths (RFC 9112 §9.8): a client that ended after its request gets
   * its response. If the request is incomplete, {@link IOStream.isEndBare} says what to report.
   */
  ended(): void {
    this.peerEnded = true;
    const { stage } = this.#state;
    if (stage === 'idle' || stage === 'body') this.#inputOver();
    else this.deliverPeerEnd();
  }

  drained(): void {
    const pump = this.#codec?.pump;
    if (pump?.isPaused !== true) return;
    const { stage } = this.#state;
    if (stage === 'body') this.pace.awaitBody();
    // This may run in the async context of a request on another connection; the pump must not.
    if (stage === 'idle' || stage === 'body') runInRootContext(pump.run, pump);
  }

  closed(error: Error | undefined): void {
    const { delegate, loop, monitor } = this.host.services;
    const exchange = this.#exchange;
    this.pace.close();
    this.#enter(CLOSING);
    if (exchange !== undefined) this.#cut(exchange, endOfConnection(error));
    // Errors are only logged, as in ServerExchange: an error thrown by a delegate must not reach the stream.
    callReporting(
      () => delegate.onClose?.(this),
      undefined,
      (failure) => loop.logger.error({ error: failure }, "the delegate's onClose callback threw"),
    );
    monitor.connectionEnded(this, this.stream.closeReason ?? 'we-ended', error);
    this.host.services.connectionEnded(this, undefined);
  }

  /** Called when the peer was too slow, or the connection was idle for too long. */
  deadlinePassed(): void {
    const { stage } = this.#state;
    if (stage === 'idle' && this.stream.queuedBytes === 0) {
      if (!this.isIdle) this.#refuseSlow(headTooSlow(this.host.limits.headerTimeoutMs));
      else if (!this.pace.restsOn()) this.#startClosing();
    } else if (stage === 'body' && this.#codec?.pump.isPaused !== true) {
      const error = this.pace.checkBody();
      if (error !== undefined) this.#refuseSlow(error);
    } else if (!this.pace.readerProgresses(this.stream)) {
      this.stream.reset(new HTTPDeadlineError('the peer does not read the response'));
    }
  }

  // ---- called by the exchange of the current request ----

  responseCompleted(exchange: ServerExchange): void {
    const { limits, services, drain } = this.host;
    this.#enter(UNCLAIMED);
    const { token, status, bodyBytesSent, refusedWith } = exchange;
    const outcome = refusedWith === undefined || status >= 500 ? 'completed' : 'refused';
    services.monitor.requestEnded(token, outcome, status, bodyBytesSent, refusedWith);
    const stopping = drain.phase !== 'serving';
    if (stopping) this.respondedWhileStopping = true;
    // Even if the server is stopping, the peer may send another request if the response headers did not have
    // `Connection: close`.
    if (this.#codec?.encoder.keepAlive !== true || !exchange.requestComplete || exchange.isLastRequest) {
      this.#startClosing();
      return;
    }
    this.#enter(IDLE);
    this.#hasOwnGrace = stopping;
    if (drain.listenerGone) this.stream.unref();
    this.#headDeadlineSet = false;
    const idleMs = stopping ? Math.min(drain.graceMs, limits.idleTimeoutMs) : limits.idleTimeoutMs;
    this.pace.rest(this.stream, idleMs, HIGH_WATER_BYTES);
    this.#codec?.pump.runOnwards();
  }

  detach(onStopping: DetachedStream['onStopping']): IOStream {
    const { stream } = this;
    const { services } = this.host;
    const token = this.#exchange?.token;
    this.#enter(CLOSING);
    this.pace.close();
    services.monitor.requestEnded(token, 'detached', 0, 0, undefined);
    services.monitor.connectionEnded(this, 'detached', undefined);
    stream.setConsumer(undefined);
    stream.unread(this.#decoder.takeRest());
    // Not given back: the pump may be running, and the codec may have state of this request.
    this.#codec = undefined;
    stream.ref();
    services.connectionEnded(this, { stream, onStopping });
    return stream;
  }

  responseFailed(exchange: ServerExchange, reason: Error): void {
    if (this.#state !== exchange) return;
    this.#cut(exchange, reason);
    this.stream.reset(reason);
  }

  // ---- what the pump delivers ----

  get takesEvents(): boolean {
    const { stage } = this.#state;
    if (stage !== 'idle' && stage !== 'body') return false;
    // If a handler has closed the stream, no response could be sent.
    return !this.#waitsForReader() && !this.stream.isClosed;
  }

  deliverHead(): void {
    const { services, drain } = this.host;
    const codec = this.#codec as ServerCodec;
    const { head } = codec.pump.decoder;
    this.#enter(UNCLAIMED);
    codec.encoder.begin(head.method, head.version, head.keepAlive);
    const info = services.describe === undefined ? this : services.describe(head, this);
    const exchange = new ServerExchange(this, codec, head, info);
    exchange.token = services.monitor.requestBegan(head, info, this);
    this.#enter(exchange);
    if (drain.listenerGone) this.stream.ref();
    const context = exchange.token?.context;
    const message =
      context === undefined
        ? services.delegate.startRequest(exchange)
        : startInContext(context, services.delegate, exchange);
    this.#waitFor(exchange.begin(message), exchange);
  }

  deliverData(): void {
    const { data, dataStart, dataEnd } = this.#decoder;
    this.pace.countBody(dataEnd - dataStart);
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#waitFor(exchange.dataReceived(data, dataStart, dataEnd), exchange);
  }

  deliverEnd(): boolean {
    const exchange = this.#exchange;
    // If there is no exchange, the response was complete before the request, which is possible only if the request has
    // no body.
    if (exchange !== undefined) {
      this.pace.clear();
      this.#waitFor(exchange.requestReceived(this.#decoder.trailers), exchange);
    }
    return this.#state === IDLE;
  }

  /**
   * Notifies the current request's delegate that the peer has half-closed, if the delegate was not notified yet. With
   * pipelined requests, the peer may have half-closed before the request started.
   */
  deliverPeerEnd(): boolean {
    return this.peerEnded && this.#exchange?.notifyPeerEnded() === true;
  }

  /** Keeps undecoded bytes, and resumes reading if more of them can be processed. */
  pumped(): void {
    const codec = this.#codec;
    const { stage } = this.#state;
    if (stage === 'closing' || codec === undefined) return;
    const { pump } = codec;
    const waitsForReader = this.#waitsForReader();
    if (waitsForReader || (stage !== 'idle' && stage !== 'body')) {
      if (waitsForReader) this.pace.watchReader(this.stream);
      pump.hold(waitsForReader ? 0 : HELD_BYTES);
      return;
    }
    if (this.peerEnded) {
      this.#inputOver();
      return;
    }
    pump.resume();
    // Resuming may have delivered more bytes, so that a request may be in progress now.
    if (this.#state === IDLE && this.#codec === codec) this.#rest(codec);
  }

  released(exchange: ServerExchange): boolean {
    return this.#state === exchange && exchange.release();
  }

  rejected(error: unknown, exchange: ServerExchange): void {
    if (this.#state === exchange) this.failed(error);
    else if (exchange.closeReason === undefined || !isCancellation(error, exchange.closeReason))
      this.host.services.loop.logger.error({ error }, FAILED_LATE);
  }

  failed(error: unknown): void {
    const exchange = this.#exchange;
    // Delegates may use decoders of their own, which throw errors of the same class.
    const isOfDecoder = error !== undefined && this.#codec?.pump.decoder.failure === error;
    if (exchange === undefined && this.#state !== UNCLAIMED && !isOfDecoder) {
      this.host.services.loop.logger.error({ error }, FAILED_LATE);
      return;
    }
    const failure = judgeFailure(error, exchange?.closeReason);
    if (failure.kind === 'broken')
      this.host.services.loop.logger.error({ error }, 'handling a request failed');
    else if (failure.kind === 'refused' || exchange?.headSent !== true)
      logRefusal(failure, this, this.host.services);
    this.#respondInPlace(failure);
  }

  /** The only place where the state is assigned. The stage of a request changes in its exchange. */
  #enter(state: State): void {
    this.#state = state;
  }

  /** The current request, until its response is complete. */
  get #exchange(): ServerExchange | undefined {
    return this.#state instanceof ServerExchange ? this.#state : undefined;
  }

  /** Must be read only while a request is in progress, because otherwise there is no codec. */
  get #decoder(): RequestDecoder {
    return (this.#codec as ServerCodec).pump.decoder;
  }

  /** Whether we stop reading until the peer has read more of the response. */
  #waitsForReader(): boolean {
    const { queuedBytes } = this.stream;
    if (queuedBytes <= HIGH_WATER_BYTES) return false;
    const { stage } = this.#state;
    return stage === 'idle' || (stage === 'body' && queuedBytes > this.host.limits.maxUnsentBytes);
  }

  /** Returns the codec if the connection is between requests. Starts the header deadline if a head is incomplete. */
  #rest(codec: ServerCodec): void {
    const { decoder } = codec.pump;
    if (decoder.atRest) {
      this.#codec = undefined;
      this.host.services.codecs.give(codec);
    } else if (!this.#headDeadlineSet && decoder.headStarted) {
      this.#headDeadlineSet = true;
      this.pace.set(this.host.limits.headerTimeoutMs);
    }
  }

  /** Continues with a request: immediately, or after the promise that the delegate returned is settled. */
  #waitFor(waiting: unknown, exchange: ServerExchange): void {
    if (!isThenable(waiting)) {
      exchange.askForBody();
    } else if (this.#state === exchange && exchange.stage === 'body') {
      exchange.hold();
      (this.#codec as ServerCodec).pump.waitFor(waiting, exchange);
    } else {
      reportRejection(waiting, (error) => this.rejected(error, exchange));
    }
  }

  #refuseSlow(error: HTTPDeadlineError): void {
    const failure = tooSlow(error);
    logRefusal(failure, this, this.host.services);
    this.#respondInPlace(failure);
  }

  /**
   * Responds in place of the delegate, unless the delegate has already sent headers or responds to the refusal itself.
   * Ends the connection in any case.
   */
  #respondInPlace(failure: FailedRequest): void {
    const exchange = this.#exchange;
    const mayRespond = failure.kind === 'refused' && exchange?.headSent === false;
    if (mayRespond && exchange.refuse(failure)) return;
    if (exchange?.headSent === true) {
      this.#cut(exchange, failure.error);
      this.stream.reset(failure.error);
      return;
    }
    if (this.#state !== CLOSING) this.#enter(UNCLAIMED);
    exchange?.cut(failure.error);
    sendRefusal(failure, exchange, this, this.host.services);
    this.#startClosing();
  }

  /** Ends the current request without a complete response. */
  #cut(exchange: ServerExchange, reason: Error): void {
    if (this.#state !== CLOSING) this.#enter(UNCLAIMED);
    exchange.cut(reason);
    const { status, bodyBytesSent } = exchange;
    this.host.services.monitor.requestEnded(exchange.token, 'cut', status, bodyBytesSent, reason);
  }

  /**
   * Closes the connection if the peer has half-closed between requests or in a body. Called after all bytes are
   * decoded.
   */
  #inputOver(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      const cause = truncationOf(this.stream, 'request');
      this.#cut(exchange, closedEarly('the peer stopped sending in the middle of a body', cause));
    }
    this.#startClosing();
  }

  /** Stops reading, sends what was written, and then closes the connection. */
  #startClosing(): void {
    if (this.#state === CLOSING) return;
    this.#enter(CLOSING);
    this.pace.clear();
    if (this.stream.queuedBytes > 0) this.pace.watchReader(this.stream);
    this.stream.closeGracefully(this.host.limits.lingerMs);
  }
}
