import type { PreparedPiece } from './protocol/encoding/prepared-piece.ts';
import type { HTTPHeaders } from './protocol/fields/http-headers.ts';

/**
 * The interface between HTTP and the application that responds. Nothing here depends on the wire format of HTTP/1.1, so
 * that connections for another version of HTTP could use the same interface. The application, such as `web`, a plain
 * callback or a proxy, implements the delegates; a connection implements the exchange.
 */

/**
 * The head of a request, as it was received. The caller may keep it: nothing in it is borrowed from a receive buffer.
 */
export interface RequestHead {
  /** An RFC 9110 token, case-sensitive, such as `GET`. */
  readonly method: string;
  /** The request target as sent: `/path?query`, an absolute URI, an authority (CONNECT) or `*`. */
  readonly target: string;
  /** `HTTP/1.1` or `HTTP/1.0`. */
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly headers: HTTPHeaders;
  /**
   * Whether the request has If-Match, If-None-Match, If-Modified-Since or If-Unmodified-Since; undefined if that is
   * not known.
   */
  readonly hasPrecondition?: boolean;
  /**
   * The start of the path that was removed from `target`, because the delegate is mounted at it: `/api` if the client
   * sent `/api/users` and `target` is `/users`. Undefined if nothing was removed.
   */
  readonly mountPath?: string | undefined;
  /**
   * The head as the connection received it, if this one was made from it: because the delegate is mounted at a path, or
   * because the target was in absolute form. It is the `head` of the messages on diagnostics channels. Undefined if this
   * head itself is the one.
   */
  readonly received?: RequestHead | undefined;
}

/** The head of a response. */
export interface ResponseHead {
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  /** 100 to 599. */
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
}

/** Creates a delegate for each request. */
export interface HTTPServerConnectionDelegate {
  /** Called when the head of a request was received. The response is written through `exchange`. */
  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate;
  /**
   * Called when a connection has ended, after the delegates of its requests were notified. Not called for a connection
   * that was taken over by `detach`.
   */
  onClose?(connection: HTTPConnectionInfo): unknown;
  /**
   * Called if a request is refused before its headers are complete. The connection writes the status line and the
   * headers, and closes after the response. Must be synchronous and not throw.
   *
   * @returns the page; undefined to let the connection send a line of text instead.
   */
  refusalPage?(refusal: RequestRefusal): RefusalPage | undefined;
  /** Called when a server that uses this delegate has stopped or was closed. The server may listen again later. */
  serverStopped?(): unknown;
}

/** Why a connection does not accept a request. */
export interface RequestRefusal {
  /** 400 to 599, such as 413 for a body that is too large, or 408 for one that is too slow. */
  readonly status: number;
  /** What was wrong, in words for the client. May contain text that the client sent. */
  readonly detail: string;
  /** Header fields that the response should have. */
  readonly headers?: HTTPHeaders | undefined;
  readonly error: Error;
}

/** The body of a response to a refused request. */
export interface RefusalPage {
  readonly contentType: string;
  /** Sent as UTF-8. */
  readonly body: string;
}

/**
 * Receives one message: headersReceived is called first, then dataReceived any number of times, then either finish or
 * connectionClosed. Neither of these two is called after the response is complete. After finish, connectionClosed is
 * still called if the connection ends before the response is complete.
 *
 * A connectionClosed with `ERR_HTTP_PEER_ENDED` means that the peer has shut down its writing side. While
 * `exchange.isCut` is false, the response may still be written; connectionClosed is called a second time if the
 * connection ends before the response is complete.
 *
 * If a method returns a promise, no more of the body is read until it settles.
 *
 * If headersReceived, dataReceived or finish throws or rejects, the error is logged and the response is a 500; if the
 * response headers were already sent, the connection is reset instead. An `HTTPInputError` becomes a response with its
 * status. If the delegate throws because of the reason passed to connectionClosed (with that error, an `AbortError`, or
 * an error that has one of them among its causes), this is not logged as an error, and the response is a 499 if the
 * peer can still read it.
 */
export interface HTTPMessageDelegate {
  headersReceived(head: RequestHead): void | PromiseLike<void>;
  /**
   * Whether the delegate needs the whole body at once. If true, a body with a Content-Length is collected and passed to
   * a single dataReceived; a chunked body is still passed as it arrives. Read once, after headersReceived. Default:
   * false.
   */
  readonly collectsBody?: boolean;
  /** Called with bytes of the body. They are owned by the delegate: the connection does not use them again. */
  dataReceived(chunk: Uint8Array): void | PromiseLike<void>;
  /**
   * Called when the message is complete.
   *
   * @param trailers - the trailers of a chunked body; they are not added to the headers.
   */
  finish(trailers?: HTTPHeaders): void | PromiseLike<void>;
  /**
   * Called if the connection refuses the rest of the request, because the request breaks a rule or a limit or is too
   * slow, or because a method of this delegate threw an HTTPInputError. The delegate may respond through its exchange,
   * but must complete the response before it returns; the connection is then closed, and the delegate is not called
   * again. Otherwise connectionClosed is called, and the connection responds itself, with a line of text. Not called if
   * the response's headers were already sent.
   */
  refused?(refusal: RequestRefusal): void;
  /**
   * Called when the connection was closed by the peer, by the server or because of a deadline; see `reason.code`. The
   * delegate is not called again, unless the code is `ERR_HTTP_PEER_ENDED`.
   */
  connectionClosed(reason: Error): unknown;
}

/** The bytes of a file that are part of a body. */
export interface FilePart {
  /** Offset of the first byte. Default: 0. */
  readonly start?: number;
  /** Offset after the last byte. */
  readonly end: number;
}

/** What the new owner of a stream learns when the server stops; see {@link HTTPServerExchange.detach}. */
export interface StopNotice {
  /**
   * Whether the service ends for good. If false, the server is restarted or replaced, so a client may reconnect soon.
   */
  readonly final: boolean;
}

/** One request and its response. Writing after the response is complete throws `ERR_HTTP_USAGE`. */
export interface HTTPServerExchange {
  /**
   * Writes the status, the headers and the first or only part of the body. The connection frames the body: if `headers`
   * has a `Content-Length`, exactly that many bytes must be written; otherwise the body is chunked (for HTTP/1.0, it
   * ends when the connection closes). `Date`, `Connection` and `Transfer-Encoding` are set by the connection.
   *
   * @param last - whether `chunk` is the whole body. If so, the body is framed by its length, and the response is
   *   complete.
   */
  writeHead(
    status: number,
    reason: string,
    headers: HTTPHeaders,
    chunk?: string | Uint8Array,
    last?: boolean,
  ): void;
  /** Writes more of the body. A string is encoded as UTF-8. */
  write(chunk: string | Uint8Array): void;
  /**
   * Writes a piece that many responses share as the next part of the body, like its bytes with {@link write}. Undefined
   * if the exchange does not support that: write the bytes then.
   */
  writePrepared?(piece: PreparedPiece): void;
  /**
   * Writes bytes of a file as the next part of the body, framed like those of {@link write}: they count towards the
   * announced `Content-Length`, or are one chunk. The bytes are sent without passing through JavaScript if the system
   * supports that; see `IOStream.sendFile`. If the response has no body, for example because the method is HEAD, the
   * file is not read.
   *
   * The data of {@link write} and of this method is sent in the order of the calls. The caller may therefore write
   * more, or complete the response, before the promise settles. While many bytes are unsent, the peer must make
   * progress in reading them, as for any response.
   *
   * @param file - an open `FileHandle` or descriptor, owned by the caller: the connection never closes it, not even in
   *   {@link abort}, and does not use it after the promise has settled. Its position is neither used nor changed. One
   *   file may be used by several calls and responses at the same time.
   * @returns a promise that resolves when the bytes have reached the kernel; it is safe to ignore. It rejects with the
   *   reason of `connectionClosed` if the connection ends first, and with StreamFileError `ERR_STREAM_FILE_CHANGED` or
   *   `ERR_STREAM_FILE_UNREADABLE` if the file has become shorter than `end` or cannot be read: the connection is then
   *   reset, so that the response does not look complete. Resolves immediately if `detach` was called before.
   * @throws HTTPUsageError if an argument is invalid or the method is called at the wrong time; Http1UsageError
   *   `ERR_HTTP1_BODY_LONG` as {@link write} does, and the connection is then reset.
   */
  writeFile(file: import('node:fs/promises').FileHandle | number, part: FilePart): Promise<void>;
  /**
   * Completes the response.
   *
   * @param trailers - sent after a chunked body, and dropped for any other body (RFC 9110 §6.5.1).
   */
  finish(trailers?: HTTPHeaders): void;
  /**
   * Sends an interim response, such as 103 Early Hints (RFC 8297) or 102. May be called any number of times before the
   * response headers are written. HTTP/1.0 has no interim responses: nothing is sent to its clients. The connection
   * sends `100 Continue` itself.
   *
   * @throws Http1UsageError if `status` is not an interim status, or a header must not be sent.
   */
  writeInterim(status: number, headers?: HTTPHeaders): void;
  /**
   * Waits until the peer has read so much that more may be written. Resolves immediately if more may be written now.
   */
  waitDrained(): Promise<void>;
  /**
   * Whether more may be written without calling {@link waitDrained} first. Undefined if that is not known: call it then.
   */
  readonly isDrained?: boolean | undefined;
  /** Resets the connection, so that the peer notices that the response failed. */
  abort(reason?: Error): void;
  /**
   * Lets the owner of the exchange respond with its own error page, and log the error. Undefined if the owner has no
   * error pages. May be called if no part of the response was written; later writes are discarded.
   *
   * @param status - of the response, 400 to 599.
   * @param error - why the delegate does not respond. Undefined if it does not handle the request.
   * @returns false if the owner does not respond.
   */
  fail?(status: number, error?: unknown): boolean;
  /** Whether the response headers have been written. */
  readonly headSent: boolean;
  /** Whether the response is complete. */
  readonly finished: boolean;
  /**
   * Bytes of the response body that were written, without framing. If the response was cut, the peer did not receive
   * all of them.
   */
  readonly bodyBytesSent: number;
  /** Whether the connection ended, or was taken over, before the response was complete. Later writes are discarded. */
  readonly isCut: boolean;
  /**
   * Takes over the connection for another protocol (an upgrade). May be called in headersReceived or later, if no part
   * of the response was written. The stream first delivers the bytes that the peer sent after the request head.
   *
   * @param onStopping - called once if the server stops; the server then waits until the stream is closed. If many
   *   streams were taken over, the calls are spread over the time of the stop, so that the clients do not all reconnect
   *   at the same moment. If undefined, the server does not wait for the stream.
   */
  detach(onStopping?: (notice: StopNotice) => void): import('@landspout/iostream').IOStream;
  readonly connection: HTTPConnectionInfo;
  /**
   * The origins at which browsers reach this site, in the form of `canonicalOrigin`, such as `https://example.com`. The
   * first is that of the URL of this request. Set if the delegate is mounted in an application that knows them. If
   * undefined, use the protocol and the host of the request.
   */
  readonly publicOrigins?: readonly string[] | undefined;
  /**
   * Overrides the server's `maxBodyBytes` for this request. Call it in `headersReceived`, before the body is read: if
   * the Content-Length exceeds the limit, the request is refused with 413 after headersReceived, and no `100 Continue`
   * is sent.
   *
   * @throws Http1UsageError `ERR_HTTP1_LIMIT` if the limit is invalid.
   */
  setMaxBodyBytes(maxBytes: number): void;
  /**
   * Overrides the server's `bodyTimeoutMs` for this request. The time starts at this call; 0 means no limit.
   *
   * @throws HTTPUsageError if the timeout is invalid.
   */
  setBodyTimeoutMs(timeoutMs: number): void;
  /**
   * Aborts when the server begins to stop. The response may still be completed. A response without an end, such as an
   * event stream, should end now.
   */
  readonly stopping: AbortSignal;
}

/** Describes the connection on which a request was received. */
export interface HTTPConnectionInfo {
  readonly remoteAddress: import('@landspout/iostream').SocketAddress;
  readonly localAddress: import('@landspout/iostream').SocketAddress;
  /**
   * What the TLS handshake of this connection has negotiated, and the certificate of the client. Undefined if the
   * connection has no TLS, also if a trusted proxy reports `https`.
   */
  readonly tls: import('@landspout/iostream').TlsInfo | undefined;
  /** The scheme that the client used to connect to this server, or to a trusted proxy in front of it. */
  readonly protocol: 'http' | 'https';
  /**
   * The `host[:port]` that the client used, if a trusted proxy reports it. If undefined, use the host of the request
   * itself.
   */
  readonly forwardedHost?: string | undefined;
  /**
   * Whether this describes how the client has reached a trusted proxy, as that proxy reports it. Then the address of the
   * client may be used for decisions although the connection is that of the proxy.
   */
  readonly isReportedByProxy?: boolean | undefined;
  /**
   * Closes the connection after sending what was written, if no request is in progress. Undefined if that is not
   * possible.
   */
  closeWhenIdle?(): void;
}
