import { LENGTH_REPEATED } from '../grammar/framing-fields.ts';
import { HTTPHeaders } from './http-headers.ts';

/**
 * The fields of a head that was checked, from `start` to the empty line.
 *
 * Where Content-Length said one number more than once, it says it once here: RFC 9110 §8.6 forbids to pass the
 * repetition on, as whoever reads it next may understand it in another way.
 */
export function headersOf(text: string, start: number, seen: number): HTTPHeaders {
  const headers = HTTPHeaders.fromRaw(text, start, text.length - 2);
  if ((seen & LENGTH_REPEATED) !== 0) {
    const first = /^\d+/.exec(headers.get('content-length') ?? '');
    headers.set('Content-Length', String(Number(first?.[0])));
  }
  return headers;
}
