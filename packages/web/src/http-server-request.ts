import type { HTTPConnectionInfo, HTTPHeaders, RequestHead } from '@landspout/http1';
import type { SocketAddress } from '@landspout/iostream';
import { type Arguments, mergeArguments, parseFormFields } from './form-fields.ts';
import { HTTPError } from './http-error.ts';

const SLASH = 0x2f;
const NO_BODY = new Uint8Array(0);
const NO_ARGUMENTS: Arguments = new Map();

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

  /** The path as it came: neither decoded nor normalised. Of an absolute target, the part behind the authority. */
  get path(): string {
    const local = this.#localTarget;
    const mark = local.indexOf('?');
    const path = mark === -1 ? local : local.slice(0, mark);
    return path === '' ? '/' : path;
  }

  /** What stands behind the first `?`, as it came; '' where there is none. */
  get query(): string {
    const { target } = this;
    const mark = target.indexOf('?');
    return mark === -1 ? '' : target.slice(mark + 1);
  }

  /** `host[:port]` as the peer named it: of an absolute target (RFC 9112 §3.2.2), else of Host, else our address. */
  get host(): string {
    const { target } = this;
    if (target.charCodeAt(0) !== SLASH) {
      const authority = /^https?:\/\/([^/?#]+)/i.exec(target)?.[1];
      if (authority !== undefined) return authority;
    }
    return this.headers.get('Host') || '127.0.0.1';
  }

  /** {@link host} without the port, in lower case. An IPv6 address keeps its brackets. */
  get hostName(): string {
    return this.host.replace(/:\d*$/, '').toLowerCase();
  }

  get protocol(): 'http' | 'https' {
    return this.connection.tls === undefined ? 'http' : 'https';
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
    const local = this.#localTarget;
    return `${this.protocol}://${this.host}${local.startsWith('/') ? '' : '/'}${local}`;
  }

  /** Milliseconds since the head came. */
  requestTime(): number {
    return performance.now() - this.#startMs;
  }

  /** Arguments of the query, decoded. @throws HTTPError 400 for a query that cannot be. */
  get queryArguments(): Arguments {
    if (this.#queryArguments === undefined) {
      const { query } = this;
      this.#queryArguments = query === '' ? NO_ARGUMENTS : parseFormFields(query);
    }
    return this.#queryArguments;
  }

  /**
   * Arguments of an `application/x-www-form-urlencoded` body, decoded; none of any other body.
   *
   * @throws HTTPError 400 for a form that cannot be, 415 for one that is still compressed.
   */
  get bodyArguments(): Arguments {
    this.#bodyArguments ??= this.#parseBody();
    return this.#bodyArguments;
  }

  /** {@link queryArguments}, and behind them {@link bodyArguments}. */
  get arguments(): Arguments {
    return mergeArguments(this.queryArguments, this.bodyArguments);
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

  /** The target without scheme and authority. */
  get #localTarget(): string {
    const { target } = this;
    if (target.charCodeAt(0) === SLASH) return target;
    const authority = /^https?:\/\/[^/?#]+/i.exec(target);
    return authority === null ? target : target.slice(authority[0].length);
  }

  #parseBody(): Arguments {
    if (this.body.length === 0) return NO_ARGUMENTS;
    const type = this.headers.get('Content-Type') ?? '';
    if (!/^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)) return NO_ARGUMENTS;
    const coding = this.headers.get('Content-Encoding');
    if (coding !== undefined && coding.toLowerCase() !== 'identity') {
      throw new HTTPError(415, 'a form without Content-Encoding was expected');
    }
    const { buffer, byteOffset, byteLength } = this.body;
    return parseFormFields(Buffer.from(buffer, byteOffset, byteLength).toString('latin1'));
  }
}
