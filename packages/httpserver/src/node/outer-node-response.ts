import type { ServerResponse } from 'node:http';
import type { HTTPHeaders } from '@landspout/http1';
import type { DelegateCall } from '../calling/delegate-call.ts';
import type { OutgoingHead, ResponseSink } from '../calling/response-sink.ts';

/** Fields to which middleware in front may have added values that must be kept. */
const SET_COOKIE = 'set-cookie';
const VARY = 'vary';

/** The method that compressing middleware adds, to send what its encoder holds back. */
interface FlushableResponse {
  flush?: unknown;
}

/**
 * A response of node:http. Only public methods are used, because middleware replaces them, and each is called as late
 * as possible, because middleware such as `on-headers` acts in `writeHead`.
 */
export class OuterNodeResponse implements ResponseSink {
  readonly detachRemedy: string =
    "a request event of node:http does not hand over the connection; pass the handler's upgrade method to the server, `server.on('upgrade', handler.upgrade)`, which is then called for upgrade requests";
  /** Set before the response is started. */
  call!: DelegateCall;
  readonly #response: ServerResponse;
  /** Passes a response on to the next handler; undefined if this one responds. */
  readonly #passOn: ((status: number) => boolean) | undefined;
  #needsDrain = false;
  #isListening = false;
  #isPassedOn = false;
  #hasWritten = false;
  #flushWanted = false;
  #drained: (() => void) | undefined = undefined;

  /** @param passOn - asked when a response starts. @returns whether another handler responds instead. */
  constructor(response: ServerResponse, passOn: ((status: number) => boolean) | undefined) {
    this.#response = response;
    this.#passOn = passOn;
  }

  get isTaken(): boolean {
    return this.#response.headersSent || this.#response.writableEnded;
  }

  get isDrained(): boolean {
    return !this.#needsDrain;
  }

  start(head: OutgoingHead, chunk: string | Uint8Array | undefined, last: boolean): void {
    if (this.#passOn?.(head.status) === true) {
      this.#isPassedOn = true;
      return;
    }
    const response = this.#response;
    setResponseHeaders(response, head.headers);
    if (head.contentLength >= 0 && !head.headers.has('Content-Length'))
      response.setHeader('Content-Length', String(head.contentLength));
    response.writeHead(head.status, head.reason);
    if (!last) this.#flushSoon();
    else if (chunk === undefined) response.end();
    else response.end(chunk);
  }

  write(chunk: string | Uint8Array): void {
    if (this.#isPassedOn) return;
    const response = this.#response;
    this.#hasWritten = true;
    if (!response.write(chunk)) this.#awaitDrain();
    if (typeof (response as FlushableResponse).flush === 'function') this.#flushSoon();
  }

  end(trailers: HTTPHeaders | undefined): void {
    if (this.#isPassedOn) return;
    if (trailers !== undefined && trailers.size > 0) this.#response.addTrailers(trailers.getAll());
    this.#response.end();
  }

  /** Node sends 102, and 103 with a Link; there is no public method for others, which are dropped. */
  interim(status: number, headers: HTTPHeaders | undefined): void {
    const response = this.#response;
    // Another handler may have responded, whose body must not contain it.
    if (this.#isPassedOn || this.isTaken || response.destroyed) return;
    if (status === 100) response.writeContinue();
    else if (status === 102) response.writeProcessing();
    else if (status === 103 && headers?.has('Link') === true) response.writeEarlyHints(hintsOf(headers));
  }

  whenDrained(drained: () => void): void {
    this.#drained = drained;
  }

  abort(reason: Error): void {
    const response = this.#response;
    if (this.#isPassedOn || response.destroyed) return;
    const { socket } = response;
    // A reset, because the end of a response without a length would look like the end of its body.
    if (typeof socket?.resetAndDestroy === 'function' && !('encrypted' in socket)) socket.resetAndDestroy();
    else response.destroy(reason);
  }

  /** The listener stays: middleware that passes listeners on to its encoder does not pass on their removal. */
  #awaitDrain(): void {
    this.#needsDrain = true;
    if (this.#isListening) return;
    this.#isListening = true;
    this.#response.on('drain', this.#onDrain);
  }

  /** Sends a head without a body, and what compressing middleware holds back, once the delegate has returned. */
  #flushSoon(): void {
    if (this.#flushWanted) return;
    this.#flushWanted = true;
    process.nextTick(flush, this);
  }

  flush(): void {
    this.#flushWanted = false;
    const response = this.#response;
    if (response.writableEnded || response.destroyed) return;
    try {
      if (!this.#hasWritten) response.flushHeaders();
      const { flush: flushEncoder } = response as FlushableResponse;
      if (typeof flushEncoder === 'function') flushEncoder.call(response);
    } catch (error) {
      // No method of the delegate is running, to which the error of middleware could go.
      this.call.failed(error);
    }
  }

  readonly #onDrain = (): void => {
    this.#needsDrain = false;
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  };
}

/** Sets the fields, each with all its values. Values that middleware in front has set are replaced, or kept too. */
export function setResponseHeaders(response: ServerResponse, headers: HTTPHeaders): void {
  const seen = new Set<string>();
  for (const [name, value] of headers.getAll()) {
    const key = name.toLowerCase();
    if (key === VARY) response.setHeader(name, joined(response.getHeader(name), value));
    else if (key === SET_COOKIE || seen.has(key)) response.appendHeader(name, value);
    else response.setHeader(name, value);
    seen.add(key);
  }
}

function joined(present: number | string | string[] | undefined, value: string): string {
  return present === undefined ? value : `${Array.isArray(present) ? present.join(', ') : present}, ${value}`;
}

function flush(sink: OuterNodeResponse): void {
  sink.flush();
}

function hintsOf(headers: HTTPHeaders): Record<string, string | string[]> {
  const hints: Record<string, string | string[]> = {};
  for (const name of headers.names()) hints[name.toLowerCase()] = headers.getList(name);
  return hints;
}
