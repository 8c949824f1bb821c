import { excerpt } from '@landspout/ioloop/errors';
import { MultipartProtocolError } from './errors.ts';
import { parseParameters } from './parameters.ts';

/** RFC 2046 §5.1.1 boundary: 1 to 70 characters, the last of which is not a space. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;

/** The media type, up to its parameters. */
const MULTIPART_FORM = /^[ \t]*multipart\/form-data[ \t]*(?:;|$)/i;

/** Whether a Content-Type is `multipart/form-data`, in any case and with any parameters. */
export function isMultipartForm(contentType: string | undefined): boolean {
  return contentType !== undefined && MULTIPART_FORM.test(contentType);
}

/** Whether a text can be a boundary. */
export function isBoundary(text: string): boolean {
  return BOUNDARY.test(text);
}

/**
 * Returns the boundary from the Content-Type of a `multipart/form-data` body.
 *
 * @param contentType - the value of the header; undefined if there is none. The names of its parameters are not
 *   case-sensitive; the boundary is.
 * @returns 1 to 70 ASCII characters that RFC 2046 §5.1.1 allows.
 * @throws MultipartProtocolError `ERR_HTTP1_MULTIPART_BOUNDARY` (400) if it is another media type, a parameter is
 *   malformed or repeated, or the boundary is missing or invalid.
 */
export function multipartBoundary(contentType: string | undefined): string {
  if (contentType === undefined || !isMultipartForm(contentType)) {
    const got = contentType === undefined ? 'none' : excerpt(contentType);
    throw invalid(`expected the Content-Type multipart/form-data, got ${got}`);
  }
  const parameter = parseParameters(contentType, invalid).parameters.get('boundary');
  if (parameter === undefined) throw invalid('the Content-Type has no boundary');
  // In a quoted string of RFC 9110, a backslash may precede any character.
  const text = parameter.isQuoted ? parameter.text.replaceAll(/\\(.)/g, '$1') : parameter.text;
  if (!isBoundary(text)) {
    throw invalid(`the boundary must have 1 to 70 of the allowed characters, got ${excerpt(text)}`);
  }
  return text;
}

function invalid(detail: string): MultipartProtocolError {
  return new MultipartProtocolError('ERR_HTTP1_MULTIPART_BOUNDARY', detail);
}
