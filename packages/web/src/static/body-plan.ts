import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { HTTPServerExchange } from '@landspout/http1';
import type { ByteRange } from '../response/byte-ranges.ts';

/** The body of a response with a file or ranges of a file: each `head` is followed by the bytes of its `range`. */
export interface BodyPlan {
  readonly status: 200 | 206;
  /** The value of Content-Range for a single range (RFC 9110 §14.4). */
  readonly contentRange: string | undefined;
  /** The Content-Type of the response: the type of the file, or `multipart/byteranges`. */
  readonly contentType: string;
  readonly contentLength: number;
  readonly parts: readonly { readonly head: string; readonly range: ByteRange }[];
  /** The text after the last part. */
  readonly tail: string;
}

/**
 * Plans the body of a response with one file. Several ranges become the parts of a multipart body (RFC 9110 §14.6).
 *
 * @param ranges - undefined for the whole file.
 * @param boundary - returns the text that separates the parts, which must not occur in the file.
 */
export function planBody(
  ranges: readonly ByteRange[] | undefined,
  size: number,
  contentType: string,
  boundary: () => string = randomBoundary,
): BodyPlan {
  if (ranges !== undefined && ranges.length > 1) return planMultipart(ranges, size, contentType, boundary());
  const [range = { start: 0, end: size }] = ranges ?? [];
  return {
    status: ranges === undefined ? 200 : 206,
    contentRange: ranges === undefined ? undefined : contentRange(range, size),
    contentType,
    contentLength: range.end - range.start,
    parts: [{ head: '', range }],
    tail: '',
  };
}

function planMultipart(
  ranges: readonly ByteRange[],
  size: number,
  contentType: string,
  boundary: string,
): BodyPlan {
  const tail = `\r\n--${boundary}--\r\n`;
  let contentLength = tail.length;
  const parts = ranges.map((range, at) => {
    const delimiter = at === 0 ? `--${boundary}` : `\r\n--${boundary}`;
    const fields = `Content-Type: ${contentType}\r\nContent-Range: ${contentRange(range, size)}`;
    const head = `${delimiter}\r\n${fields}\r\n\r\n`;
    contentLength += Buffer.byteLength(head) + range.end - range.start;
    return { head, range };
  });
  return {
    status: 206,
    contentRange: undefined,
    contentType: `multipart/byteranges; boundary=${boundary}`,
    contentLength,
    parts,
    tail,
  };
}

/** Writes the body of a file whose content is in memory. */
export function writePlanned(
  { parts, tail }: BodyPlan,
  content: Uint8Array,
  write: (piece: string | Uint8Array) => void,
): void {
  for (const { head, range } of parts) {
    if (head !== '') write(head);
    write(range.end - range.start === content.length ? content : content.subarray(range.start, range.end));
  }
  if (tail !== '') write(tail);
}

/**
 * Sends the body of an open file, after the head with its Content-Length was written.
 *
 * @returns a promise that settles when the file is no longer used. It rejects like `HTTPServerExchange.writeFile`.
 */
export async function sendPlanned(
  { parts, tail }: BodyPlan,
  file: FileHandle,
  exchange: HTTPServerExchange,
): Promise<void> {
  const written: Promise<void>[] = [];
  try {
    for (const { head, range } of parts) {
      if (head !== '') exchange.write(head);
      written.push(exchange.writeFile(file, range));
    }
    if (tail !== '') exchange.write(tail);
  } finally {
    await Promise.allSettled(written);
  }
  await Promise.all(written);
}

function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

function randomBoundary(): string {
  return randomBytes(16).toString('hex');
}
