import { shownText } from '@landspout/ioloop/errors';
import { HTTPError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { CursorReadOptions } from './cursor-source.ts';
import { MAX_LAST } from './event-stream-options.ts';

/** Where a client wants to begin. */
export interface ReadFrom {
  readonly options: CursorReadOptions;
  /** The position of the client; undefined if it has none. */
  readonly cursor: string | undefined;
}

const DIGITS = /^\d{1,9}$/;

/**
 * Reads where a client wants to begin: the header Last-Event-ID, which EventSource sends with the URL of its first
 * request, or else the query arguments `after` and `last`.
 *
 * A malformed Last-Event-ID is a gap rather than an error, because EventSource gives up after a 400.
 *
 * @returns undefined if the request says nothing about that.
 * @throws HTTPError 400 if `last` is not a whole number.
 */
export function readFromOf(request: HTTPServerRequest): ReadFrom | undefined {
  const id = request.headers.get('Last-Event-ID');
  if (id !== undefined && id !== '') return { options: { after: id, invalidCursor: 'gap' }, cursor: id };
  const after = queryValue(request, 'after');
  if (after !== undefined) return { options: { after, invalidCursor: 'error' }, cursor: after };
  const last = queryNumber(request, 'last', MAX_LAST);
  return last === undefined ? undefined : { options: { last }, cursor: undefined };
}

/** Returns the last value of a query argument. */
export function queryValue(request: HTTPServerRequest, name: string): string | undefined {
  return request.queryArguments.get(name)?.at(-1);
}

/**
 * Returns a whole number of the query; a larger one than `most` counts as `most`.
 *
 * @throws HTTPError 400 if the argument is not a whole number.
 */
export function queryNumber(request: HTTPServerRequest, name: string, most: number): number | undefined {
  const text = queryValue(request, name);
  if (text === undefined) return undefined;
  if (DIGITS.test(text)) return Math.min(Number(text), most);
  const detail = `The argument ${name} must be a whole number.`;
  throw new HTTPError(400, `${name} is not a whole number: ${shownText(text)}`, { detail });
}
