import { jsonText } from '@landspout/http1';
import { errorOf } from '@landspout/ioloop/errors';
import {
  type BlobLike,
  blobChunks,
  type EncodedBody,
  isBlob,
  isStream,
  streamChunks,
  tagOf,
} from './encoded-body.ts';
import { type FormDataLike, isFormData, multipartBody } from './form-body.ts';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/**
 * A body to send. Text is sent as UTF-8; a FormData as `multipart/form-data`; files, streams and iterables chunk by
 * chunk, as fast as the server reads. A stream or an async iterable can be sent only once.
 */
export type BodyForm =
  | string
  | Uint8Array
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | FormData
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>;

/**
 * Encodes a body of any form.
 *
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the value is not a body.
 */
export function encodeBody(body: unknown): EncodedBody {
  if (typeof body === 'string') return bytesBody(Buffer.from(body, 'utf8'));
  if (ArrayBuffer.isView(body)) {
    return bytesBody(
      body instanceof Uint8Array ? body : new Uint8Array(body.buffer, body.byteOffset, body.byteLength),
    );
  }
  if (body instanceof ArrayBuffer) return bytesBody(new Uint8Array(body));
  if (isFormData(body)) return multipartBody(body as FormDataLike);
  if (tagOf(body) === 'URLSearchParams') return urlencodedBody(body as URLSearchParams);
  if (isBlob(body)) return blobBody(body);
  // A ReadableStream of Node is an async iterable too, whose `return` waits for the next chunk.
  if (isStream(body)) return streamBody(body as ReadableStream<Uint8Array>);
  if (typeof (body as Partial<AsyncIterable<Uint8Array>> | null)?.[Symbol.asyncIterator] === 'function')
    return iterableBody(body as AsyncIterable<Uint8Array>);
  const expected = 'body: text, bytes, a form, a Blob, a stream or an async iterable (pass data as json),';
  throw clientChecks.wrong('fetch', expected, body);
}

/** Encodes the fields of a form without files, as browsers do. */
function urlencodedBody(fields: URLSearchParams): EncodedBody {
  const contentType = 'application/x-www-form-urlencoded;charset=UTF-8';
  return bytesBody(Buffer.from(fields.toString(), 'latin1'), contentType);
}

/** Sends a Blob or File, with its type if it has one. It is read when it is sent, and again each time. */
function blobBody(blob: BlobLike): EncodedBody {
  return {
    contentType: blob.type === '' ? undefined : blob.type,
    bodyBytes: blob.size,
    content: { [Symbol.asyncIterator]: () => blobChunks('fetch: body', blob) },
    isRepeatable: true,
  };
}

/**
 * Sends what a stream yields, with a length that is not known in advance. The stream is cancelled if the request ends
 * before it.
 *
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the stream has a reader.
 */
export function streamBody(stream: ReadableStream<Uint8Array>): EncodedBody {
  if (stream.locked) throw clientChecks.wrong('fetch: body', 'a ReadableStream without a reader', stream);
  return {
    contentType: undefined,
    bodyBytes: -1,
    content: streamChunks('fetch: body', stream),
    isRepeatable: false,
  };
}

/**
 * Encodes data as JSON. What is not data is refused, because its JSON is meaningless: promises, Maps, Sets
 * and other iterables, buffers, functions. An object with `toJSON` is data.
 *
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the value is not data, or has no JSON: a cycle, or a bigint.
 */
export function jsonBody(value: unknown): EncodedBody {
  let text: string | undefined;
  try {
    if (typeof value !== 'object' || value === null) text = JSON.stringify(value);
    else if (isData(value)) text = jsonText(value);
  } catch (thrown) {
    const cause = errorOf(thrown);
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', `fetch: json has no JSON text: ${cause.message}`, {
      cause,
    });
  }
  if (text === undefined) {
    throw clientChecks.wrong('fetch', 'json: data,', value);
  }
  return bytesBody(Buffer.from(text, 'utf8'), 'application/json');
}

function bytesBody(bytes: Uint8Array, contentType?: string): EncodedBody {
  return { contentType, bodyBytes: bytes.length, content: bytes, isRepeatable: true };
}

function iterableBody(content: AsyncIterable<Uint8Array>): EncodedBody {
  return { contentType: undefined, bodyBytes: -1, content, isRepeatable: false };
}

/** `jsonText` refuses what it can name; the types also exclude iterables and objects with a tag, such as generators. */
function isData(value: object): boolean {
  if (Array.isArray(value)) return true;
  return (
    typeof (value as { toJSON?: unknown }).toJSON === 'function' ||
    (!(Symbol.iterator in value) && tagOf(value) === '')
  );
}
