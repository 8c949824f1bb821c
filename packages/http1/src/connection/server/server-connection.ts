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
import type { ConnectionHost, ServedConnection } from './connection-host.ts';
import { PeerPace } from './peer-pace.ts';
import { type FailedRequest, judgeFailure, logRefusal, sendRefusal, tooSlow } from './refusal.ts';
import type { ServerCodec } from './server-codecs.ts';
import { type ExchangeOwner, HIGH_WATER_BYTES, ServerExchange } from './server-exchange.ts';

/** Most pipelined bytes that wait for the answer before them, give or take one read. */
const HELD_BYTES = 64 * 1024;

/** The response was complete, or its connection gone: a second one would be taken for that to the next request. */
const FAILED_LATE = 'a request failed after its answer';

/** Between requests, or in the middle of a head. */
const IDLE = { stage: 'idle' } as const;
/** A request that no delegate answers: it is being given to one, or refused in place of one. */
const UNCLAIMED = { stage: 'unclaimed' } as const;
/** No more requests; what was written leaves, and then the connection ends. */
const CLOSING = { stage: 'closing' } as const;

/**
 * Where a connection stands. A request under way is its exchange, whose `stage` says how far it is:
 *
 *     idle ──head──▶ unclaimed ──delegate──▶ body ◀──promise──▶ held
 *       ▲                │                    │
 *       │                │ fails              │ end of the request
 *       │                ▼                    ▼
 *       └─── answer complete ◀─────────── answering
 *
 * From everywhere: refused or cut (unclaimed, then closing), and closing when either side ends the connection or the
 * answer was the last. `#enter` alone assigns it.
 */
type State = typeof IDLE | typeof UNCLAIMED | typeof CLOSING | ServerExchange;

/**
 * The server's side of one HTTP/1.1 connection: requests come in through a {@link MessagePump}, their answers go out
 * through a {@link ServerExchange} each (RFC 9112). What is shared by all connections of a server is its `host`'s.
 */
export class ServerConnection
  implements StreamConsumer, DeadlineEntry, ServedConnection, ExchangeOwner, PumpedConnection
{
  readonly stream: IOStream;
  readonly host: ConnectionHost;
  readonly pace: PeerPace;
  #state: State = IDLE;
  /** Held from a request's first byte to its answer's last; between requests there is none. */
  #codec: ServerCodec | undefined;
  peerEnded = false;
  answeredWhileStopping = false;
  /** The header deadline runs already: further bytes do not move it. */
  #headDeadlineSet = true;
  /** The last answer was complete only after the server began to stop, and its head had not said so. */
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

  // ---- what a delegate may know of it ----

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

  // ---- what its server does with it ----

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
    // Whatever has written may be another connection's request.
    if (stage === 'idle' || stage === 'body') runInRootContext(pump.run, pump);
  }

  closed(error: Error | undefined): void {
    const { delegate, loop, monitor } = this.host.services;
    const exchange = this.#exchange;
    this.pace.close();
    this.#enter(CLOSING);
    if (exchange !== undefined) this.#cut(exchange, endOfConnection(error));
    // As with an exchange: what a delegate throws here must not reach the stream.
    callReporting(
      () => delegate.onClose?.(this),
      undefined,
      (failure) => loop.logger.error({ error: failure }, 'hearing of a closed connection failed'),
    );
    monitor.connectionEnded(this, this.stream.closeReason ?? 'we-ended', error);
    this.host.services.connectionEnded(this, undefined);
  }

  /** A peer was too slow, or has rested for too long. */
  deadlinePassed(): void {
    const { stage } = this.#state;
    if (stage === 'idle' && this.stream.queuedBytes === 0) {
      if (!this.isIdle) this.#refuseSlow(headTooSlow(this.host.limits.headerTimeoutMs));
      else if (!this.pace.restsOn()) this.#startClosing();
    } else if (stage === 'body' && this.#codec?.pump.isPaused !== true) {
      const error = this.pace.checkBody();
      if (error !== undefined) this.#refuseSlow(error);
    } else if (!this.pace.readerProgresses(this.stream)) {
      this.stream.reset(new HTTPDeadlineError('the peer does not read its answer'));
    }
  }

  // ---- called by the exchange of the request under way ----

  answerCompleted(exchange: ServerExchange): void {
    const { limits, services, drain } = this.host;
    this.#enter(UNCLAIMED);
    const { token, status, bodyBytesSent } = exchange;
    services.monitor.requestEnded(token, 'answered', status, bodyBytesSent, undefined);
    const stopping = drain.phase !== 'serving';
    if (stopping) this.answeredWhileStopping = true;
    // The peer may use the connection again where the head has said nothing against it, be we stopping or not.
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

  detach(onStopping: (() => void) | undefined): IOStream {
    const { stream } = this;
    const { services } = this.host;
    const token = this.#exchange?.token;
    this.#enter(CLOSING);
    this.pace.close();
    services.monitor.requestEnded(token, 'detached', 0, 0, undefined);
    services.monitor.connectionEnded(this, 'detached', undefined);
    stream.setConsumer(undefined);
    stream.unread(this.#decoder.takeRest());
    stream.ref();
    services.connectionEnded(this, { stream, onStopping });
    return stream;
  }

  answerFailed(exchange: ServerExchange, reason: Error): void {
    if (this.#state !== exchange) return;
    this.#cut(exchange, reason);
    this.stream.reset(reason);
  }

  // ---- what the pump delivers ----

  get takesEvents(): boolean {
    const { stage } = this.#state;
    if (stage !== 'idle' && stage !== 'body') return false;
    // Closed from within a handler: nothing could be answered any more.
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
    this.#waitFor(exchange.begin(services.delegate.startRequest(exchange)), exchange);
  }

  deliverData(): void {
    const { data, dataStart, dataEnd } = this.#decoder;
    this.pace.countBody(dataEnd - dataStart);
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#waitFor(exchange.dataReceived(data, dataStart, dataEnd), exchange);
  }

  deliverEnd(): boolean {
    const exchange = this.#exchange;
    // Answered before its end, which only a request without a body may be: we are between requests already.
    if (exchange !== undefined) {
      this.pace.clear();
      this.#waitFor(exchange.requestReceived(this.#decoder.trailers), exchange);
    }
    return this.#state === IDLE;
  }

  /** The end may have come before the request under way was begun: after pipelined ones. */
  deliverPeerEnd(): boolean {
    return this.peerEnded && this.#exchange?.notifyPeerEnded() === true;
  }

  /** Keeps what was not decoded, and asks for more where more is wanted. */
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
    // More may have come while it was resumed, and a request may be under way.
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
    // Delegates may run decoders of their own, whose errors look the same.
    const isOfDecoder = error !== undefined && this.#codec?.pump.decoder.failure === error;
    if (exchange === undefined && this.#state !== UNCLAIMED && !isOfDecoder) {
      this.host.services.loop.logger.error({ error }, FAILED_LATE);
      return;
    }
    const failure = judgeFailure(error, exchange?.closeReason);
    if (failure.kind === 'broken')
      this.host.services.loop.logger.error({ error }, 'answering a request failed');
    else if (failure.kind === 'refused' || exchange?.headSent !== true)
      logRefusal(failure, this, this.host.services);
    this.#answerInPlace(failure);
  }

  /** The one place where the state is assigned. A request's own stage changes in its exchange. */
  #enter(state: State): void {
    this.#state = state;
  }

  /** The request under way, until its answer is complete. */
  get #exchange(): ServerExchange | undefined {
    return this.#state instanceof ServerExchange ? this.#state : undefined;
  }

  /** For where a request is under way, so that there is a codec. */
  get #decoder(): RequestDecoder {
    return (this.#codec as ServerCodec).pump.decoder;
  }

  /** Whether nothing more is taken from the peer before it has read of what we wrote. */
  #waitsForReader(): boolean {
    const { queuedBytes } = this.stream;
    if (queuedBytes <= HIGH_WATER_BYTES) return false;
    const { stage } = this.#state;
    return stage === 'idle' || (stage === 'body' && queuedBytes > this.host.limits.maxUnsentBytes);
  }

  /** Between requests, or in the middle of a head: gives the codec back, or sees to it that the head goes on. */
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

  /** Goes on with a request, once the delegate's promise has settled where it returned one. */
  #waitFor(waiting: unknown, exchange: ServerExchange): void {
    const isOpen = this.#state === exchange && exchange.stage === 'body';
    if (!isThenable(waiting)) {
      if (isOpen) exchange.askForBody();
    } else if (isOpen) {
      exchange.hold();
      (this.#codec as ServerCodec).pump.waitFor(waiting, exchange);
    } else {
      reportRejection(waiting, (error) => this.rejected(error, exchange));
    }
  }

  #refuseSlow(error: HTTPDeadlineError): void {
    const failure = tooSlow(error);
    logRefusal(failure, this, this.host.services);
    this.#answerInPlace(failure);
  }

  /** Answers in place of the delegate where it has not begun to, and ends the connection either way. */
  #answerInPlace(failure: FailedRequest): void {
    const exchange = this.#exchange;
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

  /** The request under way will not be answered to the end. */
  #cut(exchange: ServerExchange, reason: Error): void {
    if (this.#state !== CLOSING) this.#enter(UNCLAIMED);
    exchange.cut(reason);
    const { status, bodyBytesSent } = exchange;
    this.host.services.monitor.requestEnded(exchange.token, 'cut', status, bodyBytesSent, reason);
  }

  /** The peer has ended, and all that came was decoded: no request will come, and no body be completed. */
  #inputOver(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined) this.#cut(exchange, closedEarly('the peer ended in the middle of a body'));
    this.#startClosing();
  }

  /** What was written leaves; nothing more is read. */
  #startClosing(): void {
    if (this.#state === CLOSING) return;
    this.#enter(CLOSING);
    this.pace.clear();
    if (this.stream.queuedBytes > 0) this.pace.watchReader(this.stream);
    this.stream.closeGracefully(this.host.limits.lingerMs);
  }
}
