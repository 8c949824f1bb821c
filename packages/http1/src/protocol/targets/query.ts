import { type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { Http1UsageError, QueryProtocolError } from '../grammar/errors.ts';
import { limitChecks } from '../grammar/limits.ts';
import { formDecode } from '../grammar/percent-decoding.ts';

/** Names with all their values: names in the order in which they first came, values in theirs. */
export type QueryArguments = ReadonlyMap<string, readonly string[]>;

/** What one query or form may cost us. */
export interface QueryLimits {
  /** Fields, repeated ones each. Default 1,000, as Tornado and PHP; 400 beyond. */
  readonly maxFields: number;
  /** Bytes as they came, before escapes are undone. Default 10 MiB; 413 beyond. */
  readonly maxBytes: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = Object.freeze({
  maxFields: 1_000,
  maxBytes: 10 * 1024 * 1024,
});

const QUERY_LIMITS: OptionNames<QueryLimits> = { maxFields: true, maxBytes: true };

type QueryValue = string | number | boolean;

/** What a query can be made of: {@link QueryArguments}, pairs, `URLSearchParams`, or a record. Values may be lists. */
export type QueryInit =
  | Iterable<readonly [string, QueryValue | readonly QueryValue[]]>
  | Readonly<Record<string, QueryValue | readonly QueryValue[]>>;

/**
 * Splits `name=value` pairs joined by `&`: a query, or an `application/x-www-form-urlencoded` body (WHATWG URL §5.1).
 * Blank values are kept, a name without `=` has the value '', and a plus is a space. Linear in the length of the text.
 *
 * What cannot be decoded is refused: neither kept as it came, which is what Tornado does with a broken escape, nor
 * replaced by U+FFFD, as `URLSearchParams` does. Two readers of one request must not see two values.
 *
 * @param text - one code unit per byte, as it came, and without a leading `?`.
 * @returns a map, so that no name reaches a prototype. It is yours.
 * @throws QueryProtocolError `ERR_HTTP1_QUERY_ENCODING`, `ERR_HTTP1_QUERY_FIELDS` (both 400) or
 *   `ERR_HTTP1_QUERY_TOO_LARGE` (413). Http1UsageError `ERR_HTTP1_LIMIT` for a limit that is not known or is none.
 */
export function parseQuery(text: string, limits: Partial<QueryLimits> = {}): Map<string, string[]> {
  limitChecks.options('parseQuery', limits, QUERY_LIMITS);
  const { maxFields = DEFAULT_QUERY_LIMITS.maxFields, maxBytes = DEFAULT_QUERY_LIMITS.maxBytes } = limits;
  limitChecks.wholeNumber('parseQuery', 'maxFields', maxFields);
  limitChecks.wholeNumber('parseQuery', 'maxBytes', maxBytes);
  if (text.length > maxBytes) {
    throw new QueryProtocolError('ERR_HTTP1_QUERY_TOO_LARGE', `${text.length} bytes, of at most ${maxBytes}`);
  }
  const fields = new Map<string, string[]>();
  let count = 0;
  for (let start = 0; start < text.length; ) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand === -1 ? text.length : ampersand;
    if (end > start) {
      count += 1;
      if (count > maxFields) {
        throw new QueryProtocolError('ERR_HTTP1_QUERY_FIELDS', `more than ${maxFields} fields`);
      }
      addPair(fields, text.slice(start, end));
    }
    start = end + 1;
  }
  return fields;
}

function addPair(fields: Map<string, string[]>, pair: string): void {
  const equals = pair.indexOf('=');
  const name = formDecode(equals === -1 ? pair : pair.slice(0, equals));
  const value = equals === -1 ? '' : formDecode(pair.slice(equals + 1));
  const values = fields.get(name);
  if (values === undefined) fields.set(name, [value]);
  else values.push(value);
}

/** The values of both for each name, those of `first` before those of `second`. */
export function mergeQueries(first: QueryArguments, second: QueryArguments): QueryArguments {
  if (second.size === 0) return first;
  const merged = new Map<string, readonly string[]>(first);
  for (const [name, values] of second) merged.set(name, [...(first.get(name) ?? []), ...values]);
  return merged;
}

/** Every name with each of its values: what {@link parseQuery} grouped, as pairs again. */
export function* qsToQsl(fields: QueryArguments): Generator<[string, string]> {
  for (const [name, values] of fields) {
    for (const value of values) yield [name, value];
  }
}

/**
 * Writes `name=value` pairs joined by `&`, as forms are sent: UTF-8, escaped, a space as a plus (WHATWG URL §5.2). A
 * lone surrogate becomes U+FFFD. An empty list yields no pair.
 *
 * @throws Http1UsageError `ERR_HTTP1_USAGE` for a value that is neither text, number nor boolean: `[object Object]` and
 *   `undefined` would be sent in silence.
 */
export function formatQuery(fields: QueryInit): string {
  const pairs: [string, string][] = [];
  const entries = Symbol.iterator in fields ? fields : Object.entries(fields);
  for (const [name, value] of entries as Iterable<readonly [string, unknown]>) {
    for (const one of Array.isArray(value) ? value : [value]) pairs.push([name, textOf(name, one)]);
  }
  return new URLSearchParams(pairs).toString();
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  throw new Http1UsageError(
    'ERR_HTTP1_USAGE',
    `query: text, a number or a boolean was expected for ${shownText(name)}, not ${shownValue(value)}`,
  );
}

/**
 * Adds arguments to the query of a URL, behind those that it has. What stands there is not touched, nor is a fragment.
 *
 * @param url - absolute or relative.
 * @param fields - a name may come more than once; none, null and undefined change nothing.
 * @throws Http1UsageError as {@link formatQuery}.
 *
 * @example
 * urlConcat('/search?q=a#top', { page: 2 }); // /search?q=a&page=2#top
 */
export function urlConcat(url: string, fields: QueryInit | null | undefined): string {
  const added = fields === null || fields === undefined ? '' : formatQuery(fields);
  if (added === '') return url;
  const hash = url.indexOf('#');
  const end = hash === -1 ? url.length : hash;
  const base = url.slice(0, end);
  return `${base}${jointAfter(base)}${added}${url.slice(end)}`;
}

function jointAfter(base: string): string {
  if (!base.includes('?')) return '?';
  return base.endsWith('?') || base.endsWith('&') ? '' : '&';
}
