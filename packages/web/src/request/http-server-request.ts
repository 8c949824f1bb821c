// This room knows what one request says: its head, query, form and path, decoded, and its line for the log. It does not know
// routes, handlers or responses; a request that cannot be decoded throws an HTTPError.

import {
  fullUrl,
  type HTTPConnectionInfo,
  type HTTPHeaders,
  hostName,
  type RequestHead,
  requestHost,
  targetPath,
  targetQuery,
} from '@landspout/http1';
import { mergeQueries } from '@landspout/http1/protocol';
import {
  INSPECT,
  inspectedAddress,
  inspectedBytes,
  inspectedText,
  inspection,
} from '@landspout/ioloop/inspection';
import type { SocketAddress } from '@landspout/iostream';
import { type Arguments, argumentsOfBody, argumentsOfQuery } from './url-encoding.ts';

const NO_BODY = new Uint8Array(0);

/** One request as a handler sees it. What is not asked for is not computed. */
export class HTTPServerRequest {
  /** The body, once it is complete; empty where there is none, or where the handler streams it. Yours. */
  body: Uint8Array = NO_BODY;
  /** The connection that the request came on. */
  readonly connection: HTTPConnectionInfo;
  readonly #head: RequestHead;
  readonly #startMs = performance.now();
  #queryArguments: Arguments | undefined = undefined;
  #bodyArguments: Arguments | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #closeReason: Error | undefined = undefined;

  /** For the application. */
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

  /** For the application: whether preconditions may be among the headers, so that looking for them is worth it. */
  get mayHavePrecondition(): boolean {
    return this.#head.hasPrecondition !== false;
  }

  /** The path as it came: neither decoded nor normalised. Of an absolute target, the part behind the authority. */
  get path(): string {
    return targetPath(this.target);
  }

  /** What stands behind the first `?`, as it came; '' where there is none. */
  get query(): string {
    return targetQuery(this.target);
  }

  /** `host[:port]` as the peer named it: of an absolute target (RFC 9112 §3.2.2), else of Host, else our address. */
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

  get remoteAddress(): SocketAddress {
    return this.connection.remoteAddress;
  }

  /** The peer's IP address; `0.0.0.0` where the peer has none, as on a Unix socket. */
  get remoteIp(): string {
    const address = this.connection.remoteAddress;
    return 'address' in address ? address.address : '0.0.0.0';
  }

  /** The URL that the peer asked for, as far as we know it: a proxy in front may have changed all of it. */
  fullUrl(): string {
    return fullUrl(this.protocol, this.host, this.target);
  }

  /** Milliseconds since the head came. */
  requestTime(): number {
    return performance.now() - this.#startMs;
  }

  /** Arguments of the query, decoded. @throws HTTPError 400 for a query that cannot be. */
  get queryArguments(): Arguments {
    this.#queryArguments ??= argumentsOfQuery(this.query);
    return this.#queryArguments;
  }

  /**
   * Arguments of an `application/x-www-form-urlencoded` body, decoded; none of any other body.
   *
   * @throws HTTPError 400 for a form that cannot be, 415 for one that is still compressed.
   */
  get bodyArguments(): Arguments {
    this.#bodyArguments ??= argumentsOfBody(this.headers, this.body);
    return this.#bodyArguments;
  }

  /** {@link queryArguments}, and behind them {@link bodyArguments}. */
  get arguments(): Arguments {
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

  /** For the application: the peer is gone, or has ended. */
  connectionClosed(reason: Error): void {
    this.#closeReason = reason;
    this.#controller?.abort(reason);
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
    }));
  }
}
