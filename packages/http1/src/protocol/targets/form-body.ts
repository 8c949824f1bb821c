import { Buffer } from 'node:buffer';
import type { HTTPHeaders } from '../fields/http-headers.ts';
import { trimBlanks } from '../grammar/bytes.ts';
import { QueryProtocolError } from '../grammar/errors.ts';
import { parseQuery, type QueryArguments, type QueryLimits } from './query.ts';

const NO_ARGUMENTS: ReadonlyMap<string, readonly string[]> = new Map();

/**
 * Parses an `application/x-www-form-urlencoded` body. For a body of any other type, such as a multipart form or JSON,
 * the result is empty.
 *
 * @param headers - the headers of the message. The case and the parameters of Content-Type are ignored.
 * @throws QueryProtocolError as {@link parseQuery}; `ERR_HTTP1_FORM_CODING` (415) if the form is still compressed.
 */
export function parseFormBody(
  headers: HTTPHeaders,
  body: Uint8Array,
  limits?: Partial<QueryLimits>,
): QueryArguments {
  if (body.length === 0) return NO_ARGUMENTS;
  const [type = ''] = (headers.get('Content-Type') ?? '').split(';', 1);
  if (trimBlanks(type).toLowerCase() !== 'application/x-www-form-urlencoded') return NO_ARGUMENTS;
  const coding = headers.get('Content-Encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new QueryProtocolError('ERR_HTTP1_FORM_CODING', 'a form must not have a Content-Encoding');
  }
  const { buffer, byteOffset, byteLength } = body;
  return parseQuery(Buffer.from(buffer, byteOffset, byteLength).toString('latin1'), limits);
}
