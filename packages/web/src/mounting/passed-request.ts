import {
  type HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  Http1ProtocolError,
  type RequestHead,
  type RequestRefusal,
} from '@landspout/http1';
import { BodyChunks } from '@landspout/http1/server';
import { errorOf } from '@landspout/ioloop/errors';
import { callReporting, isThenable } from '@landspout/ioloop/reactor';
import { HTTPError } from '../errors.ts';
import { type ExchangeHost, ResponseExchange } from './response-exchange.ts';

/** What a {@link PassedRequest} needs from its request. */
export interface PassingHost extends ExchangeHost {
  /** Called with what `connectionClosed` of the delegate threw. */
  hookFailed(error: unknown): void;
}

/**
 * A request that an application passes on to a mounted delegate, and the delegate's errors: what it throws becomes a
 * response of the application.
 */
export class PassedRequest {
  readonly #host: PassingHost;
  readonly #exchange: ResponseExchange;
  #message: HTTPMessageDelegate | undefined = undefined;
  /** The promise of `headersReceived`. Until it is settled, no body is read. Never rejects. */
  #held: Promise<void> | undefined = undefined;
  /** Collects the body, if the delegate wants all of it at once and the connection passes it in pieces. */
  #chunks: BodyChunks | undefined = undefined;
  /** Whether the delegate is not called again. */
  #isOver = false;

  constructor(host: PassingHost) {
    this.#host = host;
    this.#exchange = new ResponseExchange(host);
  }

  get held(): Promise<void> | undefined {
    return this.#held;
  }

  get collectsBody(): boolean {
    return this.#message?.collectsBody === true;
  }

  /** Passes on the head. */
  begin(delegate: HTTPServerConnectionDelegate, head: RequestHead): void {
    try {
      this.#message = delegate.startRequest(this.#exchange);
      const waiting: unknown = this.#message.headersReceived(head);
      this.#held = isThenable(waiting) ? this.#settle(waiting) : undefined;
      if (this.collectsBody && head.headers.has('Content-Length')) this.#chunks = new BodyChunks();
    } catch (error) {
      this.failed(error);
    }
  }

  /** Passes on a piece of the body. @returns a promise that never rejects. */
  dataReceived(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    if (this.#chunks !== undefined) {
      this.#chunks.push(chunk);
      return undefined;
    }
    try {
      const waiting: unknown = this.#message?.dataReceived(chunk);
      if (isThenable(waiting)) return this.#settle(waiting);
    } catch (error) {
      this.failed(error);
    }
    return undefined;
  }

  /** The request was received. */
  finish(trailers: HTTPHeaders | undefined): void {
    if (this.#isOver) return;
    const chunks = this.#chunks;
    this.#chunks = undefined;
    const body = chunks?.takeAll();
    const waiting = body === undefined || body.length === 0 ? undefined : this.dataReceived(body);
    if (waiting === undefined) this.#finish(trailers);
    else void waiting.then(() => this.#finish(trailers));
  }

  /** Lets the delegate respond to a request that is refused. @returns whether it did. */
  refused(refusal: RequestRefusal): boolean {
    if (this.#isOver) return false;
    this.#chunks = undefined;
    const message = this.#message;
    if (message?.refused !== undefined && !this.#exchange.headSent) {
      // The response must be complete when `refused` returns, which a compressed one may not be.
      this.#host.response.compress = false;
      callReporting(
        () => message.refused?.(refusal),
        undefined,
        (error) => this.#host.hookFailed(error),
      );
    }
    if (!this.#exchange.finished) this.#end(refusal.error);
    this.#isOver = true;
    return this.#exchange.finished;
  }

  /** The client has left, or has ended its side. */
  connectionClosed(reason: Error): void {
    if (this.#isOver || this.#exchange.finished) return;
    if (this.#host.response.exchange.isCut) this.#end(reason);
    else this.#notify(reason);
  }

  /** The response is complete or cut off; perhaps it is not that of the delegate. */
  responseEnded(): void {
    if (this.#isOver) return;
    if (this.#exchange.finished) this.#isOver = true;
    else this.#end(this.#host.endReason);
  }

  /** Responds in place of the delegate, which threw an error. */
  failed(error: unknown): void {
    if (!isRefusal(error)) {
      this.#host.failed(error);
      return;
    }
    const { status, message: detail } = error;
    const headers = error instanceof HTTPInputError ? error.headers : undefined;
    if (!this.#host.response.headSent && this.refused({ status, detail, headers, error })) return;
    const options = { detail, cause: error };
    this.#host.failed(
      new HTTPError(status, undefined, headers === undefined ? options : { ...options, headers }),
    );
  }

  /** Notifies the delegate for the last time. */
  #end(reason: Error): void {
    this.#isOver = true;
    this.#chunks = undefined;
    this.#exchange.cut(reason);
    this.#notify(reason);
  }

  #notify(reason: Error): void {
    callReporting(
      () => this.#message?.connectionClosed(reason),
      undefined,
      (error) => this.#host.hookFailed(error),
    );
  }

  #finish(trailers: HTTPHeaders | undefined): void {
    if (this.#isOver) return;
    try {
      const waiting: unknown = this.#message?.finish(trailers);
      if (isThenable(waiting)) void this.#settle(waiting);
    } catch (error) {
      this.failed(error);
    }
  }

  async #settle(step: PromiseLike<unknown>): Promise<void> {
    try {
      await step;
    } catch (error) {
      this.failed(errorOf(error));
    }
  }
}

/** Whether the fault is that of the client. */
function isRefusal(error: unknown): error is HTTPInputError | Http1ProtocolError {
  return error instanceof HTTPInputError || error instanceof Http1ProtocolError;
}
