import { Buffer } from 'node:buffer';
import type { IOStream } from '@landspout/iostream';
import { type HTTPHeaders, PreparedPiece, type ResponseEncoder } from '../../protocol/index.ts';

/** What the connection decides about the response headers. */
export interface ResponseTerms {
  /** The current time as IMF-fixdate. */
  readonly date: string;
  /** Whether this is the last response on the connection. */
  readonly close: boolean;
}

/**
 * Writes the response headers with the first or only part of the body.
 *
 * @param last - whether `chunk` is the whole body, which is then framed by its length.
 * @returns the number of body bytes written.
 * @throws Http1UsageError if the status or a header must not be sent; nothing was written then.
 */
export function writeResponseHead(
  stream: IOStream,
  encoder: ResponseEncoder,
  terms: ResponseTerms,
  status: number,
  reason: string,
  headers: HTTPHeaders,
  chunk: string | Uint8Array | undefined,
  last: boolean,
): number {
  if (typeof chunk === 'string' && last) {
    const byteLength = Buffer.byteLength(chunk, 'utf8');
    // There are as many bytes as code units, so the text is ASCII: head and body are sent as one string, without
    // conversion.
    if (byteLength === chunk.length) {
      const head = encoder.head(status, reason, headers, terms.date, byteLength, terms.close);
      if (encoder.sendsBody) encoder.dataPrefix(byteLength);
      const { sendsBody } = encoder;
      stream.send(sendsBody ? head + chunk : head);
      encoder.end();
      return sendsBody ? byteLength : 0;
    }
  }
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
  const byteLength = bytes?.length ?? 0;
  stream.send(encoder.head(status, reason, headers, terms.date, last ? byteLength : -1, terms.close));
  const written = bytes === undefined ? 0 : writeResponseBody(stream, encoder, bytes);
  if (last) endResponse(stream, encoder);
  return written;
}

/**
 * Writes more of the body. If it becomes longer than announced, or exceeds the write limit of the stream, a partial
 * response must not look complete: the connection is reset (H1-13), and the error is thrown.
 *
 * @returns the number of bytes written: 0 for a response without a body.
 */
export function writeResponseBody(stream: IOStream, encoder: ResponseEncoder, chunk: Uint8Array): number {
  if (chunk.length === 0) return 0;
  try {
    const prefix = encoder.dataPrefix(chunk.length);
    if (!encoder.sendsBody) return 0;
    if (prefix !== '') stream.send(prefix);
    stream.send(chunk);
    if (prefix !== '') stream.send(encoder.dataSuffix);
    return chunk.length;
  } catch (error) {
    stream.reset(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** Like {@link writeResponseBody}, for a text. */
export function writeResponseText(stream: IOStream, encoder: ResponseEncoder, text: string): number {
  return encoder.takesChunks
    ? writePreparedPiece(stream, encoder, new PreparedPiece(text))
    : writeResponseBody(stream, encoder, Buffer.from(text, 'utf8'));
}

/**
 * Like {@link writeResponseBody}, for a piece that is a chunk already. Being one string, it can be sent together with
 * those of other connections by one call of the reactor.
 */
export function writePreparedPiece(stream: IOStream, encoder: ResponseEncoder, piece: PreparedPiece): number {
  const { chunk } = piece;
  if (chunk === undefined || !encoder.takesChunks) return writeResponseBody(stream, encoder, piece.bytes);
  try {
    stream.send(chunk);
    return piece.byteLength;
  } catch (error) {
    stream.reset(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** Ends the body. If it is shorter than announced, the connection is reset, as in {@link writeResponseBody}. */
export function endResponse(stream: IOStream, encoder: ResponseEncoder, trailers?: HTTPHeaders): void {
  try {
    const wire = encoder.end(trailers);
    if (wire !== '') stream.send(wire);
  } catch (error) {
    stream.reset(error instanceof Error ? error : undefined);
    throw error;
  }
}
