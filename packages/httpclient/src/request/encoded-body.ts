import { clientChecks } from './usage.ts';

/** A body in the form in which it is sent. */
export interface EncodedBody {
  /** The Content-Type to send, unless the request has one; undefined if the form of the body does not say. */
  readonly contentType: string | undefined;
  /** The length in bytes; -1 if it is unknown. */
  readonly bodyBytes: number;
  /**
   * The bytes, or chunks that are read as they are sent. If the request ends without reading all of them, call `return`
   * of their iterator, even before the first `next`: a stream is then cancelled.
   */
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  /** Whether `content` can be sent again, for example after a redirect or a challenge. */
  readonly isRepeatable: boolean;
}

/** The parts of a Blob that are used, so that those of other libraries are accepted too. */
export interface BlobLike {
  readonly size: number;
  readonly type: string;
  stream(): StreamLike | AsyncIterable<Uint8Array>;
}

/** The parts of a ReadableStream that are used. */
export interface StreamLike {
  readonly locked?: boolean;
  getReader(): ReaderLike;
}

interface ReaderLike {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
  cancel(reason?: unknown): Promise<unknown>;
}

/** Maximum size of one chunk of a Blob, because back-pressure works only between chunks. */
const MAX_CHUNK_BYTES = 256 * 1024;

/** Returns the name that an object has for `Object.prototype.toString`; '' for other values. */
export function tagOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  const tag = (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return typeof tag === 'string' ? tag : '';
}

/** Whether a value is a Blob or File, of Node or of another library. */
export function isBlob(value: unknown): value is BlobLike {
  const tag = tagOf(value);
  if (tag !== 'Blob' && tag !== 'File') return false;
  const { size, type, stream } = value as Partial<BlobLike>;
  return (
    Number.isSafeInteger(size) &&
    Number(size) >= 0 &&
    typeof type === 'string' &&
    typeof stream === 'function'
  );
}

export function isStream(value: unknown): value is StreamLike {
  return typeof (value as Partial<StreamLike> | null | undefined)?.getReader === 'function';
}

/**
 * Reads a Blob chunk by chunk, no faster than the chunks are taken. The Blob itself is not changed, so that it can be
 * read again.
 *
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if it does not have as many bytes as its `size` says. The error
 *   of the Blob if it cannot be read, for example because its file has changed.
 */
export async function* blobChunks(operation: string, blob: BlobLike): AsyncGenerator<Uint8Array, void> {
  const { size } = blob;
  let left = size;
  for await (const chunk of blob instanceof Blob ? slices(blob) : foreignChunks(operation, blob)) {
    if (!(chunk instanceof Uint8Array)) throw clientChecks.wrong(operation, 'a Blob of Uint8Arrays', chunk);
    left -= chunk.length;
    if (left < 0) break;
    for (let at = 0; at < chunk.length; at += MAX_CHUNK_BYTES) yield chunk.subarray(at, at + MAX_CHUNK_BYTES);
  }
  if (left !== 0)
    throw clientChecks.wrong(operation, `a Blob of ${size} bytes`, left < 0 ? 'more' : size - left);
}

/**
 * Reads a Blob of Node without its stream: if that is cancelled, the file stays open until garbage is collected, and
 * all of a Blob in memory is copied at once. Slices are also faster.
 */
async function* slices(blob: Blob): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < blob.size; at += MAX_CHUNK_BYTES)
    yield new Uint8Array(await blob.slice(at, at + MAX_CHUNK_BYTES).arrayBuffer());
}

function foreignChunks(operation: string, blob: BlobLike): AsyncIterable<Uint8Array> {
  const stream = blob.stream();
  return isStream(stream) ? streamChunks(operation, stream) : stream;
}

/**
 * Returns the chunks of a stream, which can be read once. `return` cancels the stream at once, also while a chunk is
 * awaited: the stream of a program may never have another.
 */
export function streamChunks(operation: string, stream: StreamLike): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new StreamIterator(operation, stream) };
}

class StreamIterator implements AsyncIterator<Uint8Array, undefined> {
  readonly #reader: ReaderLike;
  #isDone = false;

  constructor(operation: string, stream: StreamLike) {
    if (stream.locked === true)
      throw clientChecks.wrong(operation, 'a ReadableStream without a reader', stream);
    this.#reader = stream.getReader();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { done, value } = await this.#reader.read();
    if (!done) return { done: false, value: value as Uint8Array };
    this.#isDone = true;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#isDone) await this.#reader.cancel();
    this.#isDone = true;
    return { done: true, value: undefined };
  }
}
