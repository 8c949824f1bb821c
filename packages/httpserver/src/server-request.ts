import {
  type HTTPConnectionInfo,
  HTTPHeaders,
  type HTTPServerExchange,
  type RequestHead,
  STATUS_REASONS,
} from '@landspout/http1';

const EMPTY = new Uint8Array(0);

/** A complete request, and the way to answer it. */
export class ServerRequest {
  readonly method: string;
  /** The request target as sent, such as `/path?query`. */
  readonly target: string;
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly headers: HTTPHeaders;
  /** The whole body; empty where there was none. Yours. */
  body: Uint8Array = EMPTY;
  /** The fields behind a chunked body, kept apart from the headers; undefined where there were none. */
  trailers: HTTPHeaders | undefined = undefined;
  /** The long way to answer: head, parts of a body, back-pressure. */
  readonly exchange: HTTPServerExchange;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;

  constructor(head: RequestHead, exchange: HTTPServerExchange) {
    this.method = head.method;
    this.target = head.target;
    this.version = head.version;
    this.headers = head.headers;
    this.exchange = exchange;
  }

  get connection(): HTTPConnectionInfo {
    return this.exchange.connection;
  }

  /** Aborts when the peer ends or leaves before the answer is complete; `reason.code` says how. Made when asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /**
   * Answers with a whole body.
   *
   * @param body - text is sent as UTF-8, and bytes belong to the connection from here on.
   * @param headers - where no `Content-Type` is among them, text gets `text/plain; charset=utf-8`.
   * @throws Http1UsageError for headers that must not reach the wire; HTTPUsageError when an answer was given.
   */
  respond(
    status: number,
    body: string | Uint8Array = '',
    headers?: HTTPHeaders | Record<string, string>,
  ): void {
    const fields = headers instanceof HTTPHeaders ? headers : HTTPHeaders.from(headers ?? {});
    if (typeof body === 'string' && body !== '' && !fields.has('Content-Type')) {
      fields.set('Content-Type', 'text/plain; charset=utf-8');
    }
    this.exchange.writeHead(status, STATUS_REASONS[status] ?? 'Unknown', fields, body, true);
  }

  /** For the connection's delegate. */
  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }
}
