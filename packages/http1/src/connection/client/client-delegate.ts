import type { ResponseHead } from '../../delegate.ts';
import type { HTTPHeaders } from '../../protocol/index.ts';

/** The head of a request, and the length of its body. */
export interface ClientRequest {
  /** A token, such as `GET`. */
  readonly method: string;
  /** `/path?query` as it is sent; for CONNECT, an authority. */
  readonly target: string;
  /** Must contain Host. The connection frames the body; a Content-Length in the headers is kept. */
  readonly headers: HTTPHeaders;
  /**
   * Length of the body in bytes; 0 for no body; -1 if unknown. A body of unknown length is chunked, unless there is a
   * Content-Length.
   */
  readonly bodyBytes: number;
}

/**
 * Receives one response: headersReceived is called first, then dataReceived any number of times, then either finish or
 * connectionClosed. Interim responses (1xx) are counted, and are passed only to interimReceived.
 *
 * If headersReceived or dataReceived returns a promise, the stream is not read until it settles. If headersReceived or
 * dataReceived throws or rejects, the connection is closed, and the error is passed to connectionClosed. finish and
 * connectionClosed must not throw; if one of them rejects, the error is logged.
 */
export interface HTTPResponseDelegate {
  /**
   * The maximum size of the body, in bytes. Read after headersReceived and its promise. Default: the connection's
   * limit.
   */
  readonly maxBodyBytes?: number;
  /**
   * Whether the delegate needs the whole body at once. If true, a body with a Content-Length is collected and passed to
   * a single dataReceived; other bodies are still passed as they arrive. Read once, after headersReceived. Default:
   * false.
   */
  readonly collectsBody?: boolean;
  /** Called for each interim response (1xx) except 101, such as `100 Continue` (RFC 9110 §15.2). Must not throw. */
  interimReceived?(head: ResponseHead): void;
  headersReceived(head: ResponseHead): void | PromiseLike<void>;
  /** Called with bytes of the body. They are owned by the delegate: the connection does not use them again. */
  dataReceived(chunk: Uint8Array): void | PromiseLike<void>;
  /** Called when the response is complete. The connection's `isIdle` then says whether it can carry another request. */
  finish(trailers: HTTPHeaders | undefined): void;
  /**
   * Called if the response will not be complete. `reason` is the error that was thrown or passed to abort, or that the
   * peer caused.
   */
  connectionClosed(reason: Error): void;
}
