// The decompression room knows requests whose bodies are compressed: what their delegate sees, and which status a bad
// body gets. How a coding is undone is http1's `content-coding/`.

import {
  type HTTPConnectionInfo,
  HTTPHeaders,
  HTTPInputError,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
  type RequestHead,
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

/**
 * One request on its way to the inner delegate, which is started when the head says whether there is anything to
 * decompress: only then is its exchange known.
 */
class DecompressingMessage implements HTTPMessageDelegate {
  readonly #delegate: HTTPServerConnectionDelegate;
  readonly #exchange: HTTPServerExchange;
  readonly #settings: Decompression;
  /** None until the head has come, and for a request that was refused because of it. */
  #inner: HTTPMessageDelegate | undefined;
  /** Only for a body that is decompressed. */
  #inflater: BodyInflater | undefined;

  constructor(delegate: HTTPServerConnectionDelegate, exchange: HTTPServerExchange, settings: Decompression) {
    this.#delegate = delegate;
    this.#exchange = exchange;
    this.#settings = settings;
  }

  /** As the inner delegate wants it. What is decompressed comes in pieces of its own. */
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

  connectionClosed(reason: Error): unknown {
    // A peer that only half-closed may have sent the whole body, of which we were told no more than a part.
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
      // Some clients describe a body that they do not send; there is nothing to misunderstand then.
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

  /** RFC 9110 §15.5.16: the answer says which codings would have been taken. */
  #refuse(): never {
    const { codings, maxCodings } = this.#settings;
    const accepted = codings.join(', ');
    const problem = `a body may be in ${accepted}, and in no more than ${maxCodings} of them`;
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

/** What is wrong with the body is the answer to its sender; what an inner delegate throws is not touched. */
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
