import {
  type HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  HTTPUsageError,
  type RequestHead,
} from '@landspout/http1';
import { type Clock, systemClock } from '@landspout/ioloop';
import { ServerRequest } from './server-request.ts';

/**
 * Answers one complete request. A throw or rejection is a 500, and so is a promise that settles before an answer has
 * begun: nobody would be left to give it. Who answers later, and elsewhere, returns nothing. One that gives up because
 * `request.signal` aborted is no error; its connection is cut.
 */
export type RequestCallback = (request: ServerRequest) => void | Promise<void>;

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
    if (typeof answering?.then === 'function') return this.#answeredBy(answering);
  }

  async #answeredBy(answering: Promise<void>): Promise<void> {
    const exchange = this.#exchange;
    try {
      await answering;
      if (exchange.headSent) return;
    } catch (error) {
      if (!this.#isOfClosing(error)) throw error;
    }
    const reason = this.#closeReason;
    if (reason === undefined)
      throw new HTTPUsageError('the promise of a request callback settled before an answer had begun');
    // It gave up because its peer had: nobody's fault, and nothing to be logged.
    exchange.abort(reason);
  }

  /** Whether an error only repeats that the peer has ended or left. */
  #isOfClosing(error: unknown): boolean {
    const reason = this.#closeReason;
    if (reason === undefined) return false;
    return (
      error === reason || (error instanceof Error && (error.cause === reason || error.name === 'AbortError'))
    );
  }

  connectionClosed(reason: Error): void {
    this.#closeReason ??= reason;
    this.#request?.abort(reason);
  }
}
