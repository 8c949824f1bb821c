import { excerpt } from '@landspout/ioloop/errors';
import { QueryProtocolError } from '../grammar/errors.ts';
import { percentDecode } from '../grammar/percent-decoding.ts';
import { MultipartProtocolError } from './errors.ts';
import { type Parameter, parseParameters } from './parameters.ts';

/** The content of a part's Content-Disposition. */
export interface FormDisposition {
  /** The name of the form field; not empty. */
  readonly name: string;
  /** The name of the file; undefined for a plain field. */
  readonly filename: string | undefined;
}

/** RFC 8187 §3.2.1 ext-value; the charset must be UTF-8, the only one that the RFC defines. */
const EXTENDED_VALUE = /^utf-8'[0-9a-z-]*'((?:[0-9a-z!#$&+.^_`|~-]|%[0-9a-f]{2})*)$/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match control characters.
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Parses the Content-Disposition of a part (RFC 7578 §4.2).
 *
 * In a quoted value, `\"` and `\\` are escapes. So are `%22`, `%0D` and `%0A`, which browsers send for a quotation mark
 * and line breaks (WHATWG HTML, "multipart form data"). Other backslashes and percent signs are kept, so that a path
 * stays as it was sent. If the file name is empty, the part is a plain field, because browsers send this if no file was
 * chosen. `filename*` (RFC 8187) takes precedence over `filename`: RFC 7578 tells senders not to use it, but some
 * senders have no other way to send names that are not ASCII.
 *
 * @param text - the value of the header, decoded as UTF-8.
 * @throws MultipartProtocolError `ERR_HTTP1_MULTIPART_DISPOSITION` (400).
 */
export function parseFormDisposition(text: string): FormDisposition {
  const { value, parameters } = parseParameters(text, invalid);
  if (value !== 'form-data') throw invalid(`expected "form-data", got ${excerpt(value)}`);
  for (const name of parameters.keys()) {
    // For example `name*` or the continuation `filename*0`. If these were ignored, a file could be read as a plain
    // field.
    if (name.includes('*') && name !== 'filename*') throw invalid(`unknown parameter ${excerpt(name)}`);
  }
  const name = parameters.get('name');
  if (name === undefined || name.text === '') throw invalid('a part must have a name, which is not empty');
  const extended = parameters.get('filename*');
  const plain = parameters.get('filename');
  let filename = plain === undefined ? '' : formText(plain);
  if (extended !== undefined) filename = extendedText(extended);
  return { name: formText(name), filename: filename === '' ? undefined : filename };
}

function formText({ text, isQuoted }: Parameter): string {
  if (!isQuoted) return text;
  return text.replaceAll(/\\["\\]|%22|%0D|%0A/g, (sequence) => {
    if (sequence === '%0D') return '\r';
    if (sequence === '%0A') return '\n';
    return sequence === '\\\\' ? '\\' : '"';
  });
}

function extendedText({ text, isQuoted }: Parameter): string {
  const encoded = isQuoted ? undefined : EXTENDED_VALUE.exec(text)?.[1];
  if (encoded === undefined)
    throw invalid(`filename* must be UTF-8'' and escaped text, got ${excerpt(text)}`);
  let decoded: string;
  try {
    decoded = percentDecode(encoded);
  } catch (cause) {
    if (!(cause instanceof QueryProtocolError)) throw cause;
    throw new MultipartProtocolError('ERR_HTTP1_MULTIPART_DISPOSITION', 'filename* is not valid UTF-8', {
      cause,
    });
  }
  if (CONTROL.test(decoded)) throw invalid('filename* contains a control character');
  return decoded;
}

function invalid(detail: string): MultipartProtocolError {
  return new MultipartProtocolError('ERR_HTTP1_MULTIPART_DISPOSITION', `Content-Disposition: ${detail}`);
}
