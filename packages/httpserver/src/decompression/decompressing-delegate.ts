import type {
  HTTPConnectionInfo,
  HTTPMessageDelegate,
  HTTPServerConnectionDelegate,
  HTTPServerExchange,
} from '@landspout/http1';
import { DecompressingMessage } from './decompressing-message.ts';
import {
  type Decompression,
  type DecompressionOptions,
  resolveDecompression,
} from './decompression-options.ts';

/**
 * Undoes the content codings of request bodies for another delegate, which sees such a request as if it had been sent
 * without them: no Content-Encoding and no Content-Length, and `X-Consumed-Content-Encoding` says what was undone. Of a
 * peer's own headers of that name none gets through.
 *
 * Pieces come at the pace of the inner delegate's promises, and the peer waits meanwhile. A body that is corrupt, cut
 * short, or followed by anything else is answered with 400, one beyond a limit with 413, and a coding that is not
 * taken with 415 and an `Accept-Encoding` of those that are.
 *
 * A request that is not compressed costs two looks into its headers.
 */
export class DecompressingDelegate implements HTTPServerConnectionDelegate {
  readonly #inner: HTTPServerConnectionDelegate;
  readonly #settings: Decompression;

  /** @throws StreamUsageError `ERR_STREAM_USAGE` for options that cannot be, such as zstd where Node has none. */
  constructor(inner: HTTPServerConnectionDelegate, options: DecompressionOptions = {}) {
    this.#inner = inner;
    this.#settings = resolveDecompression(options);
  }

  startRequest(exchange: HTTPServerExchange): HTTPMessageDelegate {
    return new DecompressingMessage(this.#inner, exchange, this.#settings);
  }

  onClose(connection: HTTPConnectionInfo): unknown {
    return this.#inner.onClose?.(connection);
  }

  serverStopped(): unknown {
    return this.#inner.serverStopped?.();
  }
}
