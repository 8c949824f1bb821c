import { Buffer } from 'node:buffer';
import { excerpt } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { Http1UsageError } from '../grammar/errors.ts';
import { isBoundary } from './boundary.ts';

/** The head of a part to send. */
export interface PartToEncode {
  /** The name of the form field. Its line breaks are sent as CRLF, like those of texts (see {@link formText}). */
  readonly name: string;
  /** The name of the file; undefined for a plain field. It is sent as it is, with path and line breaks. */
  readonly filename?: string | undefined;
  /** The Content-Type of the part; visible ASCII and spaces. Default: none, which means text in UTF-8. */
  readonly contentType?: string | undefined;
}

/** Control characters except tab, CR and LF: they are not valid in a header, and no escape exists for them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match control characters.
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const CONTENT_TYPE = /^[\x20-\x7e]*$/;
/** A line break that is not CRLF. */
const LINE_BREAK = /\r(?!\n)|(?<!\r)\n/g;

/** The bytes after the body of each part. */
export const PART_TAIL = '\r\n';

/**
 * Encodes what is around the bodies of the parts of a form (RFC 7578), as browsers do (WHATWG HTML, "multipart/form-data
 * encoding algorithm"). Each part is {@link partHead}, its body and {@link PART_TAIL}; after all parts comes
 * {@link end}. Has no state.
 *
 * @example
 * const encoder = new MultipartEncoder(boundary);
 * const bytes = [encoder.partHead({ name: 'a' }), Buffer.from('1'), Buffer.from(PART_TAIL), encoder.end];
 */
export class MultipartEncoder {
  /** The Content-Type of the whole body. */
  readonly contentType: string;
  /** The last bytes of the body. */
  readonly end: Buffer;
  readonly #boundary: string;

  /**
   * @param boundary - 1 to 70 of the characters that RFC 2046 §5.1.1 allows. No body may contain it after CRLF and two
   *   hyphens, so it must be random enough that the author of a body cannot guess it.
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if the boundary is invalid.
   */
  constructor(boundary: string) {
    if (!isBoundary(boundary))
      throw usage(`boundary must have 1 to 70 of the allowed characters, got ${excerpt(String(boundary))}`);
    this.#boundary = boundary;
    const isToken = /^[\w'+.-]+$/.test(boundary);
    this.contentType = `multipart/form-data; boundary=${isToken ? boundary : `"${boundary}"`}`;
    this.end = Buffer.from(`--${boundary}--\r\n`, 'latin1');
  }

  /**
   * Encodes the delimiter and the headers of one part, in UTF-8.
   *
   * @returns bytes that are owned by the caller.
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if a name contains a control character other than tab, CR and LF, or if
   *   the content type is not visible ASCII.
   */
  partHead({ name, filename, contentType }: PartToEncode): Buffer {
    let head = `--${this.#boundary}\r\nContent-Disposition: form-data; name="${escaped('name', formText(name))}"`;
    if (filename !== undefined) head += `; filename="${escaped('filename', filename)}"`;
    if (contentType !== undefined) {
      if (!CONTENT_TYPE.test(contentType))
        throw usage(`contentType must be visible ASCII, got ${excerpt(contentType)}`);
      head += `\r\nContent-Type: ${contentType}`;
    }
    return Buffer.from(`${head}\r\n\r\n`, 'utf8');
  }

  [INSPECT](): object {
    return inspection(this, ['contentType'], () => ({ end: undefined }));
  }
}

/** Returns the text of a field as browsers send it: with CRLF for each line break. */
export function formText(text: string): string {
  return text.replace(LINE_BREAK, '\r\n');
}

/** Escapes what would end the quoted string or the line. Other characters, such as backslashes, have no escape. */
function escaped(parameter: string, text: string): string {
  if (CONTROL.test(text))
    throw usage(`${parameter} must not contain control characters, got ${excerpt(text)}`);
  return text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function usage(detail: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', `multipart: ${detail}`);
}
