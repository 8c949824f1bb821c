import { Readable } from 'node:stream';
import { BodyChunks } from '@landspout/http1/client';
import type { ResponseBody } from '../response/response-body.ts';
import { type BodyFailure, readableBody } from './readable-body.ts';

const EMPTY = new Uint8Array(0);

/**
 * The body of a `Response`, which may be read once. It is read directly from the response of the client; a
 * ReadableStream is created only if a program asks for it.
 */
export class FetchBody {
  /** Null if the response cannot have a body. */
  readonly #source: ResponseBody | null;
  readonly #failure: BodyFailure;
  #stream: ReadableStream<Uint8Array> | undefined;
  /** Whether the source was read without a stream. */
  #isRead = false;

  /** @param stream - one branch of the body, if it was cloned. */
  constructor(source: ResponseBody | null, failure: BodyFailure, stream?: ReadableStream<Uint8Array>) {
    this.#source = source;
    this.#failure = failure;
    this.#stream = stream;
  }

  /** Whether the body was read or cancelled, completely or in part. */
  get isUsed(): boolean {
    return this.#isRead || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  /** Whether the body can no longer be read, because it is used or has a reader. */
  get isUnusable(): boolean {
    return this.#isRead || (this.#stream !== undefined && (this.#stream.locked || isDisturbed(this.#stream)));
  }

  /** The body as a stream, which is the same object each time; null if the response cannot have a body. */
  get stream(): ReadableStream<Uint8Array> | null {
    if (this.#source === null) return null;
    this.#stream ??= this.#isRead ? readStream() : readableBody(this.#source, this.#failure);
    return this.#stream;
  }

  /** Reads the whole body if all of it has arrived and there is no stream; otherwise returns undefined. */
  takeComplete(): Uint8Array | undefined {
    if (this.#source === null) return EMPTY;
    if (this.#isRead || this.#stream !== undefined) return undefined;
    const bytes = this.#source.takeComplete();
    this.#isRead = bytes !== undefined;
    return bytes;
  }

  /** Reads the whole body. @throws TypeError if the body is used or has a reader; the error of the request. */
  async bytes(): Promise<Uint8Array> {
    const complete = this.takeComplete();
    if (complete !== undefined) return complete;
    if (this.isUnusable) throw new TypeError('Body is unusable: Body has already been read');
    if (this.#stream !== undefined) return readAll(this.#stream);
    this.#isRead = true;
    try {
      return await (this.#source as ResponseBody).bytes();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Splits the body in two, of which this object keeps one. @throws TypeError as {@link bytes}. */
  tee(): FetchBody {
    if (this.isUnusable) throw new TypeError('Response.clone: Body has already been consumed.');
    const { stream } = this;
    if (stream === null) return new FetchBody(null, this.#failure);
    const [kept, other] = stream.tee();
    this.#stream = kept;
    return new FetchBody(this.#source, this.#failure, other);
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks = new BodyChunks();
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
  return chunks.takeAll();
}

/** The stream of a body that was read without one: it has ended and has a reader, as if it had been read itself. */
function readStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.close(),
  });
  void stream.getReader().read();
  return stream;
}

function isDisturbed(stream: ReadableStream<Uint8Array>): boolean {
  return Readable.isDisturbed(stream as unknown as Readable);
}
