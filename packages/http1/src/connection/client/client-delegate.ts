import type { ResponseHead } from '../../delegate.ts';
import type { HTTPHeaders } from '../../protocol/index.ts';

/** What goes out first: the head of a request, and how long its body will be. */
export interface ClientRequest {
  /** A token, such as `GET`. */
  readonly method: string;
  /** `/path?query` as it goes on the wire; for CONNECT an authority. */
  readonly target: string;
  /** Must have Host. Framing is the connection's business, but an explicit Content-Length is kept. */
  readonly headers: HTTPHeaders;
  /** Bytes of the body; 0 for none; -1 where it is not known: then it is chunked, unless Content-Length says. */
  readonly bodyBytes: number;
  /** Most bytes of the response's body. Default: the connection's limit. */
  readonly maxBodyBytes?: number;
}

/**
 * Hears one response, in this order: headersReceived, dataReceived any number of times, then exactly one of finish
 * and connectionClosed. Interim responses (1xx) are counted and dropped.
 *
 * A returned promise holds back what comes next: the stream is not read until it settles. A throw or rejection of
 * the first two ends the connection, and comes back as the reason. The last two must not throw; a rejection of theirs is
 * logged.
 */
export interface HTTPResponseDelegate {
  headersReceived(head: ResponseHead): void | PromiseLike<void>;
  /** The bytes are yours: the connection never writes to them again. */
  dataReceived(chunk: Uint8Array): void | PromiseLike<void>;
  /** The response is complete. Whether the connection can carry another request is decided by now. */
  finish(trailers: HTTPHeaders | undefined): void;
  /** There will be no complete response: `reason` is what was thrown, what abort was given, or what the peer did. */
  connectionClosed(reason: Error): void;
}
