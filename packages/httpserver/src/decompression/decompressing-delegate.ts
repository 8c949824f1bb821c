// The decompression/ folder passes requests with compressed bodies to a delegate, and chooses the status for an invalid
// body. The codings themselves are in `content-coding/` of http1.

import {
  type HTTPConnectionInfo,
  HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  type RefusalPage,
  type RequestHead,
  type RequestRefusal,
} from '@landspout/http1';
import {
  BodyInflater,
  type ContentCoding,
  ContentCodingLimitError,
  ContentCodingProtocolError,
  parseContentEncoding,
} from '@landspout/http1/content-coding';
import { DecompressingExchange } from './decompressing-exchange.ts';
import {
  type Decompression,
  type DecompressionOptions,
  resolveDecompression,
} from './decompression-options.ts';

const CONSUMED = 'X-Consumed-Content-Encoding';

/**
 * Decompresses request bodies for another delegate. That delegate gets the request as if the body had not been
 * compressed: without Content-Encoding and Content-Length, and with `X-Consumed-Content-Encoding`, which names the
 * removed codings. A header field of that name sent by the client is removed.
 *
 * If the inner delegate returns a promise, no more data is delivered until it settles, and the client has to wait
 * (back-pressure). A body that is corrupt, truncated or followed by other data is refused with 400, and a body that
 * exceeds a limit with 413. An unsupported coding is refused with 415 and an `Accept-Encoding` header that lists the
 * supported codings.
 *
 * For an uncompressed request, the only cost is two header look-ups.
 */
export class DecompressingDelegate implements HTTPServerConnectionDelegate {
  readonly #inner: HTTPServerConnectionDelegate;
  readonly #settings: Decompression;

  /**
   * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid, for example zstd if Node does not support it.
   */
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

  refusalPage(refusal: RequestRefusal): RefusalPage | undefined {
    return this.#inner.refusalPage?.(refusal);
  }

  serverStopped(): unknown {
    return this.#inner.serverStopped?.();
  }
}

/**
 * Passes one request to the inner delegate. `startRequest` of the inner delegate is called only after the request's
 * headers have arrived, because they decide which exchange it is called with.
 */
class DecompressingMessage implements HTTPMessageDelegate {
  readonly #delegate: HTTPServerConnectionDelegate;
  readonly #exchange: HTTPServerExchange;
  readonly #settings: Decompression;
  /** Undefined before the headers have arrived, or if they were refused. */
  #inner: HTTPMessageDelegate | undefined;
  /** Set if the body is decompressed. */
  #inflater: BodyInflater | undefined;

  constructor(delegate: HTTPServerConnectionDelegate, exchange: HTTPServerExchange, settings: Decompression) {
    this.#delegate = delegate;
    this.#exchange = exchange;
    this.#settings = settings;
  }

  /** The inner delegate's choice, except for a decompressed body, which is always delivered in pieces. */
  get collectsBody(): boolean {
    return this.#inflater === undefined && this.#inner?.collectsBody === true;
  }

  headersReceived(head: RequestHead): void | PromiseLike<void> {
    const { headers } = head;
    const encoding = headers.get('Content-Encoding');
    if (encoding !== undefined) return this.#encodedHead(head, encoding);
    if (headers.has(CONSUMED)) headers.delete(CONSUMED);
    return this.#start(this.#exchange, head);
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    const inflater = this.#inflater;
    if (inflater === undefined) return this.#inner?.dataReceived(chunk);
    inflater.write(chunk);
    return this.#deliver(inflater);
  }

  finish(trailers?: HTTPHeaders): void | PromiseLike<void> {
    const inflater = this.#inflater;
    if (inflater === undefined) return this.#inner?.finish(trailers);
    inflater.end();
    return this.#deliverEnd(inflater, trailers);
  }

  refused(refusal: RequestRefusal): void {
    this.#inflater?.close();
    this.#inner?.refused?.(refusal);
  }

  connectionClosed(reason: Error): unknown {
    // If the client has only ended its side, a part of the body that has arrived may not be delivered yet.
    if (this.#exchange.isCut) this.#inflater?.close();
    return this.#inner?.connectionClosed(reason);
  }

  #start(exchange: HTTPServerExchange, head: RequestHead): void | PromiseLike<void> {
    const inner = this.#delegate.startRequest(exchange);
    this.#inner = inner;
    return inner.headersReceived(head);
  }

  #encodedHead(head: RequestHead, encoding: string): void | PromiseLike<void> {
    const { headers } = head;
    const { codings: known, maxCodings } = this.#settings;
    headers.delete(CONSUMED);
    const codings = parseContentEncoding(encoding, known, maxCodings);
    if (codings === undefined) {
      // Some clients send Content-Encoding without a body, which is harmless.
      return announcesBody(headers) ? this.#refuse() : this.#start(this.#exchange, head);
    }
    headers.delete('Content-Encoding');
    headers.set(CONSUMED, encoding);
    if (codings.length === 0) return this.#start(this.#exchange, head);
    headers.delete('Content-Length');
    return this.#startInflating(head, codings);
  }

  #startInflating(head: RequestHead, codings: readonly ContentCoding[]): void | PromiseLike<void> {
    const inflater = new BodyInflater(codings, this.#settings);
    this.#inflater = inflater;
    return this.#start(new DecompressingExchange(this.#exchange, inflater), head);
  }

  /** RFC 9110 §15.5.16: the response lists the codings that are supported. */
  #refuse(): never {
    const { codings, maxCodings } = this.#settings;
    const accepted = codings.join(', ');
    const problem = `unsupported Content-Encoding; supported: ${accepted}, at most ${maxCodings} for one body`;
    const headers = new HTTPHeaders().set('Accept-Encoding', accepted);
    throw new HTTPInputError(problem, 415, { headers });
  }

  async #deliver(inflater: BodyInflater): Promise<void> {
    for (;;) {
      const piece = await nextPiece(inflater);
      if (piece === undefined) return;
      const waiting = this.#inner?.dataReceived(piece);
      if (waiting !== undefined) await waiting;
    }
  }

  async #deliverEnd(inflater: BodyInflater, trailers: HTTPHeaders | undefined): Promise<void> {
    await this.#deliver(inflater);
    if (inflater.isClosed) return;
    inflater.close();
    await this.#inner?.finish(trailers);
  }
}

/**
 * Returns the next piece of the body. Errors in the coding or size of the body become an HTTPInputError with the status
 * for the client.
 */
async function nextPiece(inflater: BodyInflater): Promise<Uint8Array | undefined> {
  try {
    return await inflater.next();
  } catch (error) {
    if (error instanceof ContentCodingLimitError)
      throw new HTTPInputError(error.message, 413, { cause: error });
    if (error instanceof ContentCodingProtocolError)
      throw new HTTPInputError(error.message, 400, { cause: error });
    throw error;
  }
}

function announcesBody(headers: HTTPHeaders): boolean {
  return headers.has('Transfer-Encoding') || Number(headers.get('Content-Length') ?? 0) > 0;
}
