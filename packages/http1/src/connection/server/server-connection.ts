// The server room knows one connection: its requests in order, deadlines, refusals. It does not know the listener, nor
// the other connections.

import { Buffer } from 'node:buffer';
import { callReporting, isThenable, reportRejection, runInRootContext } from '@landspout/ioloop';
import type { IOStream, StreamConsumer } from '@landspout/iostream';
import {
  DATA,
  END,
  encodeInterim,
  HEAD,
  NEED_DATA,
  type RequestDecoder,
  type ResponseEncoder,
} from '../../protocol/index.ts';
import { BodyPieces } from '../body-pieces.ts';
import { endOfConnection, peerEnded } from '../errors.ts';
import type { ServerCodec } from './server-codecs.ts';
import { ServerConnectionLife } from './server-connection-life.ts';
import { ServerExchange } from './server-exchange.ts';
import type { ServerConnectionSettings } from './server-settings.ts';

/** Most pipelined bytes that wait for the answer before them, give or take one read. */
const HELD_BYTES = 64 * 1024;
/** Above this many unsent bytes no further request is begun: who does not read is not read from. */
const HIGH_WATER_BYTES = 64 * 1024;

/** The server's side of one HTTP/1.1 connection: pumps a decoder and an encoder over one stream (RFC 9112). */
export class ServerConnection extends ServerConnectionLife implements StreamConsumer {
  /** The pump is at work further up the stack and will go on by itself. */
  #pumping = false;
  /** A request is over, and bytes are there that may be the next one. */
  #hasNext = false;
  #peerEnded = false;
  /** The header deadline runs already: further bytes do not move it. */
  #headDeadlineSet = true;
  #answeredWhileStopping = false;

  constructor(stream: IOStream, settings: ServerConnectionSettings) {
    super(stream, settings);
    stream.setConsumer(this);
    stream.resume();
  }

  /** Whether a request was answered on it after the server began to stop. */
  get answeredWhileStopping(): boolean {
    return this.#answeredWhileStopping;
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    if (this.state === 'closing') return;
    this.codec ??= this.settings.codecs.take();
    this.codec.decoder.receive(bytes, start, end);
    if (this.state === 'idle' || this.state === 'body') this.#pump();
    else this.#hold();
  }

  ended(): void {
    this.#peerEnded = true;
    const state = this.state;
    if (state === 'idle' || state === 'body') this.inputOver();
    else if (state !== 'closing') this.#notifyPeerEnded();
  }

  /**
   * If the peer has ended its side, notifies the delegate of the request under way, once. The end may have come before
   * that request was begun: after pipelined ones.
   *
   * @returns whether it was notified now, so that it may have responded.
   */
  #notifyPeerEnded(): boolean {
    const { exchange } = this;
    if (!this.#peerEnded || exchange === undefined || exchange.closeReason !== undefined) return false;
    if (this.state !== 'held' && this.state !== 'answering') return false;
    if (exchange.headSent) this.expectWrite();
    exchange.tell(peerEnded());
    return true;
  }

  drained(): void {
    if (!this.paused) return;
    if (this.state === 'body') this.pace.awaitBody();
    // Whatever has written may be another connection's request.
    if (this.state === 'idle' || this.state === 'body') runInRootContext(this.#pump, this);
  }

  closed(error: Error | undefined): void {
    this.pace.close();
    this.expectNoWrite();
    this.state = 'closing';
    this.cutExchange(endOfConnection(error));
    this.#tellClosed();
    this.settings.monitor.connectionEnded(this, this.stream.closeReason ?? 'we-ended', error);
    this.settings.connectionEnded(this, undefined);
  }

  // ---- the request and its answer, called by their exchange ----

  /** For where a request is under way, so that there is a codec. */
  get encoder(): ResponseEncoder {
    return (this.codec as ServerCodec).encoder;
  }

  /** Whether the peer has half-closed, and no pipelined request of it waits. */
  get isLastRequest(): boolean {
    return this.#peerEnded && this.#decoder().bufferedBytes === 0;
  }

  setMaxBodyBytes(maxBytes: number): void {
    this.#decoder().maxBodyBytes = maxBytes;
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    this.pace.limitBody(timeoutMs);
    if (this.state === 'body') this.pace.awaitBody();
  }

  /** More of an answer was written. While a body is awaited, its sender is who must make progress. */
  answerWritten(): void {
    if (this.#peerEnded) this.expectWrite();
    if (this.stream.queuedBytes > HIGH_WATER_BYTES && this.state !== 'body')
      this.pace.watchReader(this.stream);
  }

  answerCompleted(exchange: ServerExchange): void {
    const { requestComplete } = exchange;
    const { stopping, monitor } = this.settings;
    this.exchange = undefined;
    if (this.#peerEnded) this.expectNoWrite();
    monitor.requestEnded(exchange.token, 'answered', exchange.status, exchange.bodyBytesSent, undefined);
    if (stopping) this.#answeredWhileStopping = true;
    if (this.state === 'closing') return;
    // The peer may use the connection again where the head has said nothing against it, be we stopping or not.
    if (!this.encoder.keepAlive || !requestComplete || this.isLastRequest) {
      this.startClosing();
      return;
    }
    this.state = 'idle';
    this.hasOwnGrace = stopping;
    if (this.settings.listenerGone) this.stream.unref();
    this.#headDeadlineSet = false;
    const { idleTimeoutMs, stopGraceMs } = this.settings;
    const idleMs = stopping ? Math.min(stopGraceMs, idleTimeoutMs) : idleTimeoutMs;
    this.pace.rest(this.stream, idleMs, HIGH_WATER_BYTES);
    if (!this.#pumping) this.#pumpOnwards();
  }

  detach(onStopping: (() => void) | undefined): IOStream {
    const { stream } = this;
    const { monitor } = this.settings;
    this.state = 'closing';
    this.pace.close();
    monitor.requestEnded(this.exchange?.token, 'detached', 0, 0, undefined);
    monitor.connectionEnded(this, 'detached', undefined);
    this.exchange = undefined;
    stream.setConsumer(undefined);
    stream.unread(this.#decoder().takeRest());
    stream.ref();
    this.settings.connectionEnded(this, { stream, onStopping });
    return stream;
  }

  // ---- the pump ----

  /** For where a request is under way, so that there is a codec. */
  #decoder(): RequestDecoder {
    return (this.codec as ServerCodec).decoder;
  }

  /** Whether nothing more is taken from the peer before it has read of what we wrote. */
  #waitsForReader(): boolean {
    const { queuedBytes } = this.stream;
    if (queuedBytes <= HIGH_WATER_BYTES) return false;
    return this.state === 'idle' || (this.state === 'body' && queuedBytes > this.settings.maxUnsentBytes);
  }

  /** Decodes and delivers until bytes, the delegate or the answer make it wait. */
  #pump(): void {
    if (this.#pumping || this.codec === undefined) return;
    this.#pumping = true;
    try {
      // Ends: what fails has used up an event or has ended the connection, and a delegate is notified once.
      while (!this.#deliver() || this.#notifyPeerEnded()) this.#hasNext = true;
    } finally {
      this.#pumping = false;
    }
    this.#settle();
  }

  /** @returns false after a failure, which the requests that follow have no part in: there may be more to deliver. */
  #deliver(): boolean {
    try {
      // Each in a context of its own: the one before may have entered another by `enterWith`.
      do {
        if (this.#hasNext) runInRootContext(this.#deliverRequest, this);
        else this.#deliverRequest();
      } while (this.#hasNext);
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** Delivers the rest of one request at most. */
  #deliverRequest(): void {
    this.#hasNext = false;
    while (!this.#hasNext && (this.state === 'idle' || this.state === 'body')) {
      // Closed from within a handler: nothing could be answered any more.
      if (this.#waitsForReader() || this.stream.isClosed) break;
      const event = this.#decoder().next();
      if (event === NEED_DATA) break;
      if (event === HEAD) this.#deliverHead();
      else if (event === DATA) this.#deliverData();
      else if (event === END) {
        this.#deliverEnd();
        this.#hasNext = this.state === 'idle' && this.#decoder().bufferedBytes > 0;
      }
    }
  }

  /** The next request must not run in the async context of the one that was just answered. */
  #pumpOnwards(): void {
    if (this.codec !== undefined && this.codec.decoder.bufferedBytes > 0) runInRootContext(this.#pump, this);
    else this.#pump();
  }

  /** After the pump: keeps what was not decoded, and asks for more where more is wanted. */
  #settle(): void {
    const state = this.state;
    const codec = this.codec;
    if (state === 'closing' || codec === undefined) return;
    const { decoder } = codec;
    const waitsForReader = this.#waitsForReader();
    if (state === 'held' || state === 'answering' || waitsForReader) {
      decoder.hold();
      if (waitsForReader) this.pace.watchReader(this.stream);
      if (waitsForReader || decoder.bufferedBytes >= HELD_BYTES) this.#pause();
      return;
    }
    if (this.#peerEnded) {
      this.inputOver();
      return;
    }
    if (state === 'idle') this.#rest(codec);
    if (this.paused) {
      this.paused = false;
      this.stream.resume();
    }
  }

  /** Between requests, or in the middle of a head: gives the codec back, or sees to it that the head goes on. */
  #rest(codec: ServerCodec): void {
    if (codec.decoder.atRest) {
      this.codec = undefined;
      this.settings.codecs.give(codec);
    } else if (!this.#headDeadlineSet && codec.decoder.headStarted) {
      this.#headDeadlineSet = true;
      this.pace.set(this.settings.headerTimeoutMs);
    }
  }

  /**
   * Bytes came that cannot be dealt with yet. They are kept, and reading goes on for a while: who does not read
   * does not notice that the peer leaves.
   */
  #hold(): void {
    const decoder = this.#decoder();
    decoder.hold();
    if (decoder.bufferedBytes >= HELD_BYTES) this.#pause();
  }

  #pause(): void {
    if (this.paused) return;
    this.paused = true;
    this.stream.pause();
  }

  #deliverHead(): void {
    const { head } = this.#decoder();
    const settings = this.settings;
    this.state = 'body';
    this.encoder.begin(head.method, head.version, head.keepAlive);
    const info = settings.describe === undefined ? this : settings.describe(head, this);
    const exchange = new ServerExchange(this, head, info);
    exchange.token = settings.monitor.requestBegan(head, info, this);
    this.exchange = exchange;
    if (settings.listenerGone) this.stream.ref();
    const message = settings.delegate.startRequest(exchange);
    exchange.message = message;
    if (head.bodyLength !== 0) this.pace.beginBody(settings.bodyTimeoutMs);
    const waiting = message.headersReceived(head);
    if (head.bodyLength > 0 && message.collectsBody === true)
      exchange.pieces = new BodyPieces(head.bodyLength, settings.pieces);
    if (isThenable(waiting)) this.#waitFor(waiting, exchange);
    else if (exchange.expectsContinue) this.#continue(exchange);
  }

  #deliverData(): void {
    const decoder = this.#decoder();
    const { dataStart, dataEnd } = decoder;
    this.pace.countBody(dataEnd - dataStart);
    const exchange = this.exchange;
    if (exchange?.message === undefined) return;
    exchange.expectsContinue = false;
    const { message, pieces } = exchange;
    // Lent bytes stop here: what the delegate gets is its own.
    const own =
      pieces === undefined
        ? Buffer.from(decoder.data.subarray(dataStart, dataEnd))
        : pieces.take(decoder.data, dataStart, dataEnd);
    if (own === undefined) return;
    const waiting = message.dataReceived(own);
    if (isThenable(waiting)) this.#waitFor(waiting, exchange);
  }

  #deliverEnd(): void {
    const exchange = this.exchange;
    // Answered before its end, which only a request without a body may be: we are between requests already.
    if (exchange === undefined) return;
    exchange.requestComplete = true;
    this.pace.clear();
    this.state = 'answering';
    const waiting = exchange.message?.finish(this.#decoder().trailers);
    if (isThenable(waiting)) reportRejection(waiting, (error) => this.rejected(error, exchange));
  }

  /** Holds back what comes next until the delegate's promise settles. */
  #waitFor(waiting: PromiseLike<unknown>, exchange: ServerExchange): void {
    if (this.state !== 'body') {
      reportRejection(waiting, (error) => this.rejected(error, exchange));
      return;
    }
    this.state = 'held';
    const { clock } = this.settings.loop;
    const heldAt = this.pace.bodyIsLimited ? clock.now() : 0;
    Promise.resolve(waiting).then(
      () => {
        if (this.state !== 'held' || this.exchange !== exchange) return;
        this.state = 'body';
        if (exchange.expectsContinue) this.#continue(exchange);
        // While it was held, the peer could not make progress.
        if (!exchange.requestComplete) this.pace.resumeBody(heldAt === 0 ? 0 : clock.now() - heldAt);
        this.#pump();
      },
      (error) => this.rejected(error, exchange),
    );
  }

  /** Asks for the body (RFC 9110 §10.1.1), unless it is being sent already or the response has been started. */
  #continue(exchange: ServerExchange): void {
    exchange.expectsContinue = false;
    const decoder = this.#decoder();
    if (this.state !== 'body' || exchange.headSent || decoder.bufferedBytes > 0) return;
    // The decoder's next step refuses it with 413: a client that waits need not send it first.
    if (exchange.head.bodyLength > decoder.maxBodyBytes) return;
    this.stream.send(encodeInterim(100));
  }

  /** As with an exchange: what a delegate throws here must not reach the stream. */
  #tellClosed(): void {
    const { delegate, loop } = this.settings;
    callReporting(
      () => delegate.onClose?.(this),
      undefined,
      (error) => loop.logger.error({ error }, 'hearing of a closed connection failed'),
    );
  }
}
