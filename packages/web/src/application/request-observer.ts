import type { HTTPHeaders } from '@landspout/http1';

/** Sees what the connection reports about a request, beside its handler. */
export interface RequestObserver {
  /** @returns a promise until which no more of the body is read; ignored after the handler has started. */
  dataReceived(chunk: Uint8Array): Promise<void> | undefined;
  finish(trailers: HTTPHeaders | undefined): void;
  connectionClosed(reason: Error): void;
  /** The rest of the request is refused. The response must be complete when the connection has called `refused`. */
  refused(reason: Error): void;
  /** The handler is started, and will get the body. */
  handlerStarts(): void;
  /** The response is complete or cut off. */
  responseEnded(): void;
}
