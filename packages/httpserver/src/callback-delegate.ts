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
 * Answers one complete request. A throw or rejection is a 500, and so is a promise that settles before an answer has
 * begun: nobody would be left to give it. Who answers later, and elsewhere, returns nothing.
 *
 * A callback that gives up because `request.signal` aborted is no error, whether it returns or rejects with the signal's
 * reason or an error caused by it. If the client has only ended its side it gets a 499, or its connection is cut if the
 * headers were sent.
 */
export type RequestCallback = (request: ServerRequest) => void | PromiseLike<void>;

/** The plain form of a server: the whole request first, then one call. */
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
  /** Why the peer is gone, or has ended. */
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
    const answering = this.#callback(request);
    // The type lets a callback return anything that is not looked at, such as the new length of an array.
    if (isThenable(answering)) return this.#answeredBy(answering);
  }

  async #answeredBy(answering: PromiseLike<void>): Promise<void> {
    const exchange = this.#exchange;
    await answering;
    if (exchange.finished) return;
    const reason = this.#closeReason;
    // It gave up because its client had, which is no error: the connection knows the reason.
    if (reason !== undefined) throw reason;
    // Somebody else may go on with a response that has begun.
    if (!exchange.headSent)
      throw new HTTPUsageError('the promise of a request callback settled before an answer had begun');
  }

  connectionClosed(reason: Error): void {
    this.#closeReason ??= reason;
    this.#request?.connectionClosed(reason);
  }
}
