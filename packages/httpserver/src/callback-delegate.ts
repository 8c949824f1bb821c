import type {
  HTTPHeaders,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
  RequestHead,
} from '@landspout/http1';
import { ServerRequest } from './server-request.ts';

/** Answers one complete request. A throw or rejection is a 500. */
export type RequestCallback = (request: ServerRequest) => void | Promise<void>;

/** The plain form of a server: the whole request first, then one call. */
export class CallbackDelegate implements HTTPServerConnectionDelegate {
  readonly #callback: RequestCallback;

  constructor(callback: RequestCallback) {
    this.#callback = callback;
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new CallbackMessage(this.#callback, exchange);
  }
}

class CallbackMessage implements HTTPMessageDelegate {
  readonly #callback: RequestCallback;
  readonly #exchange: HTTPServerExchange;
  #request: ServerRequest | undefined;
  #chunks: Uint8Array[] | undefined;

  constructor(callback: RequestCallback, exchange: HTTPServerExchange) {
    this.#callback = callback;
    this.#exchange = exchange;
  }

  headersReceived(head: RequestHead): void {
    this.#request = new ServerRequest(head, this.#exchange);
  }

  dataReceived(chunk: Uint8Array): void {
    this.#chunks ??= [];
    this.#chunks.push(chunk);
  }

  finish(trailers?: HTTPHeaders): void | Promise<void> {
    const request = this.#request as ServerRequest;
    request.trailers = trailers;
    if (this.#chunks !== undefined) request.body = Buffer.concat(this.#chunks);
    return this.#callback(request);
  }

  connectionClosed(reason: Error): void {
    this.#request?.abort(reason);
  }
}
