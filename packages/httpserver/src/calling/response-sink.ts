import type { HTTPHeaders, HTTPServerExchange } from '@landspout/http1';

/** The head of a response. Status, headers and lengths were checked. */
export interface OutgoingHead {
  /** 200 to 599. */
  readonly status: number;
  /** Safe to be sent in a status line. */
  readonly reason: string;
  readonly headers: HTTPHeaders;
  /** Whether the response has a body: false for HEAD, 204, 205 and 304. */
  readonly hasBody: boolean;
  /** The Content-Length to send if `headers` has none; -1 if the length is unknown, or must not be sent. */
  readonly contentLength: number;
}

/** The response of the other server: what differs between the servers that call a delegate. */
export interface ResponseSink {
  /** Whether another handler has already responded to the request. */
  readonly isTaken: boolean;
  /** Why the connection cannot be taken over, and the remedy: the end of the message of the error. */
  readonly detachRemedy: string;
  /** Starts the response. @param last - whether `chunk` is the whole body, so that the response is complete. */
  start(head: OutgoingHead, chunk: string | Uint8Array | undefined, last: boolean): void;
  /** Adds to the body. Called after `start`, only if the response has a body, and not with an empty chunk. */
  write(chunk: string | Uint8Array): void;
  end(trailers: HTTPHeaders | undefined): void;
  /** Sends an interim response, or drops it. */
  interim(status: number, headers: HTTPHeaders | undefined): void;
  readonly isDrained: boolean;
  /** Calls `drained` once when more may be written. Called while {@link isDrained} is false, and once at a time. */
  whenDrained(drained: () => void): void;
  /** Takes over the connection, if the server in front can hand it over. Called instead of `start`. */
  readonly detach?: HTTPServerExchange['detach'] | undefined;
  /** Makes the client notice that the response failed. May be called at any time, and more than once. */
  abort(reason: Error): void;
}

/** The body of the request: where its bytes come from. */
export interface BodySource {
  /** In bytes; -1 if it is not known before the end; 0 if the request has no body. */
  readonly announcedBytes: number;
  /** Begins to pass chunks to the call. They may arrive during this method. */
  start(): void;
  /** Passes no more chunks until {@link resume} is called. The end may still be reported. */
  pause(): void;
  resume(): void;
  /** Discards the rest, which is neither needed nor passed on. @param mostBytes - above it, the client is cut off. */
  discard(mostBytes: number): void;
}
