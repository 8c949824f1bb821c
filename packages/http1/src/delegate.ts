import type { HTTPHeaders } from './protocol/fields/http-headers.ts';

/**
 * The seam between HTTP and what answers it. Nothing here knows of HTTP/1.1's bytes, so that another version of
 * HTTP can be added below. `web`, a plain callback or a proxy implement the delegates; a connection implements
 * the exchange.
 */

/** The start of a request, as it came. Valid for as long as it is held: nothing in it is lent. */
export interface RequestHead {
  /** An RFC 9110 token, case-sensitive, such as `GET`. */
  readonly method: string;
  /** The request target as sent: `/path?query`, an absolute URI, an authority (CONNECT) or `*`. */
  readonly target: string;
  /** `HTTP/1.1` or `HTTP/1.0`. */
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly headers: HTTPHeaders;
  /** Whether If-Match, If-None-Match, If-Modified-Since or If-Unmodified-Since came; undefined if that is not known. */
  readonly hasPrecondition?: boolean;
}

/** The start of a response. */
export interface ResponseHead {
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  /** 100 to 599. */
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
}

/** Makes the delegate of each request on one connection. */
export interface HTTPServerConnectionDelegate {
  /** A request has begun. `exchange` answers it. */
  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate;
  /** A connection has ended, after all its requests were told. One that was taken over by `detach` is not told of. */
  onClose?(connection: HTTPConnectionInfo): unknown;
  /** A server that it was given to has stopped or was closed. It may listen again later. */
  serverStopped?(): unknown;
}

/**
 * Hears one message, in this order: headersReceived, dataReceived any number of times, then exactly one of
 * finish and connectionClosed; neither comes once the answer is complete. After finish, connectionClosed may still
 * come when the peer leaves before the answer is complete. With `ERR_HTTP_PEER_ENDED` the peer has ended its writing side:
 * as long as `exchange.isCut` is false the answer may still be written, and a second call follows if the connection ends
 * before that. A returned promise holds back what comes next: the body is not read until it settles.
 * A throw or rejection becomes a 500 (or the connection's end, once the head is out) and one log record; an
 * `HTTPInputError` becomes the status that it names. One that only repeats the reason given to connectionClosed (that
 * error, an `AbortError`, or an error with one of them among its causes) becomes a 499, if the peer can still read it,
 * and is not logged as an error.
 */
export interface HTTPMessageDelegate {
  headersReceived(head: RequestHead): void | PromiseLike<void>;
  /**
   * Whether nothing is done before the whole body is there. Then dataReceived is called once, with all of a body whose
   * length was announced; one that is chunked comes as it comes. Looked at after headersReceived. Default false: bytes
   * are given as they come.
   */
  readonly collectsBody?: boolean;
  /** The bytes are yours: the connection never writes to them again. */
  dataReceived(chunk: Uint8Array): void | PromiseLike<void>;
  /** The message is complete. @param trailers - the fields behind a chunked body, kept apart from the headers. */
  finish(trailers?: HTTPHeaders): void | PromiseLike<void>;
  /** The peer is gone, or a deadline or the server ended the connection; see `reason.code`. Nothing follows. */
  connectionClosed(reason: Error): unknown;
}

/** One request and the answer that is owed to it. Calls after the end of the answer throw `ERR_HTTP_USAGE`. */
export interface HTTPServerExchange {
  /**
   * Writes status, headers and the first or only part of the body. Framing is the connection's business: with a
   * `Content-Length` in `headers` exactly that many bytes must follow; without one the body is chunked (or ended
   * by closing for HTTP/1.0). `Date`, `Connection` and `Transfer-Encoding` are set by the connection.
   *
   * @param last - true when `chunk` is the whole body: it is then framed by length, and the answer is complete.
   */
  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last?: boolean,
  ): void;
  /** Writes more of the body. A string is UTF-8. */
  write(chunk: string | Uint8Array): void;
  /**
   * Completes the answer.
   *
   * @param trailers - sent behind a chunked body, and dropped with any other (RFC 9110 §6.5.1).
   */
  finish(trailers?: HTTPHeaders): void;
  /**
   * Says something before the answer, such as 103 Early Hints (RFC 8297) or 102; any number of times. HTTP/1.0 knows
   * no such thing: its peers are sent nothing. `100 Continue` is the connection's business.
   *
   * @throws Http1UsageError for a status that is no interim one, and headers that must not reach the wire.
   */
  writeInterim(status: number, headers?: HTTPHeaders): void;
  /** Waits until the peer has taken enough that writing more makes sense. Resolves at once where it has. */
  waitDrained(): Promise<void>;
  /** Cuts the connection, so that the peer sees a failed answer. */
  abort(reason?: Error): void;
  /** Whether the answer's head, and whether its end, has been written. */
  readonly headSent: boolean;
  readonly finished: boolean;
  /** Whether the connection ended, or was taken over, before the response was complete: what is written goes nowhere. */
  readonly isCut: boolean;
  /**
   * Takes the connection over after headersReceived (an upgrade): what the peer sent beyond the head comes first.
   * No more HTTP happens on it. Nothing of an answer may have been written.
   *
   * @param onStopping - called once when the server begins to stop, which then waits for the stream to be closed.
   *   Without it the stream is not waited for.
   */
  detach(onStopping?: () => void): import('@landspout/iostream').IOStream;
  readonly connection: HTTPConnectionInfo;
  /**
   * Takes the place of the server's `maxBodyBytes` for this request. In `headersReceived`, before any of the body: a
   * Content-Length over the limit is refused with 413 as soon as headersReceived is done, without a `100 Continue`.
   *
   * @throws Http1UsageError `ERR_HTTP1_LIMIT` for what is no limit.
   */
  setMaxBodyBytes(maxBytes: number): void;
  /**
   * Takes the place of the server's `bodyTimeoutMs` for this request; the time counts from here on. 0 is no limit.
   *
   * @throws HTTPUsageError for what is no time.
   */
  setBodyTimeoutMs(timeoutMs: number): void;
  /**
   * Aborts when the server begins to stop. The answer may still be completed; one that would go on for ever, such as
   * an event stream, had better end here.
   */
  readonly stopping: AbortSignal;
}

/** What is known of the connection that a request came on. */
export interface HTTPConnectionInfo {
  readonly remoteAddress: import('@landspout/iostream').SocketAddress;
  readonly localAddress: import('@landspout/iostream').SocketAddress;
  readonly tls: import('@landspout/iostream').TlsInfo | undefined;
  /** How the peer spoke to us, or to the proxy in front that the server trusts. */
  readonly protocol: 'http' | 'https';
}
