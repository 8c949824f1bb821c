// The client/ folder holds a single connection: one request after another, and upgrades. Pools are
// left to `@landspout/httpclient`.

import { Buffer } from 'node:buffer';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import { isThenable, reportRejection } from '@landspout/ioloop/reactor';
import type { IOStream, StreamConsumer } from '@landspout/iostream';
import {
  EncodedRequestHead,
  type HTTPHeaders,
  type Http1Limits,
  Http1ProtocolError,
  RequestEncoder,
  RequestFields,
  ResponseDecoder,
  ScanView,
} from '../../protocol/index.ts';
import { BodyPieces, PiecePool } from '../body-pieces.ts';
import { connectionChecks, HTTPClosedError, HTTPUsageError } from '../errors.ts';
import { MessagePump, type PumpedConnection } from '../message-pump.ts';
import { truncationOf } from '../truncation.ts';
import type { ClientRequest, HTTPResponseDelegate } from './client-delegate.ts';

/** A request that was started and whose response is not complete. */
interface Exchange {
  /** `held`: waiting for a promise of the delegate. */
  stage: 'receiving' | 'held';
  readonly request: EncodedRequestHead;
  readonly delegate: HTTPResponseDelegate;
  /** Collects the body, if the delegate needs all of it at once and it is not received at once. */
  pieces: BodyPieces | undefined;
}

/** No request is in progress, and one may be sent. */
const IDLE = { stage: 'idle' } as const;
/** Closed, closing, or detached. */
const OVER = { stage: 'over' } as const;

/** Shared by all connections, and never changed: most do not pipeline. */
const NO_EXCHANGES: Exchange[] = [];

/** The state of a connection. Only {@link ClientConnection.#enter} assigns it. */
type State = typeof IDLE | typeof OVER | Exchange;

export interface ClientConnectionOptions {
  readonly limits?: Partial<Http1Limits>;
  /** Called when the stream is closed, but not if it was detached. `error` is undefined after an orderly close. */
  readonly connectionEnded?: (error: Error | undefined) => void;
}

const CONNECTION_OPTIONS: OptionNames<ClientConnectionOptions> = { limits: true, connectionEnded: true };

/** Shared by all connections of a thread, because they read into the same receive buffer of its loop. */
const VIEW = new ScanView();

let sharedPieces: PiecePool | undefined;

/** Memory for large bodies, shared by all connections of a thread. */
function pieces(): PiecePool {
  sharedPieces ??= new PiecePool(IOLoop.current().clock);
  return sharedPieces;
}

/**
 * The client side of one HTTP/1.1 connection: runs an encoder and a decoder over one stream (RFC 9112).
 *
 * Sends one request at a time, so that it is always known which request a failure affects, unless the owner asks for
 * pipelining with {@link pipeline}. An idle connection keeps reading, so that it notices immediately if the server closes. If the server sends unsolicited bytes,
 * the connection is closed (`ERR_HTTP1_UNSOLICITED_RESPONSE`): otherwise they would be read as the next response.
 *
 * There are no timeouts: to end a request that takes too long, the owner calls {@link abort}.
 */
export class ClientConnection implements StreamConsumer, PumpedConnection {
  readonly stream: IOStream;
  readonly #pump: MessagePump<ResponseDecoder>;
  readonly #encoder = new RequestEncoder();
  readonly #connectionEnded: ((error: Error | undefined) => void) | undefined;
  #state: State = IDLE;
  /** The requests that were sent after the current one, in order. */
  #pipelined: Exchange[] = NO_EXCHANGES;
  /** The whole request body was passed to the stream. */
  #requestComplete = true;
  /** Bytes were received since the request was started. */
  #responseBegun = false;
  /** This response ends HTTP on the connection: the stream may be detached. */
  #tunnel = false;
  #peerEnded = false;

  /** @throws HTTPUsageError, Http1UsageError if an option is unknown or invalid; the stream is then not affected. */
  constructor(stream: IOStream, options: ClientConnectionOptions = {}) {
    connectionChecks.options('ClientConnection', options, CONNECTION_OPTIONS);
    this.stream = stream;
    this.#pump = new MessagePump(new ResponseDecoder(options.limits, VIEW));
    this.#pump.attach(this);
    this.#connectionEnded = options.connectionEnded;
    stream.setConsumer(this);
    stream.resume();
  }

  /** Whether a request can be sent now. */
  get isIdle(): boolean {
    return this.#state === IDLE && !this.stream.isClosed;
  }

  /**
   * Whether any byte was received since the last request was started. If not, the server may not have received the
   * request.
   */
  get responseBegun(): boolean {
    return this.#responseBegun;
  }

  /** Whether more of the request body may be written. False once it is complete or the connection has ended. */
  get wantsBody(): boolean {
    return !this.#requestComplete && this.#state !== OVER;
  }

  // ---- the request ----

  /**
   * Starts a request. If the request has a body, {@link write} and {@link finish} must be called next; otherwise the
   * request is complete.
   *
   * @param request - an {@link EncodedRequestHead} is sent without further checks.
   * @throws Http1UsageError if the request must not be sent; HTTPUsageError while another request is in progress;
   *   HTTPClosedError if the connection has ended. In each case, nothing is written and the delegate is not called.
   */
  begin(request: ClientRequest | EncodedRequestHead, delegate: HTTPResponseDelegate): void {
    if (this.#state === OVER || this.stream.isClosed) {
      const cause = this.stream.error;
      throw new HTTPClosedError('ERR_HTTP_CLOSED', 'the connection ended before the request', { cause });
    }
    if (this.#state !== IDLE) throw new HTTPUsageError('begin: another request is in progress');
    const head = request instanceof EncodedRequestHead ? request : encode(request);
    const text = this.#encoder.start(head);
    this.#pump.decoder.expect(head.method);
    this.#enter({ stage: 'receiving', request: head, delegate, pieces: undefined });
    this.#requestComplete = false;
    this.#responseBegun = false;
    this.stream.send(text);
    if (head.bodyLength === 0) this.finish();
  }

  /**
   * Whether {@link pipeline} may be called: the current request was sent completely, and neither it nor a request after
   * it ends the connection or switches protocols.
   */
  get canPipeline(): boolean {
    const last = this.#pipelined.at(-1) ?? this.#exchange;
    if (last === undefined || !this.#requestComplete || this.#peerEnded || this.stream.isClosed) return false;
    const { fields, method } = last.request;
    return !fields.closes && !fields.offersUpgrade && method !== 'CONNECT';
  }

  /**
   * Sends a request without a body before the response to the last one is complete (RFC 9112 §9.3.2). Use it only if all
   * requests concerned are idempotent, and the server has kept the connection open before. If the connection ends, the
   * delegates of the requests whose responses had not begun are called with `ERR_HTTP_CLOSED`, while
   * {@link responseBegun} is false: these requests may be sent again.
   *
   * @throws HTTPUsageError if {@link canPipeline} is false or the request has a body; Http1UsageError if the request must
   *   not be sent. In each case, nothing is written.
   */
  pipeline(request: ClientRequest | EncodedRequestHead, delegate: HTTPResponseDelegate): void {
    if (!this.canPipeline)
      throw new HTTPUsageError('pipeline: the last request must be complete and keep the connection open');
    const head = request instanceof EncodedRequestHead ? request : encode(request);
    if (head.bodyLength !== 0) throw new HTTPUsageError('pipeline: the request must not have a body');
    if (this.#pipelined === NO_EXCHANGES) this.#pipelined = [];
    this.#pipelined.push({ stage: 'receiving', request: head, delegate, pieces: undefined });
    this.stream.send(this.#encoder.start(head) + this.#encoder.end());
  }

  /**
   * Writes more of the request body; see {@link waitDrained} for back-pressure. Ignored after the connection has ended.
   *
   * @throws Http1UsageError `ERR_HTTP1_BODY_LONG` if the body exceeds its announced length: the connection is then
   *   closed. HTTPUsageError if the request is complete.
   */
  write(chunk: Uint8Array): void {
    if (chunk.length === 0 || !this.#mayWrite('write')) return;
    const prefix = this.#orEnd(() => this.#encoder.dataPrefix(chunk.length));
    if (prefix !== '') this.stream.send(prefix);
    this.stream.send(chunk);
    if (this.#encoder.dataSuffix !== '') this.stream.send(this.#encoder.dataSuffix);
  }

  /** Completes the request. @throws Http1UsageError `ERR_HTTP1_BODY_SHORT`: the connection is then closed. */
  finish(): void {
    if (!this.#mayWrite('finish')) return;
    const last = this.#orEnd(() => this.#encoder.end());
    if (last !== '') this.stream.send(last);
    this.#requestComplete = true;
  }

  /** Waits until the server has read so much that more may be written. @throws StreamClosedError */
  waitDrained(): Promise<void> {
    return this.stream.waitDrained();
  }

  /**
   * Closes the connection immediately. The delegate's connectionClosed is called before this returns.
   *
   * @param delegate - with pipelining, the delegate of the request that is aborted: the others are called with
   *   `ERR_HTTP_CLOSED`, not with its reason. Default: all are called with the reason.
   */
  abort(reason: Error, delegate?: HTTPResponseDelegate): void {
    const isOther =
      delegate !== undefined && this.#exchange !== undefined && this.#exchange.delegate !== delegate;
    const message = 'the connection was closed because a request after this one was aborted';
    this.#end(isOther ? new HTTPClosedError('ERR_HTTP_CLOSED', message, { cause: reason }) : reason);
  }

  /** Closes the connection. If a request is in progress, it fails with `ERR_HTTP_CLOSED`. */
  close(): void {
    this.#end(undefined);
  }

  /**
   * Takes over the stream for another protocol. Must be called from the delegate's `headersReceived` or `finish`, and
   * only if the response is a 101, or the 2xx of a CONNECT. The stream first delivers the bytes that the server sent
   * after the head. The delegate is not called again.
   *
   * @throws HTTPUsageError at any other time.
   */
  detach(): IOStream {
    if (!this.#tunnel || this.#state === OVER) {
      throw new HTTPUsageError('detach: the response does not switch protocols, or it has already ended');
    }
    const { stream } = this;
    this.#enter(OVER);
    stream.setConsumer(undefined);
    stream.unread(this.#pump.decoder.takeRest());
    return stream;
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    if (this.#state === OVER) return;
    this.#responseBegun = true;
    this.#pump.decoder.receive(bytes, start, end);
    if (this.#state.stage === 'held') this.#pump.hold(0);
    else this.#pump.run();
  }

  /** A bare end only matters during a response; between responses it is a quiet close (RFC 9112 §9.8). */
  ended(): void {
    if (this.#state === OVER) return;
    this.#peerEnded = true;
    this.#pump.decoder.endOfInput(truncationOf(this.stream, 'response'));
    if (this.#state === IDLE) this.#end(undefined);
    else if (this.#state.stage === 'receiving') this.#pump.run();
  }

  drained(): void {}

  closed(error: Error | undefined): void {
    const cause = error === undefined ? {} : { cause: error };
    this.#end(new HTTPClosedError('ERR_HTTP_CLOSED', closedMessage(error), cause));
    reportRejection(this.#connectionEnded?.(error), logFailure);
  }

  [INSPECT](): object {
    const exchange = this.#exchange;
    return inspection(this, [], () => ({
      state: this.#state.stage,
      method: exchange?.request.method,
      target: exchange === undefined ? undefined : inspectedText(exchange.request.target),
    }));
  }

  // ---- what the pump delivers ----

  /** While idle, the decoder runs only to detect unsolicited bytes. */
  get takesEvents(): boolean {
    return this.#state === IDLE || this.#state.stage === 'receiving';
  }

  deliverInterim(): void {
    this.#exchange?.delegate.interimReceived?.(this.#pump.decoder.head);
  }

  deliverHead(): void {
    const exchange = this.#exchange as Exchange;
    const { request, delegate } = exchange;
    const { decoder } = this.#pump;
    const { head } = decoder;
    // RFC 9110 §15.2.2: a server may switch only to a protocol that the client offered.
    if (head.status === 101 && !request.fields.offersUpgrade) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_UNSOLICITED_RESPONSE',
        'the server sent a 101, but the request had no Upgrade',
      );
    }
    this.#tunnel =
      head.status === 101 || (request.method === 'CONNECT' && head.status >= 200 && head.status < 300);
    const waiting = delegate.headersReceived(head);
    this.#limitBody(delegate);
    this.#waitFor(waiting, exchange);
  }

  #limitBody({ maxBodyBytes }: HTTPResponseDelegate): void {
    if (maxBodyBytes !== undefined) this.#pump.decoder.maxBodyBytes = maxBodyBytes;
  }

  deliverData(): void {
    const exchange = this.#exchange as Exchange;
    const own = this.#own(exchange);
    if (own !== undefined) this.#waitFor(exchange.delegate.dataReceived(own), exchange);
  }

  deliverEnd(): boolean {
    const { request, delegate } = this.#exchange as Exchange;
    if (this.#tunnel) {
      reportRejection(delegate.finish(undefined), logFailure);
      // If undefined, the delegate's finish has detached the stream.
      if (this.#exchange !== undefined) {
        this.#enter(IDLE);
        this.#end(undefined);
      }
      return false;
    }
    const { decoder } = this.#pump;
    const { trailers } = decoder;
    if (this.#pipelined.length > 0 && decoder.head.keepAlive) return this.#goOn(delegate, trailers);
    const pipelined = this.#pipelined;
    this.#pipelined = NO_EXCHANGES;
    this.#enter(IDLE);
    if (pipelined.length > 0 || !this.#isReusable(request)) this.#end(undefined);
    reportRejection(delegate.finish(trailers), logFailure);
    if (pipelined.length > 0) this.#endPipelined(pipelined, undefined);
    return this.#state === IDLE;
  }

  /** Goes on with the response to the next request that was pipelined. */
  #goOn(delegate: HTTPResponseDelegate, trailers: HTTPHeaders | undefined): boolean {
    const next = this.#pipelined.shift() as Exchange;
    const { decoder } = this.#pump;
    decoder.expect(next.request.method);
    this.#responseBegun = decoder.bufferedBytes > 0;
    this.#enter(next);
    reportRejection(delegate.finish(trailers), logFailure);
    return this.#state === next;
  }

  /** Does not notify the delegate: the decoder decides whether the response is complete. */
  deliverPeerEnd(): boolean {
    return false;
  }

  pumped(): void {
    switch (this.#state.stage) {
      case 'over':
        return;
      case 'held':
        // Does not pause the stream yet: most promises settle before more bytes arrive, and pausing and resuming both
        // change which events the loop waits for.
        this.#pump.hold(Number.POSITIVE_INFINITY);
        return;
      case 'receiving':
        // If the decoder still needs data after the peer has ended its side, no part of the response was received.
        if (this.#peerEnded) {
          const message = 'the server closed the connection without a response';
          this.#end(new HTTPClosedError('ERR_HTTP_CLOSED', message, { cause: truncationOf(this.stream) }));
          return;
        }
        break;
      case 'idle':
    }
    this.#pump.resume();
  }

  released(exchange: Exchange): boolean {
    if (this.#state !== exchange || exchange.stage !== 'held') return false;
    exchange.stage = 'receiving';
    this.#limitBody(exchange.delegate);
    return true;
  }

  rejected(error: unknown, exchange: Exchange): void {
    if (this.#state === exchange) this.failed(error);
  }

  failed(error: unknown): void {
    this.#end(asError(error));
  }

  /** Whether both sides allow another request (RFC 9112 §9.3), and this exchange is complete in both directions. */
  #isReusable(request: EncodedRequestHead): boolean {
    const { decoder } = this.#pump;
    if (!decoder.head.keepAlive || this.#peerEnded) return false;
    // If the response is complete before the whole request was sent, the server may never read the rest of the request.
    if (!this.#requestComplete || this.stream.queuedBytes > 0) return false;
    // Bytes that were already received cannot be the response to a request that has not been sent.
    if (decoder.bufferedBytes > 0) return false;
    return !request.fields.closes;
  }

  /** Copies the borrowed bytes of the body. @returns undefined while a body is being collected. */
  #own(exchange: Exchange): Buffer | undefined {
    const { decoder } = this.#pump;
    const { data, dataStart, dataEnd } = decoder;
    const { bodyLength } = decoder.head;
    if (exchange.pieces === undefined && bodyLength > dataEnd - dataStart && exchange.delegate.collectsBody)
      exchange.pieces = new BodyPieces(bodyLength, pieces());
    if (exchange.pieces !== undefined) return exchange.pieces.take(data, dataStart, dataEnd);
    const own = Buffer.allocUnsafe(dataEnd - dataStart);
    data.copy(own, 0, dataStart, dataEnd);
    return own;
  }

  /** Delivers no more events until the delegate's promise is settled. */
  #waitFor(waiting: unknown, exchange: Exchange): void {
    if (!isThenable(waiting)) return;
    if (this.#state !== exchange || exchange.stage !== 'receiving') {
      reportRejection(waiting, (error) => this.rejected(error, exchange));
      return;
    }
    exchange.stage = 'held';
    this.#pump.waitFor(waiting, exchange);
  }

  // ---- the end ----

  /** The only place where the state is assigned. The stage of a request changes in its exchange. */
  #enter(state: State): void {
    this.#state = state;
  }

  get #exchange(): Exchange | undefined {
    return 'delegate' in this.#state ? this.#state : undefined;
  }

  /** Closes the connection. A delegate that waits for a response is called once, with the reason. */
  #end(reason: Error | undefined): void {
    const exchange = this.#exchange;
    exchange?.pieces?.release();
    this.#enter(OVER);
    this.stream.close(reason);
    const told = reason ?? new HTTPClosedError('ERR_HTTP_CLOSED', 'the connection was closed');
    reportRejection(exchange?.delegate.connectionClosed(told), logFailure);
    const pipelined = this.#pipelined;
    this.#pipelined = NO_EXCHANGES;
    if (pipelined.length > 0) this.#endPipelined(pipelined, reason);
  }

  /** The responses to the requests that were pipelined have not begun. */
  #endPipelined(pipelined: readonly Exchange[], cause: Error | undefined): void {
    this.#responseBegun = false;
    for (const { delegate } of pipelined) {
      const message = 'the connection ended before the response, which follows another one';
      const error = new HTTPClosedError('ERR_HTTP_CLOSED', message, { cause });
      reportRejection(delegate.connectionClosed(error), logFailure);
    }
  }

  #mayWrite(operation: string): boolean {
    if (this.#state === OVER) return false;
    if (this.#requestComplete) throw new HTTPUsageError(`${operation}: the request is complete`);
    return true;
  }

  /**
   * Closes the connection if the body does not have its announced length, so that the body does not look complete to
   * the server.
   */
  #orEnd(encode: () => string): string {
    try {
      return encode();
    } catch (error) {
      this.#end(asError(error));
      throw error;
    }
  }
}

function encode({ method, target, headers, bodyBytes }: ClientRequest): EncodedRequestHead {
  return new EncodedRequestHead(method, target, new RequestFields(headers), bodyBytes);
}

/** Only logs the error: the response has already ended, and can no longer fail. */
function logFailure(error: unknown): void {
  IOLoop.current().logger.error({ error }, 'the delegate of a response failed after the response had ended');
}

function closedMessage(error: Error | undefined): string {
  const why = error === undefined ? '' : `: ${error.message}`;
  return `the connection ended before the response was complete${why}`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
