import type { HTTPHeaders } from '@landspout/http1';
import { isMultipartForm } from '@landspout/http1/protocol';
import { type OptionNames, printable } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';

/** Options of {@link unparsedBodyHint}. */
export interface UnparsedBodyOptions {
  /** Whether the handler has `streamRequestBody`, so that no body is parsed. Default: false. */
  readonly isStreamed?: boolean;
}

const OPTIONS: OptionNames<UnparsedBodyOptions> = { isStreamed: true };

/** The client may send any text as Content-Type. It is clipped to this length, which is enough to recognise it. */
const MAX_TYPE_CHARS = 60;

const FORMS = 'application/x-www-form-urlencoded or multipart/form-data';

/**
 * Explains why the body of a request has no arguments, for the message about a missing argument.
 *
 * @returns a sentence without a period at its end, in visible ASCII; `undefined` if the request has no body, or if the
 *   body is parsed as a form and just does not have the argument.
 *
 * @example
 * unparsedBodyHint(headers); // the body is text/plain, and only … is parsed into arguments
 */
export function unparsedBodyHint(
  headers: HTTPHeaders,
  options: UnparsedBodyOptions = {},
): string | undefined {
  webChecks.options('unparsedBodyHint', options, OPTIONS);
  if (!announcesBody(headers)) return undefined;
  const header = headers.get('Content-Type');
  if (header === undefined) {
    return `the body has no Content-Type, which must be ${FORMS} for a body to be parsed into arguments`;
  }
  const type = (header.split(';', 1)[0] as string).trim().toLowerCase();
  const isForm = type === 'application/x-www-form-urlencoded' || isMultipartForm(header);
  if (isForm && options.isStreamed !== true) return undefined;
  if (isForm) {
    const remedy = isMultipartForm(header) ? ': read it with a MultipartReader' : '';
    return `the handler has streamRequestBody, so that the form in the body is not parsed into arguments${remedy}`;
  }
  const shown = type === '' ? 'of an empty Content-Type' : printable(type, MAX_TYPE_CHARS);
  const remedy = /^application\/(?:[^;]*\+)?json$/.test(type) ? ': read it with getJsonBody' : '';
  return `the body is ${shown}, and only ${FORMS} is parsed into arguments${remedy}`;
}

/**
 * Whether the headers of a request announce a body that is not empty (RFC 9112 §6.3). The server removes the length of
 * a body that it decompresses.
 */
export function announcesBody(headers: HTTPHeaders): boolean {
  if (headers.has('Transfer-Encoding')) return true;
  const length = headers.get('Content-Length');
  return length === undefined ? headers.has('X-Consumed-Content-Encoding') : !/^0+$/.test(length);
}
