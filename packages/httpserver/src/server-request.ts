import { HTTPHeaders, type HTTPServerExchange, type RequestHead } from '@landspout/http1';
import { IncomingRequest } from '@landspout/http1/server';
import type { Clock } from '@landspout/ioloop';

/**
 * A complete request, and the methods to respond to it. Properties are computed on first access. What TLS has
 * negotiated, and the certificate of the client, are in `connection.tls`.
 */
export class ServerRequest extends IncomingRequest {
  /** The trailer fields after a chunked body, which are not added to the headers; undefined if there were none. */
  trailers: HTTPHeaders | undefined = undefined;
  /** For responses that are sent in several steps, with back-pressure. */
  readonly exchange: HTTPServerExchange;
  readonly #clock: Clock;
  readonly #startedAtMs: number;

  /** @param clock - for {@link requestTimeMs}; the clock of the server's loop. */
  constructor(head: RequestHead, exchange: HTTPServerExchange, clock: Clock) {
    super(head, exchange.connection);
    this.exchange = exchange;
    this.#clock = clock;
    this.#startedAtMs = clock.now();
  }

  /** Milliseconds since the request's headers arrived. */
  requestTimeMs(): number {
    return this.#clock.now() - this.#startedAtMs;
  }

  /**
   * Responds with a complete body.
   *
   * @param body - text is sent as UTF-8. Bytes must not be modified after the call.
   * @param headers - the header fields. A text body without a `Content-Type` is sent as `text/plain; charset=utf-8`.
   * @throws Http1UsageError if a header is invalid; HTTPUsageError if the request already has a response.
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

  /** Keeps the first reason, because the connection compares that reason with the error of a callback that gave up. */
  override connectionClosed(reason: Error): void {
    if (this.closeReason === undefined) super.connectionClosed(reason);
  }
}
