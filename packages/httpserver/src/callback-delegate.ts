import {
  type HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  HTTPUsageError,
  type RequestHead,
} from '@landspout/http1';
import { type Clock, systemClock } from '@landspout/ioloop';
import { isThenable } from '@landspout/ioloop/reactor';
import { ServerRequest } from './server-request.ts';

/**
 * Handles one complete request. If it throws or rejects, the client gets a 500. The same happens if it returns a promise
 * that resolves before a response was started, because nothing would send one later. To respond later from elsewhere,
 * return nothing.
 *
 * Giving up because `request.signal` aborted is not an error: the callback may return, or reject with the signal's
 * reason or an error caused by it. If the client has only ended its side of the connection, it gets a 499; if the
 * response's headers were already sent, its connection is closed.
 */
export type RequestCallback = (request: ServerRequest) => void | PromiseLike<void>;

/** Calls a function with each complete request: the simplest form of a server. */
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
  #chunks: Uint8Array[] | undefined;
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
    this.#chunks ??= [];
    this.#chunks.push(chunk);
  }

  finish(trailers?: HTTPHeaders): void | Promise<void> {
    const request = this.#request as ServerRequest;
    request.trailers = trailers;
    const chunks = this.#chunks;
    if (chunks !== undefined) {
      request.body = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
      this.#chunks = undefined;
    }
    const responding = this.#callback(request);
    // The type allows callbacks that return something else, such as the new length of an array. It is ignored.
    if (isThenable(responding)) return this.#awaitResponse(responding);
  }

  async #awaitResponse(responding: PromiseLike<void>): Promise<void> {
    const exchange = this.#exchange;
    await responding;
    if (exchange.finished) return;
    const reason = this.#closeReason;
    // It gave up because its client disconnected, which is not an error: the connection knows this reason.
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
