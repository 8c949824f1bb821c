import type { HTTPHeaders, HTTPServerExchange, StopNotice } from '@landspout/http1';
import { isConnectionField } from '@landspout/http1/protocol';
import type { IOStream } from '@landspout/iostream';
import { responseAborted } from '../calling/call-failure.ts';
import type { OutgoingHead, ResponseSink } from '../calling/response-sink.ts';

/** While this many bytes are waiting to be read from the body, no more should be written. */
const HIGH_WATER_BYTES = 64 * 1024;

/** Servers of HTTP/2 refuse a response with this field (RFC 9113 §8.2.2). */
const UPGRADE = /^upgrade$/i;

type BodyOfResponse = ConstructorParameters<typeof Response>[0];

/** Called when the body of a response is not wanted any more. */
type Cancelled = (reason: unknown) => void;

/** Makes the Response of a Fetch handler. */
export class OuterFetchResponse implements ResponseSink {
  readonly isTaken = false;
  readonly detachRemedy: string =
    'the request has no connection to hand over; pass on the request of serve or of a FetchContainer itself, not a copy, or pass the delegate to an HTTPServer';
  readonly detach: HTTPServerExchange['detach'] | undefined;
  readonly response: Promise<Response>;
  /** The exchange of the request, if a FetchContainer of ours made it. */
  readonly #outer: HTTPServerExchange | undefined;
  #resolve!: (response: Response) => void;
  #reject!: (error: Error) => void;
  readonly #cancelled: Cancelled;
  #isStarted = false;
  /** Undefined while the body is not a stream, and after its end. */
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;
  #drained: (() => void) | undefined = undefined;

  /** @param outer - the exchange of the request, if a FetchContainer of ours made it. */
  constructor(cancelled: Cancelled, outer: HTTPServerExchange | undefined) {
    this.#cancelled = cancelled;
    this.#outer = outer;
    this.detach = outer === undefined ? undefined : (onStopping) => this.#detach(outer, onStopping);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isDrained(): boolean {
    return (this.#controller?.desiredSize ?? 1) > 0;
  }

  start(head: OutgoingHead, chunk: string | Uint8Array | undefined, last: boolean): void {
    const { status, reason, headers, hasBody, contentLength } = head;
    const fields = headers.getAll().filter(([name]) => this.#mayHave(name));
    if (contentLength >= 0 && !headers.has('Content-Length'))
      fields.push(['Content-Length', String(contentLength)]);
    const init = { status, statusText: reason, headers: fields };
    let body: BodyOfResponse | null = null;
    if (hasBody && !last) body = this.#stream();
    else if (chunk !== undefined) body = bodyOf(chunk, headers);
    this.#isStarted = true;
    this.#resolve(new Response(body, init));
  }

  write(chunk: string | Uint8Array): void {
    this.#controller?.enqueue(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }

  /** A Response has no trailers. */
  end(): void {
    this.#controller?.close();
    this.#controller = undefined;
    this.#wake();
  }

  /** A Fetch handler returns one response: others are dropped, unless the server in front is ours. */
  interim(status: number, headers: HTTPHeaders | undefined): void {
    this.#outer?.writeInterim(status, headers);
  }

  whenDrained(drained: () => void): void {
    this.#drained = drained;
  }

  abort(reason: Error): void {
    const error = responseAborted(reason);
    if (this.#outer === undefined || !this.#isStarted) {
      this.fail(error);
      return;
    }
    // The server in front is ours: it need not take the end of the body for another failure.
    this.#outer.abort(reason);
    this.abandon(error);
  }

  /** Ends a response that was not completed: rejects the promise, or makes the body fail. */
  fail(error: Error): void {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#reject(error);
    }
    this.#controller?.error(error);
    this.#controller = undefined;
    this.#wake();
  }

  /** The client is gone: nothing reads this response, but a server may log its status. */
  abandon(error: Error): void {
    if (this.#isStarted) {
      // The server in front usually cancels the body, and would log an error of the body.
      setImmediate(() => this.fail(error));
      return;
    }
    this.#isStarted = true;
    this.#resolve(new Response(null, { status: 499, statusText: 'Client Closed Request' }));
  }

  /** A Response has no connection: the server in front sets its fields. */
  #mayHave(name: string): boolean {
    return !isConnectionField(name) && (this.#outer !== undefined || !UPGRADE.test(name));
  }

  #detach(outer: HTTPServerExchange, onStopping?: (notice: StopNotice) => void): IOStream {
    const stream = outer.detach(onStopping);
    // A FetchContainer ignores the response to a request whose connection was taken over.
    this.#isStarted = true;
    this.#resolve(new Response(null));
    return stream;
  }

  /** A stream of chunks, not of type `bytes`: such a stream would transfer the memory of Buffers, which is shared. */
  #stream(): ReadableStream<Uint8Array> {
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
        this.#controller = controller;
      },
      pull: () => this.#wake(),
      cancel: (reason: unknown) => {
        this.#controller = undefined;
        this.#cancelled(reason);
      },
    };
    return new ReadableStream(source, { highWaterMark: HIGH_WATER_BYTES, size: byteLengthOf });
  }

  #wake(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}

/** A Response of a string without a Content-Type would get one. */
function bodyOf(chunk: string | Uint8Array, headers: HTTPHeaders): BodyOfResponse {
  if (typeof chunk !== 'string') return chunk as Uint8Array<ArrayBuffer>;
  return headers.has('Content-Type') ? chunk : Buffer.from(chunk);
}

function byteLengthOf(chunk: Uint8Array): number {
  return chunk.byteLength;
}
