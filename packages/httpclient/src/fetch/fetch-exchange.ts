import type { AsyncResource } from 'node:async_hooks';
import { HTTPClosedError, type ResponseHead } from '@landspout/http1';
import type { ClientConnection, HTTPResponseDelegate } from '@landspout/http1/client';
import type { BodyInflater } from '@landspout/http1/content-coding';
import type { EncodedRequestHead } from '@landspout/http1/protocol';
import type { Clock } from '@landspout/ioloop';
import { isThenable } from '@landspout/ioloop/reactor';
import { type FetchFailure, type FetchPhase, HTTPRedirectError } from '../errors.ts';
import type { HTTPRedirect, HTTPRequest, RequestOptions } from '../request/http-request.ts';
import { isRepeatable } from '../request/request-body.ts';
import { BodyIntake, type DataCallback, inflaterFor } from '../response/body-intake.ts';
import { HTTPResponse, type HTTPTimings, type ResponseFacts } from '../response/http-response.ts';
import { HTTPStreamedResponse } from '../response/http-streamed-response.ts';
import { type BodyOwner, ResponseBody } from '../response/response-body.ts';
import { exchangeFailure } from './fetch-errors.ts';
import type { Hop } from './hop.ts';
import type { HopSequence } from './hop-sequence.ts';
import { RequestSender } from './request-sender.ts';

/** The fetch that an exchange belongs to. */
export interface ExchangeOwner {
  /** Whether the fetch resolves as soon as the head of its result has arrived. */
  readonly isStreamed: boolean;
  /** The async context of the caller; undefined if none of its code is to be called. */
  readonly context: AsyncResource | undefined;
  readonly clock: Clock;
  /** Returns what errors say about the fetch. */
  failure(): FetchFailure;
  timings(): HTTPTimings;
  /** Called when the head of a response has arrived. The fetch may end in this call. */
  headArrived(status: number): void;
  /** Called when the head of the result has arrived, before the caller is notified. The fetch may end in this call. */
  resultBegun(exchange: FetchExchange): void;
  /** Called with a response whose body is to be read. */
  streamOpened(response: HTTPStreamedResponse): void;
  /** Called when the response has arrived completely. Not all of its body may be decoded. */
  exchangeDone(exchange: FetchExchange): void;
  /** Called if the request could not be sent, or its response was not received completely. */
  exchangeFailed(exchange: FetchExchange, error: unknown): void;
  /** Ends the fetch, in any phase. */
  stop(reason: unknown): void;
}

/** Idempotent methods: sending them twice has the same effect as sending them once (RFC 9110 §9.2.2). */
export const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
/** If the body of a redirect is longer, its connection is closed instead of reading it. */
const MAX_DISCARDED_BYTES = 64 * 1024;
/** More than the header and the trailer of any coding. */
const CODING_OVERHEAD_BYTES = 1024;

/**
 * One request of a fetch on a connection, and the receiving of its response: judges the head, then discards the body,
 * collects it, or passes it to a callback or to the reader of a streamed response. A request that is sent again, or that
 * follows a redirect, is another exchange.
 *
 * To allocate little for a simple request, it is its own delegate of the connection, and holds the facts of its response.
 */
export class FetchExchange implements HTTPResponseDelegate, BodyOwner, ResponseFacts {
  readonly #fetch: ExchangeOwner;
  readonly #hops: HopSequence;
  readonly #hop: Hop;
  readonly #http: ClientConnection;
  readonly isPipelined: boolean;
  /** Bytes that were sent on the connection before this request. */
  readonly #sentBytesBefore: number;
  /** When the sending of the request began, on the clock of the loop. */
  readonly sentAt: number;
  #sender: RequestSender | undefined = undefined;
  /** Nothing more is sent or received: the exchange has ended in one way or another. */
  #isOver = false;

  // The response.
  #head: ResponseHead | undefined = undefined;
  #headAt = 0;
  #isResult = false;
  #next: Hop | undefined = undefined;
  #discardedBytes = 0;
  /** The body, if nothing more is to be done with it than to return it and it arrived in one chunk. */
  #chunk: Uint8Array | undefined = undefined;
  #intake: BodyIntake | undefined = undefined;
  #body: ResponseBody | undefined = undefined;

  // For the connection.
  maxBodyBytes: number;
  collectsBody = false;

  /** @param isPipelined - whether the request is sent before the responses to others have arrived. */
  constructor(
    fetch: ExchangeOwner,
    hops: HopSequence,
    http: ClientConnection,
    isPipelined: boolean,
    now: number,
  ) {
    this.#fetch = fetch;
    this.#hops = hops;
    this.#hop = hops.current;
    this.#http = http;
    this.isPipelined = isPipelined;
    this.#sentBytesBefore = http.stream.bytesSent;
    this.sentAt = now;
    this.maxBodyBytes = hops.settings.maxBodyBytes;
  }

  // ---- the request ----

  /** Sends the request. If that fails, the fetch is notified. @param head - that of the hop, perhaps with more fields. */
  begin(head: EncodedRequestHead): void {
    const { body } = this.#hop;
    try {
      if (this.isPipelined) this.#http.pipeline(head, this);
      else this.#http.begin(head, this);
    } catch (error) {
      this.#fetch.exchangeFailed(this, error);
      return;
    }
    if (body.kind === 'none' || this.#isOver) return;
    const { clock, context } = this.#fetch;
    this.#sender = new RequestSender(this.#http, body, clock, context, (error) => this.#bodyFailed(error));
    if (this.#hops.settings.expectContinue) this.#sender.awaitContinue();
    else this.#sender.send();
  }

  /** The request body could not be produced, or not be written as it was announced. */
  #bodyFailed(error: unknown): void {
    if (!this.#isOver) this.#fetch.stop(this.failureOf(error));
  }

  /** Whether the sending of the body was begun, which then also discards what is not sent. */
  get hasBegunBody(): boolean {
    return this.#sender !== undefined;
  }

  /** When the whole body had been passed to the connection; 0 before that, and without a body. */
  get bodySentAt(): number {
    return this.#sender?.sentAt ?? 0;
  }

  get phase(): FetchPhase {
    if (this.#head !== undefined) return 'body';
    return this.#sender?.isSending === true ? 'send' : 'headers';
  }

  /**
   * Whether to send the request once more. Three conditions must be met: the reused connection ended before any byte of
   * the response was received; the body can be sent again; and the method is idempotent, or no byte of the request can
   * have reached the kernel.
   */
  mayRepeat(error: unknown, isReused: boolean): boolean {
    const { responseBegun, stream } = this.#http;
    if (!(error instanceof HTTPClosedError) || !isReused || responseBegun) return false;
    if (!isRepeatable(this.#hop.body)) return false;
    return (
      IDEMPOTENT.has(this.#hop.head.method) ||
      stream.bytesSent + stream.bytesInFlight === this.#sentBytesBefore
    );
  }

  /** The connection is not used for this exchange any more. */
  leave(): void {
    this.#isOver = true;
    this.#sender?.giveUp();
  }

  // ---- for the connection ----

  interimReceived({ status }: ResponseHead): void {
    if (status === 100) this.#sender?.send();
  }

  headersReceived(head: ResponseHead): void | PromiseLike<void> {
    this.#headAt = this.#fetch.clock.now();
    this.#head = head;
    if (this.#sender?.isWaiting === true) this.#sender.giveUp();
    this.#fetch.headArrived(head.status);
    if (this.#isOver) return undefined;
    const storing = this.#hops.storeCookies(head);
    return storing === undefined ? this.#judge(head) : storing.then(() => this.#judge(head));
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    if (this.#next !== undefined) {
      this.#discardedBytes += chunk.length;
      if (this.#discardedBytes > MAX_DISCARDED_BYTES)
        this.#http.abort(new Error('the body of a redirect is too long to be read'));
      return undefined;
    }
    if (this.#intake === undefined) {
      if (this.#chunk === undefined) {
        this.#chunk = chunk;
        return undefined;
      }
      this.#intake = new BodyIntake(undefined, undefined, undefined);
      void this.#intake.receive(this.#chunk);
    }
    return this.#intake.receive(chunk);
  }

  finish(): void {
    this.#fetch.exchangeDone(this);
  }

  connectionClosed(reason: Error): void {
    if (!this.#isOver) this.#fetch.exchangeFailed(this, reason);
  }

  // ---- the response ----

  /** Decides what the response means: another hop, or the result of the fetch. */
  #judge(head: ResponseHead): void | PromiseLike<void> {
    // The fetch may have ended while cookies were stored.
    if (this.#isOver) return undefined;
    const next = this.#hops.after(head, this.#fetch.context);
    if (typeof next === 'string') {
      const message = `the redirect (${head.status}) cannot be followed: ${next}`;
      throw new HTTPRedirectError(message, { failure: this.#fetch.failure() });
    }
    this.#next = next;
    if (next !== undefined) return undefined;
    this.#isResult = true;
    this.#fetch.resultBegun(this);
    return this.#isOver ? undefined : this.#receiveResult(head);
  }

  /** Decides where the body of the result goes. */
  #receiveResult(head: ResponseHead): void | PromiseLike<void> {
    const { status, headers } = head;
    const { onHead, onData } = this.request.options;
    const { decompressResponse, raiseError, maxBodyBytes } = this.#hops.settings;
    const hasBody = this.#hop.head.method !== 'HEAD';
    const inflater = decompressResponse && hasBody ? inflaterFor(headers, maxBodyBytes) : undefined;
    if (inflater !== undefined) this.maxBodyBytes = encodedLimit(maxBodyBytes);
    const isStreamed = this.#fetch.isStreamed && ((status >= 200 && status < 300) || !raiseError);
    if (!isStreamed && (inflater !== undefined || onData !== undefined))
      this.#intake = new BodyIntake(inflater, undefined, this.#dataCallback(onData));
    this.collectsBody = !isStreamed && this.#intake === undefined;
    const waiting = onHead === undefined ? undefined : this.#callBack(onHead, head);
    if (!isStreamed) return waiting;
    if (waiting !== undefined) return waiting.then(() => this.#beginStreaming(inflater));
    this.#beginStreaming(inflater);
    return undefined;
  }

  #dataCallback(onData: RequestOptions['onData']): DataCallback | undefined {
    return onData === undefined ? undefined : (chunk) => this.#callBack(onData, chunk);
  }

  /** Calls a callback of the caller in its async context. What it throws, or rejects with, ends the fetch. */
  #callBack<T>(callback: (value: T) => unknown, value: T): Promise<void> | undefined {
    try {
      const waiting: unknown = this.#fetch.context?.runInAsyncScope(callback, undefined, value);
      if (!isThenable(waiting)) return undefined;
      return Promise.resolve(waiting).then(nothing, (error) => this.#fetch.stop(error));
    } catch (error) {
      this.#fetch.stop(error);
      return undefined;
    }
  }

  #beginStreaming(inflater: BodyInflater | undefined): void {
    if (this.#isOver) return;
    this.#body = new ResponseBody(this);
    this.#intake = new BodyIntake(inflater, this.#body, undefined);
    this.#fetch.streamOpened(new HTTPStreamedResponse(this, this.#body, () => this.#fetch.timings()));
  }

  /** Called by the reader of a streamed response that wants no more. */
  bodyCancelled(): void {
    this.#fetch.stop(new Error('the body of the response was cancelled'));
  }

  /** When the head of the response had arrived; 0 before that. */
  get headAt(): number {
    return this.#headAt;
  }

  /** The response is the result of the fetch: no hop follows. Known when its head has arrived. */
  get isResult(): boolean {
    return this.#isResult;
  }

  /** The hop that follows when the response has ended. */
  get next(): Hop | undefined {
    return this.#next;
  }

  /** The body, if it is streamed. */
  get body(): ResponseBody | undefined {
    return this.#body;
  }

  /** Decodes the rest of a response that has arrived. @returns undefined if all of it is decoded. */
  decodeRest(): Promise<void> | undefined {
    return this.#intake?.end();
  }

  /** Drops what has arrived and is not decoded yet. */
  dropRest(): void {
    this.#intake?.close();
  }

  /** Returns the complete response. */
  response(timings: HTTPTimings): HTTPResponse {
    return new HTTPResponse(this, this.#intake === undefined ? this.#chunk : this.#intake.bytes, timings);
  }

  /** Returns the error of the fetch for a failure of this exchange. */
  failureOf(error: unknown): unknown {
    return exchangeFailure(error, this.#hops.settings.maxBodyBytes, this.#fetch.failure());
  }

  // ---- the facts of the response ----

  get request(): HTTPRequest {
    return this.#hops.request;
  }

  get effectiveUrl(): string {
    return this.#hop.href;
  }

  get redirects(): readonly HTTPRedirect[] {
    return this.#hops.redirects;
  }

  /** Must not be read before it has arrived. */
  get head(): ResponseHead {
    return this.#head as ResponseHead;
  }
}

/** The limit is that of the decoded body, but encoding makes incompressible data a little larger. */
function encodedLimit(maxBodyBytes: number): number {
  return Math.min(
    Number.MAX_SAFE_INTEGER,
    maxBodyBytes + Math.ceil(maxBodyBytes / 8) + CODING_OVERHEAD_BYTES,
  );
}

function nothing(): void {}
