import { Buffer } from 'node:buffer';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { callReporting } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import type {
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerExchange,
  RequestHead,
} from '../../delegate.ts';
import { encodeInterim, type HTTPHeaders } from '../../protocol/index.ts';
import { BodyPieces } from '../body-pieces.ts';
import { connectionChecks, endOfConnection, HTTPUsageError, peerEnded } from '../errors.ts';
import { endAnswer, writeAnswerBody, writeAnswerHead } from './answer-writer.ts';
import type { ConnectionHost } from './connection-host.ts';
import type { RequestToken } from './connection-monitor.ts';
import { HalfClosed } from './half-closed.ts';
import type { PeerPace } from './peer-pace.ts';
import type { ServerCodec } from './server-codecs.ts';

/** Above this many unsent bytes their reader must make progress, and no further request is begun. */
export const HIGH_WATER_BYTES = 64 * 1024;

/** What the head of a request says of it, beyond what its delegate hears. */
export interface BegunRequest extends RequestHead {
  /** -1 where it is chunked. */
  readonly bodyLength: number;
  readonly expectContinue: boolean;
}

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly stream: IOStream;
  readonly host: ConnectionHost;
  readonly pace: PeerPace;
  /** Whether the peer has ended its side. */
  readonly peerEnded: boolean;
  answerCompleted(exchange: ServerExchange): void;
  /** The answer will not be completed: the stream is closed or must be reset, for this reason. */
  answerFailed(exchange: ServerExchange, reason: Error): void;
  detach(onStopping: (() => void) | undefined): IOStream;
}

/**
 * One request's claim to the connection: what was received of it, and the answer to it. It outlives its turn safely:
 * once the answer is complete, or the connection is gone, nothing written here reaches the answer of another request.
 */
export class ServerExchange implements HTTPServerExchange {
  readonly head: BegunRequest;
  readonly connection: HTTPConnectionInfo;
  /** For the connection: how far the request is. Held: the delegate's promise holds back what comes next. */
  stage: 'body' | 'held' | 'answering' = 'body';
  /** For the connection: the whole request has come. */
  requestComplete: boolean;
  /** For the connection: what its monitor keeps for this request. */
  token: RequestToken | undefined = undefined;
  /** For the connection: of the answer's head; 0 while none was written. */
  status = 0;
  /** For the connection: of the answer's body, without framing. */
  bodyBytesSent = 0;
  /** For the connection: the reason that the delegate was given first, by which it may have aborted its work. */
  closeReason: Error | undefined = undefined;
  readonly #owner: ExchangeOwner;
  readonly #codec: ServerCodec;
  /** The delegate of the request, until the answer is complete or the connection gone. */
  #message: HTTPMessageDelegate | undefined;
  /** The peer waits for `100 Continue` before it sends the body. */
  #expectsContinue: boolean;
  /** Since when the request is held, where that matters; else 0. */
  #heldAt = 0;
  /** Where a body is put together that the delegate wants as a whole. */
  #pieces: BodyPieces | undefined;
  /** Made when the peer has ended its side and the head of the answer was sent. */
  #halfClosed: HalfClosed | undefined;
  #headSent = false;
  #finished = false;
  /** The connection ended, or took the answer over, before we were finished: writes go nowhere. */
  #cut = false;

  /** @param codec - of the connection, until the answer is complete. */
  constructor(owner: ExchangeOwner, codec: ServerCodec, head: BegunRequest, connection: HTTPConnectionInfo) {
    this.#owner = owner;
    this.#codec = codec;
    this.head = head;
    this.connection = connection;
    this.requestComplete = head.bodyLength === 0;
    this.#expectsContinue = head.expectContinue;
  }

  get headSent(): boolean {
    return this.#headSent;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get isCut(): boolean {
    return this.#cut;
  }

  get stopping(): AbortSignal {
    return this.#owner.host.drain.signal;
  }

  setMaxBodyBytes(maxBytes: number): void {
    if (!this.#cut && !this.#finished) this.#codec.pump.decoder.maxBodyBytes = maxBytes;
  }

  setBodyTimeoutMs(timeoutMs: number): void {
    connectionChecks.durationMs('setBodyTimeoutMs', 'timeoutMs', timeoutMs);
    if (this.#cut || this.#finished || this.requestComplete) return;
    this.#owner.pace.limitBody(timeoutMs);
    if (this.stage === 'body') this.#owner.pace.awaitBody();
  }

  writeInterim(status: number, headers?: HTTPHeaders): void {
    if (this.#headSent) throw new HTTPUsageError('writeInterim: the head of this answer has been written');
    const wire = encodeInterim(status, headers);
    if (!this.#cut && this.head.version === 'HTTP/1.1') this.#owner.stream.send(wire);
  }

  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last = false,
  ): void {
    if (this.#headSent) throw new HTTPUsageError('writeHead: the head of this answer has been written');
    if (this.#cut) return;
    const { limits, services, drain } = this.#owner.host;
    const stopping = drain.phase !== 'serving';
    const ends = stopping || !limits.keepAlive || this.isLastRequest || (last && !this.requestComplete);
    const terms = { date: services.dates.at(services.loop.clock.wallTime()), close: ends };
    this.bodyBytesSent = writeAnswerHead(
      this.#owner.stream,
      this.#codec.encoder,
      terms,
      status,
      reason,
      headers,
      chunk,
      last,
    );
    this.status = status;
    this.#headSent = true;
    if (last) this.#complete();
    else this.#written();
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    if (this.#cut) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    this.bodyBytesSent += writeAnswerBody(this.#owner.stream, this.#codec.encoder, bytes);
    this.#written();
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    if (!this.#cut) endAnswer(this.#owner.stream, this.#codec.encoder, trailers);
    this.#complete();
  }

  async waitDrained(): Promise<void> {
    const { stream } = this.#owner;
    try {
      if (!this.#cut) await stream.waitDrained();
    } catch (error) {
      // The stream may reject this before it reports its end: the delegate is notified first, in any case.
      if (stream.isClosed) this.#owner.answerFailed(this, endOfConnection(stream.error));
      throw this.closeReason ?? error;
    }
    // A caller that writes and waits in a loop would never let anything else run if this resolved at once for ever.
    if (this.#cut && this.closeReason !== undefined) throw this.closeReason;
  }

  abort(reason?: Error): void {
    if (this.#finished || this.#cut) return;
    this.#owner.stream.reset(reason);
  }

  detach(onStopping?: () => void): IOStream {
    if (this.#headSent || this.#cut)
      throw new HTTPUsageError('detach: the answer has begun, or the connection is gone');
    this.#cut = true;
    this.#headSent = true;
    this.#finished = true;
    return this.#owner.detach(onStopping);
  }

  // ---- for the connection ----

  /** Whether the peer has half-closed, and no pipelined request of it waits. */
  get isLastRequest(): boolean {
    return this.#owner.peerEnded && this.#codec.pump.decoder.bufferedBytes === 0;
  }

  /** The delegate gets the head. @returns what it returned. */
  begin(message: HTTPMessageDelegate): unknown {
    const { head } = this;
    const { limits, services } = this.#owner.host;
    this.#message = message;
    if (head.bodyLength !== 0) this.#owner.pace.beginBody(limits.bodyTimeoutMs);
    const waiting = message.headersReceived(head);
    if (head.bodyLength > 0 && message.collectsBody === true)
      this.#pieces = new BodyPieces(head.bodyLength, services.pieces);
    return waiting;
  }

  /** The delegate gets lent bytes of the body, as its own. @returns what it returned. */
  dataReceived(lent: Buffer, start: number, end: number): unknown {
    if (this.#message === undefined) return undefined;
    this.#expectsContinue = false;
    const own =
      this.#pieces === undefined
        ? Buffer.from(lent.subarray(start, end))
        : this.#pieces.take(lent, start, end);
    return own === undefined ? undefined : this.#message.dataReceived(own);
  }

  /** The whole request has come, and its delegate is told. @returns what it returned. */
  requestReceived(trailers: HTTPHeaders | undefined): unknown {
    this.requestComplete = true;
    this.stage = 'answering';
    return this.#message?.finish(trailers);
  }

  /** The delegate's promise holds back what comes next. While it does, the peer cannot make progress. */
  hold(): void {
    this.stage = 'held';
    const { pace, host } = this.#owner;
    this.#heldAt = pace.bodyIsLimited ? host.services.loop.clock.now() : 0;
  }

  /** The promise is fulfilled. @returns whether it was waited for. */
  release(): boolean {
    if (this.stage !== 'held') return false;
    this.stage = 'body';
    this.askForBody();
    const { pace, host } = this.#owner;
    if (!this.requestComplete)
      pace.resumeBody(this.#heldAt === 0 ? 0 : host.services.loop.clock.now() - this.#heldAt);
    return true;
  }

  /** `100 Continue` (RFC 9110 §10.1.1), unless the body is being sent already or the response has been started. */
  askForBody(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    if (this.stage !== 'body' || this.#headSent || this.#codec.pump.decoder.bufferedBytes > 0) return;
    // The decoder's next step refuses it with 413: a client that waits need not send it first.
    if (this.head.bodyLength > this.#codec.pump.decoder.maxBodyBytes) return;
    this.#owner.stream.send(encodeInterim(100));
  }

  /** The peer has ended its side, which does not end the message. @returns whether the delegate was told now, for once. */
  notifyPeerEnded(): boolean {
    if (this.closeReason !== undefined || this.stage === 'body') return false;
    if (this.#headSent) this.#expectWrite();
    this.closeReason = peerEnded();
    this.#tell(this.#message, this.closeReason);
    return true;
  }

  /** Whatever is still written goes nowhere, and the delegate hears, once, that its message will not be completed. */
  cut(reason: Error): void {
    this.#cut = true;
    const message = this.#message;
    this.#message = undefined;
    this.closeReason ??= reason;
    this.#pieces?.release();
    this.#pieces = undefined;
    this.#halfClosed?.close();
    this.#tell(message, reason);
  }

  [INSPECT](): object {
    return inspection(this, ['head', 'status', 'headSent', 'finished', 'bodyBytesSent'], () => ({
      remoteAddress: inspectedAddress(this.connection.remoteAddress),
      connection: undefined,
      token: undefined,
    }));
  }

  /** What a delegate throws here is its own, and must not reach the stream that all else depends on. */
  #tell(message: HTTPMessageDelegate | undefined, reason: Error): void {
    callReporting(
      () => message?.connectionClosed(reason),
      undefined,
      (error) =>
        this.#owner.host.services.loop.logger.error({ error }, 'hearing of a closed connection failed'),
    );
  }

  #requireOpen(operation: string): void {
    if (!this.#headSent) throw new HTTPUsageError(`${operation}: writeHead comes first`);
    if (this.#finished) throw new HTTPUsageError(`${operation}: this answer is complete`);
  }

  /** More of the answer was written. While a body is awaited, its sender is who must make progress. */
  #written(): void {
    const { stream, pace } = this.#owner;
    if (this.#owner.peerEnded) this.#expectWrite();
    if (stream.queuedBytes > HIGH_WATER_BYTES && this.stage !== 'body') pace.watchReader(stream);
  }

  /** The peer has ended its side: the answer, whose head was sent, must go on within `halfClosedMs`. */
  #expectWrite(): void {
    const { stream, host } = this.#owner;
    this.#halfClosed ??= new HalfClosed(stream, host, (reason) => this.#owner.answerFailed(this, reason));
    this.#halfClosed.expectWrite();
  }

  #complete(): void {
    this.#finished = true;
    this.#halfClosed?.close();
    if (!this.#cut) this.#owner.answerCompleted(this);
  }
}
