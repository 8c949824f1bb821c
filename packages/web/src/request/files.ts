import type { HTTPHeaders } from '@landspout/http1';
import type { MultipartPart } from '@landspout/http1/protocol';
import { INSPECT, inspectedBytes, inspectedText, inspection } from '@landspout/ioloop/inspection';

/** The Content-Type of a file for which the client sent none, as in Tornado. */
export const UNKNOWN_TYPE = 'application/unknown';

/** The maximum length of a file name in most file systems. */
const MAX_NAME_BYTES = 255;
/** A longer extension is treated as part of the name, and is cut with it. */
const MAX_EXTENSION_BYTES = 32;

/**
 * Control characters of ASCII and Latin-1, line and paragraph separators, and characters that reorder text: with these,
 * a name may look as if it had another extension.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match control characters.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
/** Characters that Windows does not allow in a name, or that have a special meaning, such as the colon of a stream. */
const RESERVED = /[<>:"|?*]/g;
/** Device names of Windows, with or without an extension. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

/** A file of a form that was received as a whole. */
export class UploadedFile {
  /** The name of the form field. Several files may have the same field name. */
  readonly fieldName: string;
  /** The name as it was sent: it may be a path, or anything else. Never use it as the path of a file. */
  readonly filename: string;
  /** The media type that the client sent; `application/unknown` if there is none. It need not match the content. */
  readonly contentType: string;
  /** The bytes of the file: a view of the request's body, which stays in memory as long as the view. */
  readonly body: Uint8Array;
  /** All headers of the part. Unlike those of the request, their values were decoded as UTF-8. */
  readonly headers: HTTPHeaders;

  /** Called by `parseMultipart`. */
  constructor(part: MultipartPart, body: Uint8Array) {
    this.fieldName = part.name;
    this.filename = part.filename ?? '';
    this.contentType = part.contentType ?? UNKNOWN_TYPE;
    this.body = body;
    this.headers = part.headers;
  }

  /** The {@link filename}, made safe by {@link safeFileName}. */
  get safeName(): string {
    return safeFileName(this.filename);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      fieldName: inspectedText(this.fieldName),
      filename: inspectedText(this.filename),
      contentType: inspectedText(this.contentType),
      body: inspectedBytes(this.body),
      headers: undefined,
    }));
  }
}

/**
 * Makes a safe file name from a name that a client sent: the part after the last slash or backslash, without control
 * and formatting characters, and without dots at either end, so that it is neither hidden nor `..`. Characters and
 * device names that Windows reserves are replaced, and a name of more than 255 bytes is cut before its extension.
 *
 * Two different names may become the same one. The extension is still chosen by the client, so it does not prove what
 * the file contains.
 *
 * @returns the name; `file` if nothing is left.
 *
 * @example
 * safeFileName('C:\\dir\\..\\a.txt'); // a.txt
 */
export function safeFileName(filename: string): string {
  const name = filename
    .slice(Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\')) + 1)
    .replaceAll(INVISIBLE, '')
    .replaceAll(RESERVED, '_');
  const trimmed = trimDotsAndSpaces(name);
  if (trimmed === '') return 'file';
  return clipped(DEVICE.test(trimmed) ? `_${trimmed}` : trimmed);
}

/** Windows ignores dots and spaces at the end of a name. */
function trimDotsAndSpaces(name: string): string {
  const isTrimmed = (unit: number): boolean => unit === 0x2e || unit === 0x20;
  let start = 0;
  let end = name.length;
  while (start < end && isTrimmed(name.charCodeAt(start))) start += 1;
  while (end > start && isTrimmed(name.charCodeAt(end - 1))) end -= 1;
  return name.slice(start, end);
}

function clipped(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const dot = name.lastIndexOf('.');
  const found = dot > 0 ? name.slice(dot) : '';
  const extension = Buffer.byteLength(found) <= MAX_EXTENSION_BYTES ? found : '';
  const bytes = Buffer.from(name.slice(0, name.length - extension.length));
  let end = MAX_NAME_BYTES - Buffer.byteLength(extension);
  // Go back to the first byte of the character that would be cut.
  while (((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return `${trimDotsAndSpaces(bytes.toString('utf8', 0, end))}${extension}`;
}
