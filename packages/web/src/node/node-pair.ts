import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HTTPHeaders, HTTPServerExchange } from '@landspout/http1';
import { createNodeExchange, IncomingBody, type NodeMessages } from '@landspout/httpserver/node';
import type { RequestObserver } from '../application/request-observer.ts';
import type { RequestTask } from '../application/request-task.ts';
import { ResponseExchange } from '../mounting/response-exchange.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { announcesBody } from '../request/unparsed-body.ts';
import { MiddlewareExchange, type MiddlewareExchangeOwner } from './middleware-exchange.ts';
import { ThroughExchange } from './through-exchange.ts';

const PAIRS = new WeakMap<HTTPServerRequest, NodePair>();

/** Returns the pair of a request, if it has one. */
export function pairOf(request: HTTPServerRequest): NodePair | undefined {
  return PAIRS.get(request);
}

/**
 * The request and response of node:http for one request of an application: created by its first `nodeMiddleware`, and
 * shared by all.
 */
export class NodePair implements RequestObserver, MiddlewareExchangeOwner {
  readonly #task: RequestTask;
  readonly #connection: HTTPServerExchange;
  readonly #exchange: MiddlewareExchange;
  readonly #messages: NodeMessages;
  readonly #through: ThroughExchange;
  /** Undefined if the request has no body. */
  readonly #body: IncomingBody | undefined;
  #isBodyWanted = false;
  #handlerStarted = false;
  /** Lets more of the body arrive. */
  #resume: (() => void) | undefined = undefined;
  #waiting: (() => void)[] = [];

  constructor(task: RequestTask) {
    const { request, response } = task;
    this.#task = task;
    this.#connection = response.exchange;
    this.#body = announcesBody(request.headers) ? new IncomingBody() : undefined;
    this.#exchange = new MiddlewareExchange(new ResponseExchange(task), this.#connection, this);
    this.#messages = createNodeExchange(this.#exchange, request.headBelow(''), this.#body);
    this.#through = new ThroughExchange(this.#messages.response, this.#connection, () =>
      this.#exchange.useConnection(),
    );
    response.replaceExchange(this.#through, true);
    task.observe(this);
    void this.#body?.wanted()?.then(() => this.#wantBody());
    PAIRS.set(request, this);
  }

  get request(): IncomingMessage {
    return this.#messages.request;
  }

  get response(): ServerResponse {
    return this.#messages.response;
  }

  /** Calls `ended` when the response is complete or cut off; at once if it is. */
  whenEnded(ended: () => void): void {
    const { ended: isEnded, gone } = this.#task.response;
    if (isEnded || gone !== undefined) ended();
    else this.#waiting.push(ended);
  }

  // ---- the observer ----

  dataReceived(chunk: Uint8Array): Promise<void> | undefined {
    const body = this.#body;
    if (body === undefined) return undefined;
    if (!this.#isReading) {
      // The handler gets the body, and a middleware that begins to read it later finds it empty.
      body.end();
    }
    if (body.isComplete) return undefined;
    // The handler owns the chunk, and may transfer its memory, as streams of Fetch do.
    const waiting = body.push(Buffer.from(chunk));
    if (waiting === undefined || this.#handlerStarted) return undefined;
    return new Promise((resolve) => {
      this.#resume = resolve;
      void waiting.then(resolve);
    });
  }

  finish(trailers: HTTPHeaders | undefined): void {
    this.#body?.end(trailers);
  }

  connectionClosed(reason: Error): void {
    this.#messages.connectionClosed(reason);
    if (!this.#connection.isCut) return;
    this.#through.cut(reason);
    this.#body?.fail(reason);
    this.#wake();
  }

  refused(reason: Error): void {
    this.#body?.fail(reason);
    // Middleware might complete the response later.
    if (!this.#connection.headSent) this.#task.response.replaceExchange(this.#connection, false);
  }

  handlerStarts(): void {
    this.#handlerStarted = true;
    this.#resume?.();
  }

  responseEnded(): void {
    this.#wake();
  }

  // ---- the owner of the exchange ----

  middlewareResponds(): void {
    this.#task.response.replaceExchange(this.#connection, false);
  }

  handlerResponseCompleted(): void {
    this.#task.response.exchangeCompleted();
  }

  /** Whether a middleware reads the body. The request asks for it only in the next tick. */
  get #isReading(): boolean {
    const { request } = this.#messages;
    return this.#isBodyWanted || request.readableFlowing === true || request.listenerCount('readable') > 0;
  }

  #wantBody(): void {
    this.#isBodyWanted = true;
    if (!this.#handlerStarted) this.#task.wantBody();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const ended of waiting) ended();
  }
}
