import { Buffer } from 'node:buffer';
import type { IOStream } from '@landspout/iostream';
import type { HTTPHeaders, ResponseEncoder } from '../../protocol/index.ts';

/** What the server decides about the head of an answer. */
export interface AnswerTerms {
  /** The present as IMF-fixdate. */
  readonly date: string;
  /** Whether this is the last answer on the connection. */
  readonly close: boolean;
}

/**
 * Writes the head, and the first or only part of the body with it.
 *
 * @param last - `chunk` is the whole body, which is then framed by its length.
 * @returns how many bytes of a body were written.
 * @throws Http1UsageError for what must not reach the wire; nothing was written then.
 */
export function writeAnswerHead(
  stream: IOStream,
  encoder: ResponseEncoder,
  terms: AnswerTerms,
  status: number,
  reason: string,
  headers: HTTPHeaders,
  chunk: string | Uint8Array | undefined,
  last: boolean,
): number {
  if (typeof chunk === 'string' && last) {
    const byteLength = Buffer.byteLength(chunk, 'utf8');
    // As many bytes as code units: the text is ASCII, and head and body leave as one string, unconverted.
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
  const written = bytes === undefined ? 0 : writeAnswerBody(stream, encoder, bytes);
  if (last) endAnswer(stream, encoder);
  return written;
}

/**
 * Writes more of the body. What is longer than announced, or does not fit the stream's bound, must not leave half
 * of an answer that looks whole: the peer sees the connection fail (H1-13), and the caller the error.
 *
 * @returns how many bytes were written: none of an answer that has no body.
 */
export function writeAnswerBody(stream: IOStream, encoder: ResponseEncoder, chunk: Uint8Array): number {
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

/** Ends the body. One that is shorter than announced ends the connection, as in {@link writeAnswerBody}. */
export function endAnswer(stream: IOStream, encoder: ResponseEncoder, trailers?: HTTPHeaders): void {
  try {
    const wire = encoder.end(trailers);
    if (wire !== '') stream.send(wire);
  } catch (error) {
    stream.reset(error instanceof Error ? error : undefined);
    throw error;
  }
}
