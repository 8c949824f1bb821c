import { Readable } from 'node:stream';
import { shownValue } from '@landspout/ioloop/errors';
import { callReporting } from '@landspout/ioloop/reactor';
import { encodeBody } from '../request/body-forms.ts';
import { type EncodedBody, isBlob, isStream, tagOf } from '../request/encoded-body.ts';
import type { HTTPRequest } from '../request/http-request.ts';

/** The body of a `Request` is sent with its length if it is not longer than this. */
const MAX_KNOWN_BYTES = 1024 * 1024;

/** The result of a race between a body and the loop iteration, if the iteration ended first. */
const LATER = Symbol('later');

/**
 * Encodes the body of a `RequestInit` (Fetch standard, "extract a body"). Bytes are copied, so that the caller may
 * change them after the call.
 *
 * @throws TypeError if the body is a stream that was read or has a reader; HTTPClientUsageError if a form cannot.
 */
export function encodeFetchBody(
  body: unknown,
  { duplex, keepalive }: { readonly duplex?: unknown; readonly keepalive?: unknown },
): EncodedBody {
  if (typeof body === 'string') return textBody(body, 'text/plain;charset=UTF-8');
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return bytesBody(copyOf(body), undefined);
  const tag = tagOf(body);
  if (tag === 'URLSearchParams' || tag === 'FormData' || isBlob(body)) return encodeBody(body);
  if (!isStream(body) && !isIterable(body)) return textBody(`${body}`, 'text/plain;charset=UTF-8');
  if (keepalive) throw new TypeError('fetch: keepalive must not be set if the body is a stream');
  if (duplex === undefined) throw new TypeError('fetch: duplex must be "half" if the body is a stream');
  if (isStream(body) && (body.locked === true || isDisturbed(body)))
    throw new TypeError('fetch: the body is a stream that was read or has a reader');
  const encoded = encodeBody(body);
  const chunks = encoded.content as AsyncIterable<unknown>;
  return {
    ...encoded,
    content: new StreamedBody(() => new ByteChunks(chunks[Symbol.asyncIterator]())),
  };
}

function textBody(text: string, contentType: string): EncodedBody {
  return bytesBody(Buffer.from(text, 'utf8'), contentType);
}

function bytesBody(bytes: Uint8Array, contentType: string | undefined): EncodedBody {
  return {
    contentType,
    bodyBytes: bytes.length,
    content: bytes,
    isRepeatable: true,
  };
}

function copyOf(bytes: ArrayBuffer | ArrayBufferView): Uint8Array {
  return bytes instanceof ArrayBuffer
    ? new Uint8Array(bytes.slice(0))
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
}

function isIterable(value: unknown): boolean {
  return typeof (value as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === 'function';
}

/** Whether a stream was read. Streams of other libraries do not show it, and count as unread. */
function isDisturbed(stream: unknown): boolean {
  return stream instanceof ReadableStream && Readable.isDisturbed(stream as unknown as Readable);
}

/** A body that can be sent once. */
class StreamedBody implements AsyncIterable<Uint8Array> {
  #open: (() => AsyncIterator<Uint8Array>) | undefined;

  constructor(open: () => AsyncIterator<Uint8Array>) {
    this.#open = open;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const open = this.#open;
    if (open === undefined) throw new TypeError('fetch: the body is a stream, which can be sent once');
    this.#open = undefined;
    return open();
  }

  /** Cancels the stream if no part of it was sent. Its errors are ignored: the request has one already. */
  discard(): void {
    if (this.#open === undefined) return;
    callReporting(
      () => this[Symbol.asyncIterator]().return?.(),
      undefined,
      () => {},
    );
  }
}

/** Cancels the stream that is the body of a request that has failed, if it was not sent. */
export function discardBody({ encodedBody }: HTTPRequest): void {
  const content = encodedBody?.content;
  if (content instanceof StreamedBody) content.discard();
}

/** The chunks of a body as bytes. Like Node's fetch, also accepts text. */
class ByteChunks implements AsyncIterator<Uint8Array, undefined> {
  readonly #chunks: AsyncIterator<unknown>;

  constructor(chunks: AsyncIterator<unknown>) {
    this.#chunks = chunks;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { done, value } = await this.#chunks.next();
    if (done === true) return { done, value: undefined };
    if (value instanceof Uint8Array) return { done: false, value };
    if (typeof value === 'string') return { done: false, value: Buffer.from(value, 'utf8') };
    throw new TypeError(`fetch: chunks of the body must be Uint8Arrays or strings, got ${shownValue(value)}`);
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#chunks.return?.();
    return { done: true, value: undefined };
  }
}

/**
 * Encodes the body of a `Request`, which is a stream even if it was created from text. Such a stream ends within this
 * loop iteration: its bytes are then sent with their length, and can be sent again after a redirect.
 */
export async function encodeRequestBody(stream: ReadableStream<Uint8Array>): Promise<EncodedBody> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const later = new Promise<typeof LATER>((resolve) => setImmediate(resolve, LATER));
  for (;;) {
    const reading = reader.read();
    // An error is reported when the chunk is sent.
    const next =
      length > MAX_KNOWN_BYTES
        ? LATER
        : await Promise.race([reading, later]).catch((): typeof LATER => LATER);
    if (next === LATER)
      return {
        contentType: undefined,
        bodyBytes: -1,
        content: new StreamedBody(() => new StartedStream(chunks, reading, reader)),
        isRepeatable: false,
      };
    if (next.done) return bytesBody(Buffer.concat(chunks), undefined);
    chunks.push(next.value);
    length += next.value.length;
  }
}

type Reading = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>;

/** A stream of which some chunks were already read. */
class StartedStream implements AsyncIterator<Uint8Array, undefined> {
  readonly #chunks: Uint8Array[];
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #reading: Promise<Reading> | undefined;

  constructor(
    chunks: Uint8Array[],
    reading: Promise<Reading>,
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ) {
    this.#chunks = chunks;
    this.#reading = reading;
    this.#reader = reader;
    // If the request ends before the chunk is awaited, its error is of no interest.
    reading.catch(() => {});
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return { done: false, value: chunk };
    const reading = this.#reading ?? this.#reader.read();
    this.#reading = undefined;
    const { done, value } = await reading;
    return done ? { done: true, value: undefined } : { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#reader.cancel();
    return { done: true, value: undefined };
  }
}
