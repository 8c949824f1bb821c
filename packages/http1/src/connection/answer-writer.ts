import type { IOStream } from '@landspout/iostream';
import type { HTTPHeaders, ResponseEncoder } from '../protocol/index.ts';

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
): void {
  if (typeof chunk === 'string' && last) {
    const byteLength = Buffer.byteLength(chunk, 'utf8');
    // As many bytes as code units: the text is ASCII, and head and body leave as one string, unconverted.
    if (byteLength === chunk.length) {
      const head = encoder.head(status, reason, headers, terms.date, byteLength, terms.close);
      if (encoder.sendsBody) encoder.dataPrefix(byteLength);
      stream.send(encoder.sendsBody ? head + chunk : head);
      encoder.end();
      return;
    }
  }
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
  const byteLength = bytes?.length ?? 0;
  stream.send(encoder.head(status, reason, headers, terms.date, last ? byteLength : -1, terms.close));
  if (bytes !== undefined) writeAnswerBody(stream, encoder, bytes);
  if (last) endAnswer(stream, encoder);
}

/**
 * Writes more of the body. What is longer than announced, or does not fit the stream's bound, must not leave half
 * of an answer that looks whole: the peer sees the connection fail (H1-13), and the caller the error.
 */
export function writeAnswerBody(stream: IOStream, encoder: ResponseEncoder, chunk: Uint8Array): void {
  if (chunk.length === 0) return;
  try {
    const prefix = encoder.dataPrefix(chunk.length);
    if (!encoder.sendsBody) return;
    if (prefix !== '') stream.send(prefix);
    stream.send(chunk);
    if (prefix !== '') stream.send(encoder.dataSuffix);
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
