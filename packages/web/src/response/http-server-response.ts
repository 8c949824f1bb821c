import {
  type HTTPHeaders,
  type HTTPServerExchange,
  jsonText,
  PreparedPiece,
  type StopNotice,
} from '@landspout/http1';
import type { BodyEncoder, ContentCoding, EncodedBodySink } from '@landspout/http1/content-coding';
import { errorOf, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import type { Cookies } from '../cookies/cookies.ts';
import { type Chunk, disown, WebUsageError } from '../errors.ts';
import { Html } from '../html/html-value.ts';
import type { ResponseCoding } from './response-coding.ts';
import { isBodiless, ResponseHead } from './response-head.ts';
import { UnsentBody } from './unsent-body.ts';

// The content of one response: status, headers, unsent body, entity tag, and whether the preconditions of the request
// are met. Does not know handlers, files or routes.

/**
 * The state of a response.
 *
 * - open: nothing has been sent, and everything can still change
 * - streaming: the headers are sent, and more of the body may follow
 * - finished: complete, or cut off
 * - detached: another protocol has taken over the connection
 */
type Phase = 'open' | 'streaming' | 'finished' | 'detached';

/** Is notified when a response is complete or cut off, but not if another protocol takes over the connection. */
export interface ResponseOwner {
  responseEnded(): void;
  /** Called when another protocol has taken over the connection. */
  responseDetached(): void;
  /** Creates {@link HTTPServerResponse.cookies}. */
  makeCookies(response: HTTPServerResponse): Cookies;
  /** Creates what compresses the body; undefined if the response must not be compressed. */
  makeCoding(): ResponseCoding | undefined;
  /** Called if the body cannot be completed after its head was sent; the response was cut off. */
  responseFailed(error: unknown): void;
}

/** Changes the headers of a response just before they are sent. */
export type HeaderHook = (response: HTTPServerResponse) => void;

/** One response while it is written: status, headers and the unsent part of the body. */
export class HTTPServerResponse extends ResponseHead {
  /**
   * Whether the body may be compressed, if the setting `compressResponse` of the application and the route allow it. Set
   * it to false before `finish` or `flush`, for example for a page with a secret beside text that the client chose.
   */
  compress = true;
  #exchange: HTTPServerExchange;
  #completesLater = false;
  /** Whether the exchange has the whole response, but has not completed it. */
  #isCompleting = false;
  #gone: Error | undefined = undefined;
  #phase: Phase = 'open';
  readonly #body = new UnsentBody();
  /** Whether the client already has this version, so that anything still written is discarded. */
  #notModified = false;
  readonly #owner: ResponseOwner;
  /** Undefined until it is needed; null if the response must not be compressed. */
  #coding: ResponseCoding | null | undefined = undefined;
  /** Compresses the body that is sent in pieces. */
  #encoder: BodyEncoder | undefined = undefined;
  #cookies: Cookies | undefined = undefined;
  /** The trailers of a body that is still being compressed. */
  #trailers: HTTPHeaders | undefined = undefined;

  /** Called by the application. */
  constructor(exchange: HTTPServerExchange, defaults: HTTPHeaders, owner: ResponseOwner) {
    super(defaults);
    this.#exchange = exchange;
    this.#owner = owner;
  }

  /** The exchange through which the response is written: that of the connection, unless middleware has replaced it. */
  get exchange(): HTTPServerExchange {
    return this.#exchange;
  }

  /**
   * Used by `nodeMiddleware`: replaces the exchange, before the headers are sent.
   *
   * @param completesLater - whether the exchange may complete the response after it was passed on; then
   *   {@link exchangeCompleted} must be called.
   */
  replaceExchange(exchange: HTTPServerExchange, completesLater: boolean): void {
    this.#exchange = exchange;
    this.#completesLater = completesLater;
  }

  /** The exchange has completed the response, of which it got the end before. */
  exchangeCompleted(): void {
    if (!this.#isCompleting) return;
    this.#isCompleting = false;
    this.#owner.responseEnded();
  }

  /** Why nothing more can reach the client; undefined while it is connected. */
  get gone(): Error | undefined {
    return this.#gone;
  }

  /** Called by the application when nothing more can reach the client. */
  connectionLost(reason: Error): void {
    this.#gone = reason;
    this.exchangeCompleted();
    const encoder = this.#encoder;
    if (encoder === undefined) return;
    this.#encoder = undefined;
    encoder.abort();
    // The rest of the body was still being compressed.
    if (this.#phase === 'finished') this.#owner.responseEnded();
  }

  /** Whether status and headers can no longer change. */
  get headSent(): boolean {
    return this.#phase !== 'open';
  }

  /** Whether nothing more can be written. */
  get ended(): boolean {
    return this.#phase === 'finished' || this.#phase === 'detached';
  }

  /** Whether another protocol has taken over the connection. */
  get isDetached(): boolean {
    return this.#phase === 'detached';
  }

  /** The cookies of the request and of this response. {@link reset} keeps them. */
  get cookies(): Cookies {
    this.#cookies ??= this.#owner.makeCookies(this);
    return this.#cookies;
  }

  /** Discards status, headers and what was written. */
  reset(): void {
    this.resetHead();
    this.#notModified = false;
    this.#coding = undefined;
    this.#body.clear();
  }

  /** Writes a piece of the body. An object is sent as JSON, with that Content-Type. */
  write(chunk: Chunk | Html): void {
    this.requireUnfinished('write');
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) {
      this.append(chunk);
      return;
    }
    if (Html.isHtml(chunk)) {
      // If it is asynchronous, it is refused.
      if (chunk.isAsync) chunk.cancel();
      this.append(chunk.toString());
      return;
    }
    const json = Array.isArray(chunk) ? undefined : jsonText(chunk);
    if (json === undefined) throw unwritable(chunk);
    this.append(json);
    if (this.#phase === 'open') this.headers.set('Content-Type', 'application/json; charset=UTF-8');
  }

  append(chunk: string | Uint8Array): void {
    if (!this.#notModified) this.#body.append(chunk);
  }

  /** What was written and not sent yet. */
  get unsent(): UnsentBody {
    return this.#body;
  }

  /** Turns the response into a 304 (RFC 9110 §15.4.5): discards what was written and anything written later. */
  becomeNotModified(): void {
    this.status = 304;
    this.reason = '';
    this.#notModified = true;
    this.#body.clear();
  }

  /**
   * Chooses the content coding, which also decides about the `ETag`. Call it before the preconditions of the request are
   * evaluated.
   *
   * @param isWhole - whether what was written is the whole body.
   */
  chooseCoding(isWhole: boolean): void {
    if (this.#phase !== 'open' || this.status === 304) return;
    if (this.#coding === undefined) this.#coding = this.#owner.makeCoding() ?? null;
    if (this.#coding === null) return;
    if (this.compress) this.#coding.choose(this, isWhole);
    else this.#coding.decline(this);
  }

  /** The content coding that was chosen by {@link chooseCoding}; undefined for none. */
  get contentCoding(): ContentCoding | undefined {
    return this.#coding?.coding;
  }

  /**
   * Sends the headers, unless they are already sent, and what was written. The promise resolves when more may be
   * written.
   */
  flush(): Promise<void> {
    this.requireUnfinished('flush');
    this.#push();
    const drained = this.#drained();
    // A handler that does not await this promise is notified by `onConnectionClose` and `signal` if the client
    // disconnects.
    drained.catch(() => {});
    return drained;
  }

  /**
   * Sends a piece of the body at once. The headers must have been sent by {@link flush}. For a piece of many responses,
   * a {@link PreparedPiece} is cheaper.
   *
   * @returns undefined if more may be sent now, which needs no promise; otherwise that of {@link flush}.
   * @throws WebUsageError `ERR_WEB_FINISHED`.
   */
  send(piece: string | Uint8Array | PreparedPiece): Promise<void> | undefined {
    const { exchange } = this;
    if (this.#phase !== 'streaming' || this.#encoder !== undefined || this.gone !== undefined) {
      this.append(piece instanceof PreparedPiece ? piece.bytes : piece);
      return this.flush();
    }
    writePiece(exchange, piece);
    return exchange.isDrained === true ? undefined : this.flush();
  }

  /**
   * Completes the response, for middleware that responds in place of the handler. A handler calls its own `finish`,
   * which also evaluates preconditions.
   *
   * @throws WebUsageError `ERR_WEB_FINISHED`, `ERR_WEB_USAGE`, `ERR_WEB_BODY_FORBIDDEN`.
   */
  finish(status?: number, body?: Chunk | Html): void {
    if (status !== undefined) this.setStatus(status, '');
    if (body !== undefined) this.write(body);
    this.end();
  }

  /** Completes the response: in one piece if nothing has been sent. */
  end(trailers?: HTTPHeaders): void {
    this.requireUnfinished('finish');
    if (this.gone !== undefined) {
      this.#phase = 'finished';
    } else if (this.#phase !== 'open' || !this.#sendWhole()) {
      this.#endStream(trailers);
      return;
    }
    this.#phase = 'finished';
    this.#ended();
  }

  // ---- for the response of a mounted delegate, which its exchange passes on ----

  /** Whether the body is compressed in pieces. */
  get isEncoding(): boolean {
    return this.#encoder !== undefined;
  }

  /** Sends the headers, unless they are already sent, and a piece of the body, at once and without a promise. */
  passPiece(piece: string | Uint8Array | PreparedPiece): void {
    if (this.#phase === 'streaming' && this.#encoder === undefined && !this.#notModified) {
      if (this.gone === undefined) writePiece(this.exchange, piece);
      return;
    }
    this.append(piece instanceof PreparedPiece ? piece.bytes : piece);
    this.#push();
  }

  /** Resolves when more may be written. Rejects if the client has disconnected. */
  waitDrained(): Promise<void> {
    return this.#encoder === undefined ? this.exchange.waitDrained() : this.#drained();
  }

  /** Closes the connection, so that an incomplete response does not look complete. */
  abort(reason: Error): void {
    this.#phase = 'finished';
    this.#encoder?.abort();
    this.#encoder = undefined;
    this.exchange.abort(reason);
    this.#owner.responseEnded();
  }

  /**
   * Returns the headers for a caller that takes over the connection and sends the headers itself, such as those of a
   * 101. Calls the hooks of {@link beforeHeaders} first. The result is a copy that includes the cookies. Call this just
   * before {@link detach}, since the hooks do not run again.
   *
   * @throws WebUsageError `ERR_WEB_HEAD_SENT`, `ERR_WEB_FINISHED`; what a hook throws.
   */
  takeHeaders(): HTTPHeaders {
    this.requireUnsent('takeHeaders');
    this.#complete();
    return this.presentHeaders.copy();
  }

  /** Hands over the connection. */
  detach(onStopping?: (notice: StopNotice) => void): IOStream {
    if (this.#phase === 'streaming') throw headSent('detach');
    this.requireUnfinished('detach');
    const stream = this.exchange.detach(onStopping);
    this.#phase = 'detached';
    this.#owner.responseDetached();
    return stream;
  }

  /** @throws WebUsageError `ERR_WEB_FINISHED`. */
  requireUnfinished(operation: string): void {
    if (!this.ended) return;
    const ended = this.#phase === 'detached' ? 'cannot be changed after detach' : 'is already complete';
    throw new WebUsageError('ERR_WEB_FINISHED', `${operation}: the response ${ended}`);
  }

  /** @throws WebUsageError `ERR_WEB_FINISHED` or `ERR_WEB_HEAD_SENT`. */
  requireUnsent(operation: string): void {
    if (this.#phase === 'open') return;
    this.requireUnfinished(operation);
    throw headSent(operation);
  }

  [INSPECT](): object {
    return inspection(this, ['status', 'headSent', 'ended'], () => ({
      headers: this.presentHeaders,
      reason: undefined,
      cookies: undefined,
      gone: undefined,
      exchange: undefined,
    }));
  }

  /** Sends the complete response. @returns false if the body is to be compressed in pieces; its head is sent then. */
  #sendWhole(): boolean {
    this.#prepareHead(true);
    const coding = this.#coding ?? undefined;
    const whole = coding?.encodeWhole(this.#body);
    if (whole === undefined && this.#openEncoder()) {
      this.#sendHead('');
      return false;
    }
    coding?.applyTo(this);
    const head = this.takeHeadersToSend();
    this.exchange.writeHead(this.status, this.reason, head, whole ?? this.#body.take(), true);
    return true;
  }

  /** Sends the headers, unless they are already sent, and what was written. */
  #push(): void {
    if (this.gone === undefined) {
      if (this.#phase === 'open') this.#startStream();
      const chunk = this.#body.take();
      if (this.#encoder !== undefined) {
        this.#encoder.write(chunk);
        this.#encoder.flush();
      } else if (chunk.length > 0) {
        this.exchange.write(chunk);
      }
    }
    this.#phase = 'streaming';
  }

  /** Sends the head of a response whose body is sent in pieces, with the first piece unless that is compressed. */
  #startStream(): void {
    this.#prepareHead(false);
    const isCoded = this.#openEncoder();
    this.#sendHead(isCoded ? '' : this.#body.take());
  }

  /** Opens the encoder if the response has a content coding. */
  #openEncoder(): boolean {
    const sink: EncodedBodySink = {
      take: (piece) => this.exchange.write(piece),
      ended: () => this.#encoded(),
      failed: (error) => {
        this.abort(errorOf(error));
        this.#owner.responseFailed(error);
      },
    };
    const encoder = this.#coding?.open(this, sink);
    if (encoder !== 'none') this.#encoder = encoder;
    return encoder !== undefined;
  }

  #sendHead(chunk: string | Uint8Array): void {
    this.#coding?.applyTo(this);
    try {
      this.exchange.writeHead(this.status, this.reason, this.takeHeadersToSend(), chunk, false);
    } catch (error) {
      this.#encoder?.abort();
      this.#encoder = undefined;
      // If the first piece violates the Content-Length, the headers are already sent and no error page can follow.
      if (this.exchange.headSent) this.#phase = 'streaming';
      throw error;
    }
  }

  #endStream(trailers: HTTPHeaders | undefined): void {
    this.#phase = 'finished';
    const encoder = this.#encoder;
    if (encoder !== undefined) {
      this.#trailers = trailers;
      this.#endCoded(encoder);
      return;
    }
    try {
      const chunk = this.#body.take();
      if (chunk.length > 0) this.exchange.write(chunk);
      this.exchange.finish(trailers);
    } finally {
      // If the body violates its Content-Length, the connection is cut off, which also ends the response.
      this.#ended();
    }
  }

  #endCoded(encoder: BodyEncoder): void {
    try {
      encoder.write(this.#body.take());
      encoder.end();
    } catch (error) {
      // Too much waits to be compressed. Nothing else would end the response.
      this.abort(errorOf(error));
      throw error;
    }
  }

  /** Called when the last piece of a compressed body was written. */
  #encoded(): void {
    this.#encoder = undefined;
    this.exchange.finish(this.#trailers);
    this.#ended();
  }

  #ended(): void {
    const { finished, isCut } = this.#exchange;
    if (this.#completesLater && !finished && !isCut) this.#isCompleting = true;
    else this.#owner.responseEnded();
  }

  /** Does what is decided only just before the headers are sent. @param isWhole - whether the body is complete. */
  #prepareHead(isWhole: boolean): void {
    this.#requireBodyAllowed();
    this.#complete();
    this.chooseCoding(isWhole);
  }

  /** Adds what is decided only just before the headers are sent: the changes of the hooks, and the cookies. */
  #complete(): void {
    // A hook may have changed the status.
    if (this.callHooks()) this.#requireBodyAllowed();
    if (this.#cookies?.hasChanges === true) this.#cookies.applyTo(this.headers);
  }

  /** Called before the hooks: if the response cannot be sent, they must still be available for the error page. */
  #requireBodyAllowed(): void {
    if (!isBodiless(this.status) || this.#body.isEmpty) return;
    this.#body.clear();
    // The connection would discard it too.
    if (this.isPassed) return;
    throw new WebUsageError(
      'ERR_WEB_BODY_FORBIDDEN',
      `a response with status ${this.status} must not have a body`,
    );
  }

  async #drained(): Promise<void> {
    try {
      await this.#encoder?.waitDrained();
      if (this.gone === undefined) await this.exchange.waitDrained();
    } catch (error) {
      throw this.gone ?? error;
    }
    if (this.gone !== undefined) throw this.gone;
  }
}

function writePiece(exchange: HTTPServerExchange, piece: string | Uint8Array | PreparedPiece): void {
  if (!(piece instanceof PreparedPiece)) exchange.write(piece);
  else if (exchange.writePrepared === undefined) exchange.write(piece.bytes);
  else exchange.writePrepared(piece);
}

function headSent(operation: string): WebUsageError {
  return new WebUsageError('ERR_WEB_HEAD_SENT', `${operation}: status and headers are already sent`);
}

function unwritable(chunk: unknown): WebUsageError {
  disown(chunk);
  const expected = 'chunk must be a string, a Uint8Array or a plain object';
  return new WebUsageError(
    'ERR_WEB_USAGE',
    `write: ${expected}, got ${shownValue(chunk)}${remedyFor(chunk)}`,
  );
}

function remedyFor(chunk: unknown): string {
  if (Array.isArray(chunk)) return ' (wrap it in an object: { items: [] })';
  if (chunk instanceof Map) return ' (convert it with Object.fromEntries)';
  if (chunk instanceof Set) return ' (wrap it in an object: { items: [...set] })';
  if (typeof chunk === 'function') return ' (call it?)';
  return typeof chunk === 'number' || typeof chunk === 'bigint' ? ' (convert it with String)' : '';
}
