import { HTTPHeaders, type HTTPServerExchange, type RequestHead } from '@landspout/http1';
import { IncomingRequest } from '@landspout/http1/server';
import type { Clock } from '@landspout/ioloop';

/** A complete request, and the way to answer it. What is not asked for is not computed. */
export class ServerRequest extends IncomingRequest {
  /** The fields behind a chunked body, kept apart from the headers; undefined if there were none. */
  trailers: HTTPHeaders | undefined = undefined;
  /** The long way to answer: head, parts of a body, back-pressure. */
  readonly exchange: HTTPServerExchange;
  readonly #clock: Clock;
  readonly #startedAtMs: number;

  /** @param clock - for {@link requestTimeMs}; that of the server's loop. */
  constructor(head: RequestHead, exchange: HTTPServerExchange, clock: Clock) {
    super(head, exchange.connection);
    this.exchange = exchange;
    this.#clock = clock;
    this.#startedAtMs = clock.now();
  }

  /** Milliseconds since the head had come. */
  requestTimeMs(): number {
    return this.#clock.now() - this.#startedAtMs;
  }

  /**
   * Answers with a whole body.
   *
   * @param body - text is sent as UTF-8, and bytes belong to the connection from here on.
   * @param headers - if no `Content-Type` is among them, text gets `text/plain; charset=utf-8`.
   * @throws Http1UsageError for headers that must not reach the wire; HTTPUsageError when an answer was given.
   */
  respond(
    status: number,
    body: string | Uint8Array = '',
    headers?: HTTPHeaders | Record<string, string>,
  ): void {
    const fields = headers instanceof HTTPHeaders ? headers : HTTPHeaders.from(headers ?? {});
    if (typeof body === 'string' && body !== '' && !fields.has('Content-Type')) {
      fields.add('Content-Type', 'text/plain; charset=utf-8');
    }
    this.exchange.writeHead(status, '', fields, body, true);
  }

  /** The connection judges a callback that gives up by the first reason that it was given. */
  override connectionClosed(reason: Error): void {
    if (this.closeReason === undefined) super.connectionClosed(reason);
  }
}
