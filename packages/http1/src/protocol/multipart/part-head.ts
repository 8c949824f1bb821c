import { isUtf8 } from 'node:buffer';
import { excerpt } from '@landspout/ioloop/errors';
import type { ReceiveBuffer } from '../decoding/receive-buffer.ts';
import { HTTPHeaders } from '../fields/http-headers.ts';
import { BYTE_CLASS, byteName, COLON, CR, FIELD_VALUE, HYPHEN, LF, TOKEN } from '../grammar/bytes.ts';
import { parseFormDisposition } from './content-disposition.ts';
import { MultipartProtocolError } from './errors.ts';

/** The head of one part of a form. */
export interface MultipartPart {
  /** The name of the form field; not empty. Several parts may have the same name. */
  readonly name: string;
  /** The name of the file as it was sent, which may be a path; undefined for a plain field. */
  readonly filename: string | undefined;
  /** The Content-Type of the part; undefined if it has none. */
  readonly contentType: string | undefined;
  /** All headers of the part. Unlike those of a message, their values were decoded as UTF-8. */
  readonly headers: HTTPHeaders;
}

const NAME = 0;
const VALUE = 1;
const LINE_END = 2;
const BLOCK_END = 3;

/** The Content-Transfer-Encodings that do not change the bytes (RFC 7578 §4.7). */
const IDENTITY = /^(?:7bit|8bit|binary)$/i;

/**
 * Checks the headers of a part byte by byte: lines of `name: value` CRLF, without folding, and without control
 * characters other than a tab. The scan can stop at any byte and continue later.
 */
export class PartHeadScanner {
  #phase = NAME;
  #isNameEmpty = true;
  #count = 0;

  reset(): void {
    this.#phase = NAME;
    this.#isNameEmpty = true;
    this.#count = 0;
  }

  /** Reads up to `stop`. @returns whether `input.pos` is now after the empty line that ends the headers. */
  scan(input: ReceiveBuffer, stop: number, maxHeaders: number): boolean {
    const { bytes } = input;
    while (input.pos < stop) {
      const byte = bytes[input.pos] as number;
      input.pos += 1;
      const kinds = BYTE_CLASS[byte] as number;
      if (this.#phase === NAME) {
        // A hyphen at the start is refused: no header name starts with one, and a misplaced boundary line that contains
        // a colon would otherwise be read as a header.
        if ((kinds & TOKEN) !== 0 && !(byte === HYPHEN && this.#isNameEmpty)) {
          this.#isNameEmpty = false;
        } else if (byte === COLON && !this.#isNameEmpty) {
          this.#startValue(maxHeaders);
        } else if (byte === CR && this.#isNameEmpty) {
          this.#phase = BLOCK_END;
        } else {
          throw invalid(`unexpected ${byteName(byte)} in the name of a part header`);
        }
      } else if (this.#phase === VALUE) {
        if ((kinds & FIELD_VALUE) !== 0) continue;
        if (byte !== CR) throw invalid(`unexpected ${byteName(byte)} in a part header`);
        this.#phase = LINE_END;
      } else {
        if (byte !== LF) throw invalid(`expected LF after CR in a part header, got ${byteName(byte)}`);
        if (this.#phase === BLOCK_END) return true;
        this.#phase = NAME;
        this.#isNameEmpty = true;
      }
    }
    return false;
  }

  #startValue(maxHeaders: number): void {
    if (this.#count === maxHeaders) {
      const detail = `a part has more than ${maxHeaders} headers`;
      throw new MultipartProtocolError('ERR_HTTP1_MULTIPART_TOO_MANY_HEADERS', detail);
    }
    this.#count += 1;
    this.#phase = VALUE;
  }
}

/**
 * Creates the head of a part from its scanned header lines, without the empty line.
 *
 * @throws MultipartProtocolError if they are not UTF-8, or do not describe a part of a form.
 */
export function partHead(block: Buffer): MultipartPart {
  if (!isUtf8(block)) {
    throw new MultipartProtocolError('ERR_HTTP1_MULTIPART_ENCODING', 'the headers of a part are not UTF-8');
  }
  const text = block.toString('utf8');
  const headers = HTTPHeaders.fromRaw(text, 0, text.length);
  const coding = only(headers, 'Content-Transfer-Encoding');
  if (coding !== undefined && !IDENTITY.test(coding)) {
    const detail = `the Content-Transfer-Encoding ${excerpt(coding)} is not supported`;
    throw new MultipartProtocolError('ERR_HTTP1_MULTIPART_CODING', detail);
  }
  const disposition = only(headers, 'Content-Disposition');
  if (disposition === undefined) {
    throw new MultipartProtocolError(
      'ERR_HTTP1_MULTIPART_DISPOSITION',
      'a part has no Content-Disposition header',
    );
  }
  const { name, filename } = parseFormDisposition(disposition);
  return { name, filename, contentType: only(headers, 'Content-Type'), headers };
}

/** Returns the value of a header that must not be repeated. */
function only(headers: HTTPHeaders, name: string): string | undefined {
  const values = headers.getList(name);
  if (values.length > 1) throw invalid(`a part has the header ${name} more than once`);
  return values[0];
}

function invalid(detail: string): MultipartProtocolError {
  return new MultipartProtocolError('ERR_HTTP1_MULTIPART_HEADER', detail);
}
