import { randomBytes } from 'node:crypto';
import { Http1UsageError } from '@landspout/http1';
import { formText, MultipartEncoder, PART_TAIL } from '@landspout/http1/protocol';
import { type BlobLike, blobChunks, type EncodedBody, isBlob, tagOf } from './encoded-body.ts';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/** The part of a FormData that is used, so that those of undici and other libraries are accepted too. */
export interface FormDataLike {
  entries(): Iterable<readonly [string, unknown]>;
}

/** A piece of the body: bytes that are in memory, or a file that is read when it is sent. */
type Piece = Buffer | BlobLike;

/** Random bytes of a boundary. With these, no one can guess it and put it into a file. */
const BOUNDARY_BYTES = 16;
/** What a browser sends for a file of unknown type (WHATWG HTML). */
const UNKNOWN_TYPE = 'application/octet-stream';

/** Whether a value is a FormData, of Node or of another library. */
export function isFormData(value: unknown): value is FormDataLike {
  return tagOf(value) === 'FormData' && typeof (value as Partial<FormDataLike>).entries === 'function';
}

/**
 * Encodes a form as `multipart/form-data` (RFC 7578), as browsers do. Files are not read before they are sent, then
 * chunk by chunk as fast as the server reads, and again each time the body is sent. A file of `openAsBlob` of node:fs
 * is therefore never in memory as a whole. Later changes to the form have no effect.
 *
 * @returns the body with its exact length. Without files it is in memory.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the form is not a FormData, if a value is neither a string nor
 *   a Blob, or if a name contains a control character. While it is read: if a Blob does not have as
 *   many bytes as its `size` says.
 */
export function multipartBody(form: FormDataLike): EncodedBody {
  if (!isFormData(form)) throw clientChecks.wrong('multipartBody', 'a FormData', form);
  const encoder = new MultipartEncoder(
    `----LandspoutFormBoundary${randomBytes(BOUNDARY_BYTES).toString('hex')}`,
  );
  const pieces: Piece[] = [];
  let pending: Buffer[] = [];
  let bodyBytes = 0;
  const add = (bytes: Buffer): void => {
    pending.push(bytes);
    bodyBytes += bytes.length;
  };
  for (const [name, value] of form.entries()) {
    if (typeof value === 'string') {
      add(partHead(encoder, name));
      add(Buffer.from(formText(value) + PART_TAIL, 'utf8'));
    } else if (isBlob(value)) {
      add(partHead(encoder, name, fileName(value), value.type === '' ? UNKNOWN_TYPE : value.type));
      pieces.push(Buffer.concat(pending), value);
      pending = [];
      bodyBytes += value.size;
      add(Buffer.from(PART_TAIL, 'latin1'));
    } else {
      throw clientChecks.wrong('multipartBody', 'a string or a Blob as the value of each field', value);
    }
  }
  add(encoder.end);
  pieces.push(Buffer.concat(pending));
  const [first] = pieces;
  const content =
    pieces.length === 1 ? (first as Buffer) : { [Symbol.asyncIterator]: () => chunksOf(pieces) };
  return { contentType: encoder.contentType, bodyBytes, content, isRepeatable: true };
}

async function* chunksOf(pieces: readonly Piece[]): AsyncGenerator<Uint8Array, void> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
    else yield* blobChunks('multipartBody', piece);
  }
}

/** A Blob without a name is sent as a file with the name that browsers give it. */
function fileName(blob: BlobLike & { readonly name?: unknown }): string {
  return typeof blob.name === 'string' ? blob.name : 'blob';
}

function partHead(encoder: MultipartEncoder, name: string, filename?: string, contentType?: string): Buffer {
  try {
    return encoder.partHead({ name, filename, contentType });
  } catch (error) {
    if (!(error instanceof Http1UsageError)) throw error;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', error.message, {
      cause: error,
    });
  }
}
