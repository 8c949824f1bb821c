import type { ServerResponse } from 'node:http';
import {
  HTTPHeaders as Fields,
  HTTPClosedError,
  type HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  type HTTPServerExchange,
  type RequestHead,
} from '@landspout/http1';
import { isCancellation, type Logger } from '@landspout/ioloop';
import { errorOf, excerpt } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { announcedBodyBytes } from '../bodies/announced-body.ts';
import { HIGH_WATER_BYTES, IncomingBody } from '../bodies/incoming-body.ts';
import { isResponseAborted } from '../calling/call-failure.ts';
import { originHead } from '../origin-head.ts';
import type { BackgroundWork } from './background-work.ts';
import { FetchRequest } from './fetch-request.ts';
import { globalObjectsAreReplaced } from './global-objects.ts';
import { REQUEST_STATE_IS_VISIBLE } from './native-objects.ts';
import type { ResponseStream } from './response-stream.ts';
import {
  carriedResponse,
  discardResponse,
  isUsageError,
  type ResponseOwner,
  writeResponse,
} from './response-writer.ts';

/** What all requests of a container share. */
export interface FetchService {
  readonly work: BackgroundWork;
  readonly logger: Logger;
  /** Calls the handler. */
  handle(request: Request, own: FetchRequest): unknown;
  /** Calls the program's `onError`, if there is one. */
  readonly onError: ((error: unknown, request: Request) => unknown) | undefined;
  /** Whether a client that has ended its side of the connection gets its response. */
  readonly halfOpen: boolean;
}

/** One request for a Fetch handler. */
export class FetchMessage implements HTTPMessageDelegate, ResponseOwner {
  collectsBody = false;
  readonly exchange: HTTPServerExchange;
  readonly #service: FetchService;
  #request: FetchRequest | undefined = undefined;
  /** What the handler gets: {@link #request}, or a native Request that stands for it. */
  #given: Request | undefined = undefined;
  /** Undefined if the request has no body. */
  #body: IncomingBody | undefined = undefined;
  #stream: ResponseStream | undefined = undefined;
  #closeReason: Error | undefined = undefined;
  #target = '';
  /** What may still make a response for an error: the error itself, then `onError`, which may throw such an error. */
  #fallbacks: 'all' | 'response' | 'none' = 'all';

  constructor(service: FetchService, exchange: HTTPServerExchange) {
    this.#service = service;
    this.exchange = exchange;
  }

  // ---- HTTPMessageDelegate ----

  headersReceived(head: RequestHead): Promise<void> | undefined {
    const { method } = head;
    this.#target = head.target;
    // A Request with these methods has no body. If the client sends one, it is discarded.
    const length = method === 'GET' || method === 'HEAD' ? 0 : announcedBodyBytes(head.headers);
    if (length !== 0) this.#body = new IncomingBody();
    this.#request = new FetchRequest(this.exchange, originHead(head), this.#body, this.#service.work);
    if (this.#body === undefined) {
      this.#start();
      return undefined;
    }
    const expects = head.headers.get('Expect') !== undefined;
    this.collectsBody = !expects && length > 0 && length <= HIGH_WATER_BYTES;
    if (this.collectsBody) return undefined;
    this.#start();
    return expects ? this.#body.wanted() : undefined;
  }

  dataReceived(chunk: Uint8Array): Promise<void> | undefined {
    const waiting = this.#body?.push(chunk);
    // Nothing reads a body that is being collected, so nothing may wait for that.
    return this.collectsBody ? undefined : waiting;
  }

  finish(trailers?: HTTPHeaders): void {
    this.#body?.end(trailers);
    if (this.collectsBody) this.#start();
  }

  connectionClosed(reason: Error): void {
    // The client may have ended its side only: it still reads.
    if (!this.exchange.isCut && (reason as { code?: unknown }).code === 'ERR_HTTP_PEER_ENDED') {
      if (!this.#service.halfOpen) this.exchange.abort(reason);
      return;
    }
    this.#closeReason = reason;
    if (this.#request !== undefined) FetchRequest.close(this.#request, reason);
    this.#body?.fail(reason);
    this.#stream?.cancel(reason);
  }

  // ---- ResponseOwner ----

  get isHead(): boolean {
    return this.#request?.method === 'HEAD';
  }

  get outgoing(): ServerResponse | undefined {
    return this.#request && FetchRequest.outgoingOf(this.#request);
  }

  responded(status: number): void {
    if (this.#request !== undefined) FetchRequest.responded(this.#request, status);
    const body = this.#body;
    if (body === undefined || body.isComplete) return;
    // A handler that still reads would wait forever.
    body.fail(new HTTPClosedError('ERR_HTTP_CLOSED', 'the response was complete before the body was read'));
    body.discard();
  }

  responseFailed(error: unknown): void {
    const { exchange } = this;
    if (exchange.isCut && !isUsageError(error)) return;
    if (!exchange.headSent) {
      this.#failed(error);
      return;
    }
    this.#report(error);
    exchange.abort(error instanceof Error ? error : undefined);
  }

  // ---- the handler ----

  #start(): void {
    const request = this.#request as FetchRequest;
    let returned: unknown;
    try {
      // Later versions of Node accept only native requests in `fetch` and `new Request`, unless these are replaced.
      const isAccepted = REQUEST_STATE_IS_VISIBLE || globalObjectsAreReplaced();
      const given = (isAccepted ? request : FetchRequest.unwrap(request)) as Request;
      this.#given = given;
      returned = this.#service.handle(given, request);
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#take(returned);
  }

  #take(returned: unknown): void {
    let promise: Promise<unknown> | undefined;
    try {
      // Another thenable may call back several times, or throw. Its `then` may throw when it is read.
      if (returned instanceof Promise) promise = returned;
      else if (isThenable(returned)) promise = Promise.resolve(returned);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (promise === undefined) this.#respond(returned);
    else
      promise.then(
        (response) => this.#respond(response),
        (error: unknown) => this.#failed(error),
      );
  }

  #respond(response: unknown): void {
    const { exchange } = this;
    // The connection has ended or was taken over, or the handler has responded through `outgoing`.
    if (exchange.isCut || exchange.headSent) {
      this.#handedOver();
      discardResponse(response, this.#closeReason);
      return;
    }
    try {
      const urlError = FetchRequest.urlErrorOf(this.#request as FetchRequest);
      if (urlError !== undefined) throw urlError;
      const writing = writeResponse(this, response);
      if (typeof writing === 'object') this.#stream = writing;
    } catch (error) {
      discardResponse(response, error instanceof Error ? error : undefined);
      this.#failed(error);
    }
  }

  /** The handler or its response failed. */
  #failed(thrown: unknown): void {
    const { exchange } = this;
    const error = isReadable(thrown) ? thrown : errorOf(thrown);
    if (exchange.isCut) {
      this.#failedUnread(error);
      return;
    }
    if (exchange.headSent) {
      this.#report(error);
      if (!exchange.finished) exchange.abort(error instanceof Error ? error : undefined);
      return;
    }
    if (error instanceof HTTPInputError) {
      this.#writePlain(error.status, error.message, error.headers);
      return;
    }
    const respond = this.#fallbackFor(error);
    if (respond === undefined) {
      if (!isResponseAborted(error) && exchange.fail?.(500, error) === true) return;
      this.#report(error);
      this.#writePlain(500, 'Internal Server Error', undefined);
      return;
    }
    let returned: unknown;
    try {
      returned = respond();
    } catch (failure) {
      this.#failed(failure);
      return;
    }
    this.#take(returned);
  }

  /** If the handler has taken over the connection, nothing else notifies the objects of `node:http` of the end. */
  #handedOver(): void {
    const isTaken = this.exchange.isCut && this.#closeReason === undefined;
    if (isTaken) FetchRequest.handedOver(this.#request as FetchRequest);
  }

  /** The handler failed after the client had left, or after it has taken over the connection. */
  #failedUnread(error: unknown): void {
    this.#handedOver();
    const reason = this.#closeReason;
    if (carriedResponse(error) !== undefined) discardResponse(error, reason);
    else if (reason === undefined || !isCancellation(error, reason)) this.#report(error);
  }

  /** Returns what makes the response for an error. Ends: each fallback is used once. */
  #fallbackFor(error: unknown): (() => unknown) | undefined {
    if (this.#fallbacks === 'none') return undefined;
    const carried = carriedResponse(error);
    if (carried !== undefined) {
      this.#fallbacks = 'none';
      return carried;
    }
    const { onError } = this.#service;
    if (onError === undefined || this.#fallbacks === 'response') return undefined;
    this.#fallbacks = 'response';
    return () => onError(error, this.#given as Request);
  }

  #writePlain(status: number, text: string, more: HTTPHeaders | undefined): void {
    const headers = more?.copy() ?? new Fields();
    headers.set('Content-Type', 'text/plain; charset=utf-8');
    this.exchange.writeHead(status, '', headers, `${text}\n`, true);
    this.responded(status);
  }

  #report(error: unknown): void {
    if (isResponseAborted(error)) return;
    const peer = this.exchange.connection.remoteAddress;
    const details = { error, method: this.#request?.method, target: excerpt(this.#target), peer };
    this.#service.logger.error(details, 'a Fetch handler failed');
  }
}

/** Whether what a handler threw can be examined: a proxy whose traps throw cannot. */
function isReadable(thrown: unknown): boolean {
  try {
    return !(thrown instanceof Error) || errorOf(thrown) === thrown;
  } catch {
    return false;
  }
}
