import {
  type HTTPConnectionInfo,
  type HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  Http1ProtocolError,
  type RequestHead,
} from '@landspout/http1';
import { BodyChunks } from '@landspout/http1/server';
import { isCancellation } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { callReporting, isThenable } from '@landspout/ioloop/reactor';
import { BodyDeadline } from './body-deadline.ts';
import { type CallFailure, endOfCall, failurePage, judgeCall } from './call-failure.ts';
import type { CallSettings } from './call-settings.ts';
import { CalledExchange, type ExchangeCall } from './called-exchange.ts';
import type { BodySource, ResponseSink } from './response-sink.ts';

/** How much of a body above its limit is discarded, so that a client that is still sending can read the response. */
const SPARE_BYTES = 1024 * 1024;

/**
 * Where a request stands:
 *
 * - head: the delegate has the head, and may have returned a promise
 * - body: the body is passed to the delegate
 * - received: the delegate has the whole request
 * - over: the response is complete or was cut, or the request was refused. The delegate is not called again
 */
type Stage = 'head' | 'body' | 'received' | 'over';

/**
 * One call of a delegate for a request that another server received: passes the head, the body and its end to the
 * delegate, like the connection of an HTTPServer does, and responds itself if the request is refused or the delegate
 * fails.
 */
export class DelegateCall implements ExchangeCall {
  readonly exchange: CalledExchange;
  maxBodyBytes: number;
  /** Called once, when the delegate is not called again. */
  onOver: (() => void) | undefined = undefined;
  readonly #settings: CallSettings;
  readonly #source: BodySource;
  #message: HTTPMessageDelegate | undefined = undefined;
  #stage: Stage = 'head';
  #isHeld = false;
  /** The end of the body was reported while the delegate's promise was pending. */
  #end: { readonly trailers: HTTPHeaders | undefined } | undefined = undefined;
  #receivedBytes = 0;
  #pieces: BodyChunks | undefined = undefined;
  #deadline: BodyDeadline | undefined = undefined;

  constructor(
    settings: CallSettings,
    sink: ResponseSink,
    source: BodySource,
    head: RequestHead,
    connection: HTTPConnectionInfo,
  ) {
    this.#settings = settings;
    this.#source = source;
    this.maxBodyBytes = settings.maxBodyBytes;
    this.exchange = new CalledExchange(this, sink, head, settings.connectionFor(head, connection));
  }

  get stopping(): AbortSignal {
    return this.#settings.stopping;
  }

  /** Whether the response is complete or was cut. */
  get isOver(): boolean {
    return this.#stage === 'over';
  }

  // ---- called by the server in front ----

  /** Passes the head to the delegate, and the body as soon as the delegate takes it. Does not throw. */
  begin(): void {
    const { exchange } = this;
    const { bodyTimeoutMs, delegate } = this.#settings;
    if (this.#source.announcedBytes !== 0 && bodyTimeoutMs > 0) this.limitBodyTime(bodyTimeoutMs);
    try {
      const message = delegate.startRequest(exchange);
      this.#message = message;
      const waiting = message.headersReceived(exchange.head);
      if (this.isOver) this.#release();
      if (this.#source.announcedBytes > 0 && message.collectsBody === true) this.#pieces = new BodyChunks();
      this.#after(waiting, this.#beginBody);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Refuses a request whose head is invalid: the delegate is not started. */
  refuseHead(error: unknown): void {
    this.failed(error);
  }

  /** Passes bytes of the body on, which the delegate then owns. */
  received(chunk: Uint8Array): void {
    if (this.#stage !== 'body') return;
    this.#receivedBytes += chunk.length;
    const problem = this.#lengthProblem();
    if (problem !== undefined) {
      this.failed(problem);
      return;
    }
    const bytes = this.#collected(chunk);
    if (bytes === undefined) return;
    try {
      this.#after(this.#message?.dataReceived(bytes), undefined);
    } catch (error) {
      this.failed(error);
    }
  }

  /** The whole body was received. */
  ended(trailers?: HTTPHeaders): void {
    if (this.#stage !== 'body') return;
    if (this.#isHeld) {
      this.#end = { trailers };
      return;
    }
    const { announcedBytes } = this.#source;
    if (this.#receivedBytes < announcedBytes) {
      const detail = `the body has ${this.#receivedBytes} bytes, but Content-Length is ${announcedBytes}`;
      this.failed(new HTTPInputError(detail));
      return;
    }
    this.#stage = 'received';
    this.#deadline?.stop();
    try {
      this.#after(this.#message?.finish(trailers), undefined);
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * The client is gone, or its body failed: the delegate is notified, and what it writes is discarded.
   *
   * @returns the reason that was passed to the delegate; undefined if the response was complete or cut before.
   */
  closed(cause?: unknown): Error | undefined {
    const reason = endOfCall(cause);
    if (this.isOver) {
      this.exchange.stopFiles(reason);
      return undefined;
    }
    this.#cut(reason);
    return reason;
  }

  /** The request broke a rule or a limit, or the delegate threw `thrown`. Does not throw. */
  failed(thrown: unknown): void {
    const { exchange } = this;
    const { logger } = this.#settings;
    if (this.isOver) {
      const { closeReason } = exchange;
      if (closeReason === undefined || !isCancellation(thrown, closeReason))
        logger.error(
          { error: thrown },
          'a request failed after its response was complete or its client left',
        );
      return;
    }
    const failure = judgeCall(thrown);
    if (failure.isBroken) logger.error({ error: failure.error }, 'handling a request failed');
    else this.#logRefusal(failure);
    if (!failure.isBroken && !exchange.headSent && this.#letDelegateRefuse(failure)) return;
    if (exchange.headSent) exchange.abort(failure.error);
    else this.#respondInstead(failure);
  }

  // ---- called by the exchange ----

  limitBodyTime(timeoutMs: number): void {
    if (this.#stage !== 'head' && this.#stage !== 'body') return;
    this.#deadline ??= new BodyDeadline(this.#settings.clock, (error) => this.failed(error));
    this.#deadline.limit(timeoutMs, this.#isHeld);
  }

  responseCompleted(): void {
    this.#finish();
  }

  responseAborted(reason: Error): void {
    this.#cut(endOfCall(reason));
  }

  [INSPECT](): object {
    return inspection(this, ['exchange'], () => ({ stage: this.#stage, onOver: undefined }));
  }

  #beginBody(): void {
    if (this.#stage !== 'head') return;
    this.#stage = 'body';
    const { announcedBytes } = this.#source;
    if (announcedBytes === 0) {
      this.ended();
      return;
    }
    const problem = this.#lengthProblem();
    if (problem === undefined) this.#source.start();
    else this.failed(problem);
  }

  #lengthProblem(): Error | undefined {
    const { announcedBytes } = this.#source;
    if (Math.max(announcedBytes, this.#receivedBytes) > this.maxBodyBytes) {
      const detail = `the body is larger than ${this.maxBodyBytes} bytes`;
      return new Http1ProtocolError('ERR_HTTP1_BODY_TOO_LARGE', detail);
    }
    if (announcedBytes === -1 || this.#receivedBytes <= announcedBytes) return undefined;
    return new HTTPInputError(`the body has more bytes than its Content-Length of ${announcedBytes}`);
  }

  /** Returns the bytes to pass on; undefined if the delegate needs the whole body at once, and more is to come. */
  #collected(chunk: Uint8Array): Uint8Array | undefined {
    const pieces = this.#pieces;
    if (pieces === undefined) return chunk;
    pieces.push(chunk);
    if (this.#receivedBytes < this.#source.announcedBytes) return undefined;
    this.#pieces = undefined;
    return pieces.takeAll();
  }

  /** Continues after the delegate's promise: until then, no more of the body is passed on. */
  #after(waiting: unknown, next: (() => void) | undefined): void {
    if (!isThenable(waiting)) {
      next?.call(this);
      return;
    }
    if (this.#stage === 'head' || this.#stage === 'body') this.#hold();
    // Also if the source of the body throws when it is started or resumed.
    Promise.resolve(waiting)
      .then(() => this.#proceed(next))
      .catch((error: unknown) => this.failed(error));
  }

  #hold(): void {
    this.#isHeld = true;
    this.#deadline?.pause();
    if (this.#stage === 'body') this.#source.pause();
  }

  #proceed(next: (() => void) | undefined): void {
    if (!this.#isHeld || this.isOver) return;
    this.#isHeld = false;
    this.#deadline?.resume();
    next?.call(this);
    if (next !== undefined || this.#stage !== 'body') return;
    if (this.#end !== undefined) this.ended(this.#end.trailers);
    else this.#source.resume();
  }

  /** @returns whether the delegate has responded to the refusal itself. */
  #letDelegateRefuse({ status, detail, headers, error }: CallFailure): boolean {
    const message = this.#message;
    if (message?.refused === undefined) return false;
    this.#tell(() => message.refused?.({ status, detail, headers, error }), 'refused');
    return this.exchange.finished;
  }

  #respondInstead(failure: CallFailure): void {
    const { error, status } = failure;
    const message = this.#message;
    const { headers, body } = message === undefined ? this.#refusalPage(failure) : failurePage(failure);
    try {
      this.exchange.respondInstead(status, headers, body, error);
    } catch (thrown) {
      this.#settings.logger.error({ error: thrown }, 'responding in place of a delegate failed');
    }
    this.#finish();
    this.#tell(() => message?.connectionClosed(error), 'connectionClosed');
  }

  /** Asks the delegate for a page if no request of it was started. */
  #refusalPage(failure: CallFailure): { readonly headers: HTTPHeaders; readonly body: string } {
    const { status, detail, headers, error, isBroken } = failure;
    const own = failurePage(failure);
    if (isBroken) return own;
    let body: string | undefined;
    this.#tell(() => {
      const page = this.#settings.delegate.refusalPage?.({ status, detail, headers, error });
      if (page === undefined) return;
      own.headers.set('Content-Type', page.contentType);
      body = page.body;
    }, 'refusalPage');
    return body === undefined ? own : { headers: own.headers, body };
  }

  #cut(reason: Error): void {
    const message = this.#message;
    this.exchange.cut(reason);
    this.#finish();
    this.#tell(() => message?.connectionClosed(reason), 'connectionClosed');
  }

  /** The delegate is not called again, and the rest of the body is not needed. */
  #finish(): void {
    if (this.isOver) return;
    const isReceived = this.#stage === 'received' || this.#source.announcedBytes === 0;
    this.#stage = 'over';
    this.#release();
    // Within the limit, the client may send the rest of its body.
    if (!isReceived) this.#source.discard(Math.max(0, this.maxBodyBytes - this.#receivedBytes) + SPARE_BYTES);
    this.onOver?.();
  }

  #release(): void {
    this.#message = undefined;
    this.#pieces = undefined;
    this.#end = undefined;
    this.#deadline?.stop();
  }

  /** Calls the delegate. An error that it throws is logged, and must not reach the server in front. */
  #tell(call: () => unknown, name: string): void {
    callReporting(call, undefined, (error) =>
      this.#settings.logger.error({ error }, `the delegate's ${name} callback threw`),
    );
  }

  #logRefusal({ error, status }: CallFailure): void {
    const kind = `${(error as { code?: string }).code} ${status}`;
    const peer = this.exchange.connection.remoteAddress;
    this.#settings.refusalLog.info(kind, { error, peer }, 'refused a request');
  }
}
