import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { callReporting } from '@landspout/ioloop/reactor';
import { type IOStream, StreamFileError } from '@landspout/iostream';
import type {
  FilePart,
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerExchange,
  RequestHead,
  StopNotice,
} from '../../delegate.ts';
import { encodeInterim, type HTTPHeaders, type PreparedPiece } from '../../protocol/index.ts';
import { BodyPieces } from '../body-pieces.ts';
import { connectionChecks, endOfConnection, HTTPUsageError, peerEnded } from '../errors.ts';
import { truncationOf } from '../truncation.ts';
import type { ConnectionHost, DetachedStream } from './connection-host.ts';
import type { RequestToken } from './connection-monitor.ts';
import { requireFilePart, sendFilePart } from './file-part.ts';
import { HalfClosed } from './half-closed.ts';
import type { PeerPace } from './peer-pace.ts';
import type { FailedRequest } from './refusal.ts';
import {
  endResponse,
  writePreparedPiece,
  writeResponseBody,
  writeResponseHead,
  writeResponseText,
} from './response-writer.ts';
import type { ServerCodec } from './server-codecs.ts';

/**
 * While more bytes than this are unsent, the peer must keep reading at the minimum rate, and no new request is started:
 * a client that does not read its responses cannot make the server do more work.
 */
export const HIGH_WATER_BYTES = 64 * 1024;

/** A request head with the framing that only the connection needs. */
export interface BegunRequest extends RequestHead {
  /** In bytes; -1 if the body is chunked. */
  readonly bodyLength: number;
  readonly expectContinue: boolean;
}

/** What an exchange needs from its connection. */
export interface ExchangeOwner {
  readonly stream: IOStream;
  readonly host: ConnectionHost;
  readonly pace: PeerPace;
  /** Whether the peer has shut down its writing side. */
  readonly peerEnded: boolean;
  responseCompleted(exchange: ServerExchange): void;
  /** Called if the response cannot be completed: the stream is closed, or must be reset with `reason`. */
  responseFailed(exchange: ServerExchange, reason: Error): void;
  detach(onStopping: DetachedStream['onStopping']): IOStream;
}

/**
 * One request on a connection, and the response to it. A delegate may keep it safely: after the response is complete or
 * the connection has ended, nothing written to it can get into the response to another request.
 */
export class ServerExchange implements HTTPServerExchange {
  readonly head: BegunRequest;
  readonly connection: HTTPConnectionInfo;
  /** For the connection: the progress of the request. `held`: the connection waits for a promise of the delegate. */
  stage: 'body' | 'held' | 'responding' = 'body';
  /** For the connection: whether the whole request was received. */
  requestComplete: boolean;
  /** For the connection: the monitor's token for this request. */
  token: RequestToken | undefined = undefined;
  /** For the connection: the status of the response; 0 until its headers are written. */
  status = 0;
  bodyBytesSent = 0;
  /** For the connection: why the request is refused; undefined if it is not. */
  refusedWith: Error | undefined = undefined;
  /** For the connection: the first reason passed to the delegate, which may have aborted its work with that reason. */
  closeReason: Error | undefined = undefined;
  readonly #owner: ExchangeOwner;
  /** Until the connection is detached, which may then live for hours without one. */
  #ownCodec: ServerCodec | undefined;
  /** The delegate of the request, until the response is complete or the connection has ended. */
  #message: HTTPMessageDelegate | undefined;
  /** Whether the peer waits for `100 Continue` before it sends the body. */
  #expectsContinue: boolean;
  /** The time at which the request was last held; 0 unless the body has a timeout. */
  #heldAt = 0;
  /** Collects the body if the delegate needs all of it at once. */
  #pieces: BodyPieces | undefined;
  /** Created after the peer has half-closed and the response headers were sent. */
  #halfClosed: HalfClosed | undefined;
  #headSent = false;
  #finished = false;
  /**
   * The connection ended, or responded itself, before the delegate completed the response: further writes are
   * discarded.
   */
  #cut = false;

  /** @param codec - the codec of the connection; used until the response is complete. */
  constructor(owner: ExchangeOwner, codec: ServerCodec, head: BegunRequest, connection: HTTPConnectionInfo) {
    this.#owner = owner;
    this.#ownCodec = codec;
    this.head = head;
    this.connection = connection;
    this.requestComplete = head.bodyLength === 0;
    this.#expectsContinue = head.expectContinue;
  }

  get #codec(): ServerCodec {
    return this.#ownCodec as ServerCodec;
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
    if (this.#headSent)
      throw new HTTPUsageError('writeInterim: the response headers have already been written');
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
    if (this.#headSent) throw new HTTPUsageError('writeHead: the response headers have already been written');
    if (this.#cut) return;
    const { limits, services, drain } = this.#owner.host;
    const stopping = drain.phase !== 'serving';
    const isLast = this.isLastRequest || this.refusedWith !== undefined || (last && !this.requestComplete);
    const ends = stopping || !limits.keepAlive || isLast;
    const terms = { date: services.dates.at(services.loop.clock.wallTime()), close: ends };
    try {
      this.bodyBytesSent = writeResponseHead(
        this.#owner.stream,
        this.#codec.encoder,
        terms,
        status,
        reason,
        headers,
        chunk,
        last,
      );
    } catch (error) {
      // If the body was invalid, the stream was reset, and the headers were already sent.
      this.#headSent = this.#owner.stream.isClosed;
      throw error;
    }
    this.status = status;
    this.#headSent = true;
    if (last) this.#complete();
    else this.#written();
  }

  write(chunk: string | Uint8Array): void {
    this.#requireOpen('write');
    if (this.#cut) return;
    const { stream } = this.#owner;
    const { encoder } = this.#codec;
    this.bodyBytesSent +=
      typeof chunk === 'string'
        ? writeResponseText(stream, encoder, chunk)
        : writeResponseBody(stream, encoder, chunk);
    this.#written();
  }

  writePrepared(piece: PreparedPiece): void {
    this.#requireOpen('writePrepared');
    if (this.#cut) return;
    this.bodyBytesSent += writePreparedPiece(this.#owner.stream, this.#codec.encoder, piece);
    this.#written();
  }

  writeFile(file: FileHandle | number, part: FilePart): Promise<void> {
    const { start, end } = requireFilePart(file, part);
    this.#requireOpen('writeFile');
    let sent: Promise<unknown> | undefined;
    if (!this.#cut) {
      sent = sendFilePart(this.#owner.stream, this.#codec.encoder, file, start, end);
      if (sent !== undefined) this.bodyBytesSent += end - start;
      this.#written();
    }
    const written = this.#settled(sent);
    // A caller that ignores the promise is notified by `connectionClosed`.
    written.catch(() => {});
    return written;
  }

  finish(trailers?: HTTPHeaders): void {
    this.#requireOpen('finish');
    if (!this.#cut) endResponse(this.#owner.stream, this.#codec.encoder, trailers);
    this.#complete();
  }

  waitDrained(): Promise<void> {
    return this.#settled(this.#cut ? undefined : this.#owner.stream.waitDrained());
  }

  get isDrained(): boolean {
    return this.#cut || this.#owner.stream.queuedBytes <= HIGH_WATER_BYTES;
  }

  abort(reason?: Error): void {
    if (this.#finished || this.#cut) return;
    this.#owner.stream.reset(reason);
  }

  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    if (this.#headSent || this.#cut)
      throw new HTTPUsageError('detach: the response has been started, or the connection has ended');
    this.#cut = true;
    this.#headSent = true;
    this.#finished = true;
    const stream = this.#owner.detach(onStopping);
    this.#ownCodec = undefined;
    return stream;
  }

  // ---- for the connection ----

  /** Whether the peer has half-closed, and no pipelined request is buffered. */
  get isLastRequest(): boolean {
    return this.#owner.peerEnded && this.#codec.pump.decoder.bufferedBytes === 0;
  }

  /** Passes the head to the delegate. @returns what the delegate returned. */
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

  /** Passes a copy of borrowed body bytes to the delegate. @returns what the delegate returned. */
  dataReceived(lent: Buffer, start: number, end: number): unknown {
    if (this.#message === undefined) return undefined;
    this.#expectsContinue = false;
    const own =
      this.#pieces === undefined
        ? Buffer.from(lent.subarray(start, end))
        : this.#pieces.take(lent, start, end);
    return own === undefined ? undefined : this.#message.dataReceived(own);
  }

  /** Notifies the delegate that the whole request was received. @returns what the delegate returned. */
  requestReceived(trailers: HTTPHeaders | undefined): unknown {
    this.requestComplete = true;
    this.stage = 'responding';
    // The delegate may have written a file while the body was being received, and perhaps it will not write again.
    this.#watchReader();
    return this.#message?.finish(trailers);
  }

  /** Waits for the delegate's promise. Until then, no body is read, so the peer cannot send more of it. */
  hold(): void {
    this.stage = 'held';
    const { pace, host } = this.#owner;
    this.#heldAt = pace.bodyIsLimited ? host.services.loop.clock.now() : 0;
  }

  /** Continues after the delegate's promise is fulfilled. @returns whether the request was held. */
  release(): boolean {
    if (this.stage !== 'held') return false;
    this.stage = 'body';
    this.askForBody();
    const { pace, host } = this.#owner;
    if (!this.requestComplete)
      pace.resumeBody(this.#heldAt === 0 ? 0 : host.services.loop.clock.now() - this.#heldAt);
    return true;
  }

  /**
   * Sends `100 Continue` (RFC 9110 §10.1.1) unless the body is already arriving, the response has been started or the
   * request was cut.
   */
  askForBody(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    if (this.stage !== 'body' || this.#headSent || this.#cut) return;
    if (this.#codec.pump.decoder.bufferedBytes > 0) return;
    // The decoder will refuse this body with 413, so the client need not send it.
    if (this.head.bodyLength > this.#codec.pump.decoder.maxBodyBytes) return;
    this.#owner.stream.send(encodeInterim(100));
  }

  /** Notifies the delegate, once, that the peer has half-closed. @returns whether it was notified by this call. */
  notifyPeerEnded(): boolean {
    if (this.closeReason !== undefined || this.stage === 'body') return false;
    if (this.#headSent) this.#expectWrite();
    // A complete request is not affected by the way in which the connection has ended after it.
    const cause = this.requestComplete ? undefined : truncationOf(this.#owner.stream, 'request');
    this.closeReason = peerEnded(cause);
    this.#tell(this.#message, this.closeReason);
    return true;
  }

  /** Lets the delegate respond to a refused request. @returns whether the response is complete. */
  refuse({ error, refusal }: FailedRequest): boolean {
    const message = this.#message;
    if (message?.refused === undefined) return false;
    this.refusedWith = error;
    callReporting(
      () => message.refused?.({ ...refusal, error }),
      undefined,
      (failure) =>
        this.#owner.host.services.loop.logger.error(
          { error: failure },
          "the delegate's refused callback threw",
        ),
    );
    if (this.#finished) this.#release();
    return this.#finished;
  }

  /** Discards further writes, and notifies the delegate, once, that its message will not be completed. */
  cut(reason: Error): void {
    this.#cut = true;
    const message = this.#message;
    this.#release();
    this.closeReason ??= reason;
    this.#halfClosed?.close();
    this.#tell(message, reason);
  }

  /** Releases the delegate, which is not called again, and the part of the body that was not passed to it. */
  #release(): void {
    this.#message = undefined;
    this.#pieces?.release();
    this.#pieces = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['head', 'status', 'headSent', 'finished', 'bodyBytesSent'], () => ({
      remoteAddress: inspectedAddress(this.connection.remoteAddress),
      connection: undefined,
      token: undefined,
    }));
  }

  /** Notifies a delegate. An error that it throws is logged, and must not reach the stream. */
  #tell(message: HTTPMessageDelegate | undefined, reason: Error): void {
    callReporting(
      () => message?.connectionClosed(reason),
      undefined,
      (error) =>
        this.#owner.host.services.loop.logger.error(
          { error },
          "the delegate's connectionClosed callback threw",
        ),
    );
  }

  #requireOpen(operation: string): void {
    if (!this.#headSent) throw new HTTPUsageError(`${operation}: call writeHead first`);
    if (this.#finished) throw new HTTPUsageError(`${operation}: the response is complete`);
  }

  /** Waits for the stream. If the stream fails, throws the reason that was passed to the delegate. */
  async #settled(waiting: Promise<unknown> | undefined): Promise<void> {
    try {
      await waiting;
    } catch (error) {
      const { stream } = this.#owner;
      // The stream may reject before it reports that it is closed. The delegate is always notified first.
      if (stream.isClosed) this.#owner.responseFailed(this, endOfConnection(stream.error));
      throw error instanceof StreamFileError ? error : (this.closeReason ?? error);
    }
    // Without this, a caller that writes and waits in a loop would never stop, and would block the event loop.
    if (this.#cut && this.closeReason !== undefined) throw this.closeReason;
  }

  /**
   * Called after more of the response was written. While a request body is being received, only the progress of that
   * body is checked.
   */
  #written(): void {
    if (this.#owner.peerEnded) this.#expectWrite();
    if (this.stage !== 'body') this.#watchReader();
  }

  #watchReader(): void {
    const { stream, pace } = this.#owner;
    if (stream.queuedBytes > HIGH_WATER_BYTES) pace.watchReader(stream);
  }

  /** Requires the delegate to write more of the response within `halfClosedMs`, because the peer has half-closed. */
  #expectWrite(): void {
    const { stream, host } = this.#owner;
    this.#halfClosed ??= new HalfClosed(stream, host, (reason) => this.#owner.responseFailed(this, reason));
    this.#halfClosed.expectWrite();
  }

  #complete(): void {
    this.#finished = true;
    this.#halfClosed?.close();
    if (!this.#cut) this.#owner.responseCompleted(this);
  }
}
