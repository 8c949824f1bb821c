import type { IncomingMessage } from 'node:http';
import { HTTPHeaders, HTTPUsageError, Http1ProtocolError } from '@landspout/http1';
import type { DelegateCall } from '../calling/delegate-call.ts';
import type { BodySource } from '../calling/response-sink.ts';

/** A request whose body was read by middleware that keeps the bytes. */
interface ParsedRequest {
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

/** The body of a request that node:http received. */
export class OuterNodeBody implements BodySource {
  readonly announcedBytes: number;
  /** Set before the body is started. */
  call!: DelegateCall;
  readonly #request: IncomingMessage;
  #isListening = false;
  #isLeft = false;
  #spareBytes = 0;

  constructor(request: IncomingMessage, announcedBytes: number) {
    this.#request = request;
    this.announcedBytes = announcedBytes;
  }

  /** Leaves the body to another handler. @returns false if a part of it was taken. */
  leave(): boolean {
    this.#isLeft = !this.#isListening;
    return this.#isLeft;
  }

  start(): void {
    const request = this.#request;
    if (request.readableEnded) this.#useParsed(request as ParsedRequest);
    // Otherwise a destroyed request is one whose client is gone, which the response reports.
    if (request.readableEnded || request.destroyed) return;
    this.#listen(this.#onData);
    request.once('end', this.#onEnd);
    request.resume();
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    this.#request.resume();
  }

  discard(mostBytes: number): void {
    const request = this.#request;
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    if (this.#isLeft || request.readableEnded || request.destroyed) return;
    this.#spareBytes = mostBytes;
    this.#listen(this.#onSpare);
    request.resume();
  }

  #listen(onData: (chunk: Uint8Array | string) => void): void {
    const request = this.#request;
    // Without a listener for errors, a client that leaves would end the process on some versions of Node. That it has
    // left is reported by the response.
    if (!this.#isListening) request.on('error', ignore);
    this.#isListening = true;
    request.on('data', onData);
  }

  /** Middleware in front has read the body, and may have kept its bytes, as `express.raw` does. */
  #useParsed({ rawBody, body }: ParsedRequest): void {
    const bytes = rawBody instanceof Uint8Array ? rawBody : body;
    const coding = this.#request.headers['content-encoding'];
    if (bytes instanceof Uint8Array && (coding === undefined || coding === 'identity')) {
      this.call.received(bytes);
      this.call.ended();
      return;
    }
    const remedy = 'mount the delegate in front of middleware that reads bodies, such as express.json()';
    this.call.failed(
      new HTTPUsageError(`toNodeHandler: the body of the request was already read; ${remedy}`),
    );
  }

  // A program may have called `setEncoding`.
  readonly #onData = (chunk: Uint8Array | string): void => {
    const { readableEncoding } = this.#request;
    this.call.received(typeof chunk === 'string' ? Buffer.from(chunk, readableEncoding ?? 'utf8') : chunk);
  };

  readonly #onEnd = (): void => {
    const { rawTrailers } = this.#request;
    let trailers: HTTPHeaders | undefined;
    try {
      if (rawTrailers.length > 0) trailers = trailersOf(rawTrailers);
    } catch (error) {
      this.call.failed(error);
      return;
    }
    this.call.ended(trailers);
  };

  readonly #onSpare = (chunk: Uint8Array | string): void => {
    this.#spareBytes -= chunk.length;
    // The client has had the chance to read the response, and is still sending.
    if (this.#spareBytes < 0) this.#request.destroy();
  };
}

function trailersOf(fields: readonly string[]): HTTPHeaders {
  const trailers = new HTTPHeaders();
  try {
    for (let at = 0; at < fields.length; at += 2)
      trailers.add(fields[at] as string, fields[at + 1] as string);
  } catch (error) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_TRAILER', (error as Error).message, { cause: error });
  }
  return trailers;
}

function ignore(): void {}
