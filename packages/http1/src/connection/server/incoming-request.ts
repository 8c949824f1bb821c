import {
  INSPECT,
  inspectedAddress,
  inspectedBytes,
  inspectedText,
  inspection,
} from '@landspout/ioloop/inspection';
import type { SocketAddress } from '@landspout/iostream';
import type { HTTPConnectionInfo, RequestHead } from '../../delegate.ts';
import {
  fullUrl,
  type HTTPHeaders,
  hostName,
  mergeQueries,
  parseCookies,
  parseFormBody,
  parseQuery,
  type QueryArguments,
  QueryProtocolError,
  requestHost,
  targetPath,
  targetQuery,
} from '../../protocol/index.ts';
import { HTTPInputError } from '../errors.ts';

const NO_BODY = new Uint8Array(0);
const NO_ARGUMENTS: QueryArguments = new Map();

/**
 * A request for the program on the server: the decoded head and body, and whether the client is still connected. Values
 * are computed on first access. `ServerRequest` of httpserver and `HTTPServerRequest` of web extend this class.
 */
export class IncomingRequest {
  /**
   * The connection on which the request was received. `connection.tls` has the TLS facts, among them the certificate of
   * the client; it is undefined without TLS.
   */
  readonly connection: HTTPConnectionInfo;
  /** The whole body, owned by the caller. Empty if the request has no body or the body is streamed. */
  body: Uint8Array = NO_BODY;
  readonly #head: RequestHead;
  #cookies: ReadonlyMap<string, string> | undefined = undefined;
  #queryArguments: QueryArguments | undefined = undefined;
  #bodyArguments: QueryArguments | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #closeReason: Error | undefined = undefined;

  constructor(head: RequestHead, connection: HTTPConnectionInfo) {
    this.#head = head;
    this.connection = connection;
  }

  /**
   * The head of the request. To find the request in the messages of diagnostics channels, use
   * `head.received ?? head`.
   */
  get head(): RequestHead {
    return this.#head;
  }

  /** The method, such as `GET`; case-sensitive. */
  get method(): string {
    return this.#head.method;
  }

  /** The request target as sent, such as `/path?query` or `http://host/path`. */
  get target(): string {
    return this.#head.target;
  }

  /** Tornado's name for {@link target}. */
  get uri(): string {
    return this.#head.target;
  }

  get version(): 'HTTP/1.0' | 'HTTP/1.1' {
    return this.#head.version;
  }

  get headers(): HTTPHeaders {
    return this.#head.headers;
  }

  /** The path as sent: neither decoded nor normalised. In an absolute target, the part after the authority. */
  get path(): string {
    return targetPath(this.target);
  }

  /** The part of the target after the first `?`, as sent; '' if there is none. */
  get query(): string {
    return targetQuery(this.target);
  }

  /**
   * The `host[:port]` that the client used: from the headers of trusted proxies if they report it, else from an absolute
   * target (RFC 9112 §3.2.2), else from the Host header, else `127.0.0.1`.
   */
  get host(): string {
    return this.connection.forwardedHost ?? requestHost(this.method, this.target, this.headers.get('Host'));
  }

  /** {@link host} without the port, in lower case. An IPv6 address keeps its brackets. */
  get hostName(): string {
    return hostName(this.host);
  }

  /** The scheme that the client used to connect to this server, or to a trusted proxy in front of it. */
  get protocol(): 'http' | 'https' {
    return this.connection.protocol;
  }

  /** The address of the client: from the headers of trusted proxies if there are any, else that of the connection. */
  get remoteAddress(): SocketAddress {
    return this.connection.remoteAddress;
  }

  /** The IP address of the client; `0.0.0.0` if it has none, as on a Unix socket. */
  get remoteIp(): string {
    return remoteIpOf(this.remoteAddress);
  }

  /** Returns the URL of the request. A proxy in front of the server may have changed any part of it. */
  fullUrl(): string {
    return fullUrl(this.protocol, this.host, this.target);
  }

  /** The cookies of the request, as returned by `parseCookies`: invalid ones are omitted. */
  get cookies(): ReadonlyMap<string, string> {
    this.#cookies ??= parseCookies(this.headers.get('Cookie'));
    return this.#cookies;
  }

  /**
   * The decoded arguments of the query; at most 1,000. For another limit, pass {@link query} to `parseQuery`.
   *
   * @throws the error of {@link refusal} if the query is invalid, for example because of an invalid percent escape. If
   *   the program does not catch it, the response is a 400.
   */
  get queryArguments(): QueryArguments {
    this.#queryArguments ??= this.query === '' ? NO_ARGUMENTS : this.#readable(() => parseQuery(this.query));
    return this.#queryArguments;
  }

  /**
   * The decoded arguments of an `application/x-www-form-urlencoded` body, at most 1,000; empty for any other body.
   *
   * @throws the error of {@link refusal} if the form is invalid (400) or still compressed (415).
   */
  get bodyArguments(): QueryArguments {
    // The server has already limited the size of the body.
    const limits = { maxBytes: this.body.length };
    this.#bodyArguments ??= this.#readable(() => parseFormBody(this.headers, this.body, limits));
    return this.#bodyArguments;
  }

  /** {@link queryArguments}, followed by {@link bodyArguments}. */
  get arguments(): QueryArguments {
    return mergeQueries(this.queryArguments, this.bodyArguments);
  }

  /**
   * Aborts if the connection ends, or the client half-closes it, before the response is complete; see `reason.code`.
   * With `ERR_HTTP_PEER_ENDED`, only the writing side of the client has ended, and it may still read the response.
   * Created on first access.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#closeReason !== undefined) this.#controller.abort(this.#closeReason);
    }
    return this.#controller.signal;
  }

  /** Why the connection ended or the client half-closed it; undefined while neither has happened. */
  get closeReason(): Error | undefined {
    return this.#closeReason;
  }

  /** The delegate of the request must call this from its own connectionClosed. */
  connectionClosed(reason: Error): void {
    this.#closeReason = reason;
    this.#controller?.abort(reason);
  }

  /**
   * Creates the error to throw for an invalid query or form. If the program does not catch it, the response has its
   * status.
   */
  protected refusal(error: QueryProtocolError): Error {
    return new HTTPInputError(error.message, error.status, { cause: error });
  }

  [INSPECT](): object {
    return inspection(this, ['method'], () => ({
      target: inspectedText(this.target),
      remoteAddress: inspectedAddress(this.remoteAddress),
      version: this.version,
      headers: this.headers,
      body: inspectedBytes(this.body),
      closeReason: this.#closeReason,
      connection: undefined,
      // A field of `ServerRequest` in httpserver.
      exchange: undefined,
    }));
  }

  #readable(parse: () => QueryArguments): QueryArguments {
    try {
      return parse();
    } catch (error) {
      throw error instanceof QueryProtocolError ? this.refusal(error) : error;
    }
  }
}

/** Returns the IP address; `0.0.0.0` if the address is not an IP address. */
export function remoteIpOf(address: SocketAddress): string {
  return 'address' in address ? address.address : '0.0.0.0';
}
