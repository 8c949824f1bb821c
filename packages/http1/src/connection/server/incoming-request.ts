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
 * A request as a server's program sees it: what its head and body say, decoded, and whether the client is still there.
 * What is not asked for is not computed. `ServerRequest` of httpserver and `HTTPServerRequest` of web extend it.
 */
export class IncomingRequest {
  /** The connection that the request came on. */
  readonly connection: HTTPConnectionInfo;
  /** The whole body; empty if there is none, or as long as it is streamed. Yours. */
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

  /** Such as `GET`; case-sensitive. */
  get method(): string {
    return this.#head.method;
  }

  /** The request target as it came, such as `/path?query` or `http://host/path`. */
  get target(): string {
    return this.#head.target;
  }

  /** Tornado's name of {@link target}. */
  get uri(): string {
    return this.#head.target;
  }

  get version(): 'HTTP/1.0' | 'HTTP/1.1' {
    return this.#head.version;
  }

  get headers(): HTTPHeaders {
    return this.#head.headers;
  }

  /** The path as it came: neither decoded nor normalised. Of an absolute target, the part behind the authority. */
  get path(): string {
    return targetPath(this.target);
  }

  /** What stands behind the first `?`, as it came; '' if there is none. */
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

  /** The sender of the request, as far as the server trusts what proxies say. */
  get remoteAddress(): SocketAddress {
    return this.connection.remoteAddress;
  }

  /** The peer's IP address; `0.0.0.0` if the peer has none, as on a Unix socket. */
  get remoteIp(): string {
    return remoteIpOf(this.remoteAddress);
  }

  /** The URL that the peer asked for, as far as we know it: a proxy in front may have changed all of it. */
  fullUrl(): string {
    return fullUrl(this.protocol, this.host, this.target);
  }

  /** The cookies that came, as `parseCookies` reads them: bad ones are left out. */
  get cookies(): ReadonlyMap<string, string> {
    this.#cookies ??= parseCookies(this.headers.get('Cookie'));
    return this.#cookies;
  }

  /**
   * Arguments of the query, decoded; at most 1,000. For other limits, give {@link query} to `parseQuery`.
   *
   * @throws the error of {@link refusal} for an invalid query, such as one with a broken escape: uncaught, it is a 400.
   */
  get queryArguments(): QueryArguments {
    this.#queryArguments ??= this.query === '' ? NO_ARGUMENTS : this.#readable(() => parseQuery(this.query));
    return this.#queryArguments;
  }

  /**
   * Arguments of an `application/x-www-form-urlencoded` body, decoded; none of any other body. At most 1,000.
   *
   * @throws the error of {@link refusal} for an invalid form (400), and for one that is still compressed (415).
   */
  get bodyArguments(): QueryArguments {
    // The server has held the body to its limit already.
    const limits = { maxBytes: this.body.length };
    this.#bodyArguments ??= this.#readable(() => parseFormBody(this.headers, this.body, limits));
    return this.#bodyArguments;
  }

  /** {@link queryArguments}, and behind them {@link bodyArguments}. */
  get arguments(): QueryArguments {
    return mergeQueries(this.queryArguments, this.bodyArguments);
  }

  /**
   * Aborts when the peer ends or leaves before the answer is complete; `reason.code` says how. With
   * `ERR_HTTP_PEER_ENDED` only its writing side has ended, and it may still read the answer. Made when asked for.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#closeReason !== undefined) this.#controller.abort(this.#closeReason);
    }
    return this.#controller.signal;
  }

  /** Why the peer is gone or has ended; undefined while it is there. */
  get closeReason(): Error | undefined {
    return this.#closeReason;
  }

  /** For the delegate of the request: the peer is gone, or has ended its side. */
  connectionClosed(reason: Error): void {
    this.#closeReason = reason;
    this.#controller?.abort(reason);
  }

  /** For the layers above. */
  protected get head(): RequestHead {
    return this.#head;
  }

  /** What is thrown for a query or form that breaks a rule: an error that has the request answered with its status. */
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
      // Of the class that extends this one in httpserver.
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

/** `0.0.0.0` for an address that is none of IP. */
export function remoteIpOf(address: SocketAddress): string {
  return 'address' in address ? address.address : '0.0.0.0';
}
