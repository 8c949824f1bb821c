import {
  fullUrl,
  type HTTPConnectionInfo,
  HTTPHeaders,
  HTTPInputError,
  type HTTPServerExchange,
  hostName,
  parseCookies,
  parseFormBody,
  parseQuery,
  type QueryArguments,
  QueryProtocolError,
  type RequestHead,
  requestHost,
  targetPath,
  targetQuery,
} from '@landspout/http1';
import { mergeQueries } from '@landspout/http1/protocol';
import type { Clock } from '@landspout/ioloop';
import {
  INSPECT,
  inspectedAddress,
  inspectedBytes,
  inspectedText,
  inspection,
} from '@landspout/ioloop/inspection';
import type { SocketAddress } from '@landspout/iostream';
import { remoteIpOf } from './forwarded/addresses.ts';

const EMPTY = new Uint8Array(0);

/** A complete request, and the way to answer it. What is not asked for is not computed. */
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
  #cookies: ReadonlyMap<string, string> | undefined;
  #queryArguments: QueryArguments | undefined;
  #bodyArguments: QueryArguments | undefined;
  readonly #clock: Clock;
  readonly #startedAtMs: number;

  /** @param clock - for {@link requestTimeMs}; that of the server's loop. */
  constructor(head: RequestHead, exchange: HTTPServerExchange, clock: Clock) {
    this.method = head.method;
    this.target = head.target;
    this.version = head.version;
    this.headers = head.headers;
    this.exchange = exchange;
    this.#clock = clock;
    this.#startedAtMs = clock.now();
  }

  get connection(): HTTPConnectionInfo {
    return this.exchange.connection;
  }

  /** Tornado's name of {@link target}. */
  get uri(): string {
    return this.target;
  }

  /** The path as it came: neither decoded nor normalised. Of an absolute target, the part behind the authority. */
  get path(): string {
    return targetPath(this.target);
  }

  /** What stands behind the first `?`, as it came; '' where there is none. */
  get query(): string {
    return targetQuery(this.target);
  }

  /** `host[:port]` as the peer named it: of an absolute target (RFC 9112 §3.2.2), else of Host, else `127.0.0.1`. */
  get host(): string {
    return requestHost(this.method, this.target, this.headers.get('Host'));
  }

  /** {@link host} without the port, in lower case. An IPv6 address keeps its brackets. */
  get hostName(): string {
    return hostName(this.host);
  }

  /** How the peer spoke to us, or to the proxy in front that the server trusts. */
  get protocol(): 'http' | 'https' {
    return this.connection.protocol;
  }

  /** Who sent the request, as far as the server trusts what it was told. */
  get remoteAddress(): SocketAddress {
    return this.connection.remoteAddress;
  }

  /** The peer's IP address; `0.0.0.0` where the peer has none, as on a Unix socket. */
  get remoteIp(): string {
    return remoteIpOf(this.remoteAddress);
  }

  /** The cookies that came, as `parseCookies` of `@landspout/http1` reads them: bad ones are left out. */
  get cookies(): ReadonlyMap<string, string> {
    this.#cookies ??= parseCookies(this.headers.get('Cookie'));
    return this.#cookies;
  }

  /**
   * Arguments of the query, decoded; at most 1,000. For other limits, give {@link query} to `parseQuery`.
   *
   * @throws HTTPInputError for a query that cannot be, such as one with a broken escape: not caught, it is a 400.
   */
  get queryArguments(): QueryArguments {
    this.#queryArguments ??= readable(() => parseQuery(this.query));
    return this.#queryArguments;
  }

  /**
   * Arguments of an `application/x-www-form-urlencoded` body, decoded; none of any other body. At most 1,000.
   *
   * @throws HTTPInputError for a form that cannot be (400), and for one that is still compressed (415).
   */
  get bodyArguments(): QueryArguments {
    // The size of the body has its limit already.
    const limits = { maxBytes: this.body.length };
    this.#bodyArguments ??= readable(() => parseFormBody(this.headers, this.body, limits));
    return this.#bodyArguments;
  }

  /** {@link queryArguments}, and behind them {@link bodyArguments}. */
  get arguments(): QueryArguments {
    return mergeQueries(this.queryArguments, this.bodyArguments);
  }

  /** The URL that the peer asked for, as far as we know it: a proxy in front may have changed all of it. */
  fullUrl(): string {
    return fullUrl(this.protocol, this.host, this.target);
  }

  /** Milliseconds since the head had come. */
  requestTimeMs(): number {
    return this.#clock.now() - this.#startedAtMs;
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
      fields.add('Content-Type', 'text/plain; charset=utf-8');
    }
    this.exchange.writeHead(status, '', fields, body, true);
  }

  /** For the connection's delegate. */
  abort(reason: Error): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }

  [INSPECT](): object {
    return inspection(this, ['method'], () => ({
      target: inspectedText(this.target),
      remoteAddress: inspectedAddress(this.remoteAddress),
      version: this.version,
      headers: this.headers,
      body: inspectedBytes(this.body),
      exchange: undefined,
    }));
  }
}

/** Makes of what a peer sent, and cannot be read, the error that has the request answered with its status. */
function readable(parse: () => QueryArguments): QueryArguments {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof QueryProtocolError) throw new HTTPInputError(cause.message, cause.status, { cause });
    throw cause;
  }
}
