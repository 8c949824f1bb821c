import {
  type HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  HTTPUsageError,
  type RequestHead,
} from '@landspout/http1';
import { BodyChunks } from '@landspout/http1/server';
import { type Clock, systemClock } from '@landspout/ioloop';
import { isThenable } from '@landspout/ioloop/reactor';
import { ServerRequest } from './server-request.ts';

/**
 * Handles one complete request. If it throws or rejects, the client gets a 500. The same happens if it returns a
 * promise that resolves before a response is started, because a response would not be sent later. To respond later from
 * elsewhere, return nothing.
 *
 * It is not an error to give up because `request.signal` aborted: the callback may return, or reject with the signal's
 * reason or an error caused by it. If the client has only ended its side of the connection, it gets a 499; if the
 * response's headers were already sent, the connection is reset.
 */
export type RequestCallback = (request: ServerRequest) => void | PromiseLike<void>;

/** Calls a function with each complete request. This is the simplest way to handle requests. */
export class CallbackDelegate implements HTTPServerConnectionDelegate {
  readonly #callback: RequestCallback;
  readonly #clock: Clock;

  constructor(callback: RequestCallback, clock: Clock = systemClock) {
    this.#callback = callback;
    this.#clock = clock;
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new CallbackMessage(this.#callback, exchange, this.#clock);
  }
}

class CallbackMessage implements HTTPMessageDelegate {
  readonly collectsBody = true;
  readonly #callback: RequestCallback;
  readonly #exchange: HTTPServerExchange;
  readonly #clock: Clock;
  #request: ServerRequest | undefined;
  #chunks: BodyChunks | undefined;
  /** Why the peer disconnected or ended its side. */
  #closeReason: Error | undefined;

  constructor(callback: RequestCallback, exchange: HTTPServerExchange, clock: Clock) {
    this.#callback = callback;
    this.#exchange = exchange;
    this.#clock = clock;
  }

  headersReceived(head: RequestHead): void {
    this.#request = new ServerRequest(head, this.#exchange, this.#clock);
  }

  dataReceived(chunk: Uint8Array): void {
    this.#chunks ??= new BodyChunks();
    this.#chunks.push(chunk);
  }

  finish(trailers?: HTTPHeaders): void | Promise<void> {
    const request = this.#request as ServerRequest;
    request.trailers = trailers;
    const chunks = this.#chunks;
    if (chunks !== undefined) {
      request.body = chunks.takeAll();
      this.#chunks = undefined;
    }
    const responding = this.#callback(request);
    // The type also allows callbacks that return another value, such as the new length of an array. That value is
    // ignored.
    if (isThenable(responding)) return this.#awaitResponse(responding);
  }

  async #awaitResponse(responding: PromiseLike<void>): Promise<void> {
    const exchange = this.#exchange;
    await responding;
    if (exchange.finished) return;
    const reason = this.#closeReason;
    // The callback gave up because the client disconnected. This is not an error: the connection recognises the reason
    // that it passed to connectionClosed.
    if (reason !== undefined) throw reason;
    // If a response has been started, code elsewhere may still complete it.
    if (!exchange.headSent)
      throw new HTTPUsageError('the promise of a request callback resolved before a response was started');
  }

  connectionClosed(reason: Error): void {
    this.#closeReason ??= reason;
    this.#request?.connectionClosed(reason);
  }
}
