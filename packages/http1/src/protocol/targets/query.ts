import { type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { Http1UsageError, QueryProtocolError } from '../grammar/errors.ts';
import { limitChecks } from '../grammar/limits.ts';
import { formDecode } from '../grammar/percent-decoding.ts';

/** Names with all their values. Names are in order of first occurrence; the values of each name are in order. */
export type QueryArguments = ReadonlyMap<string, readonly string[]>;

/** The limits of one query or form. */
export interface QueryLimits {
  /**
   * Maximum number of fields, counting each repetition; status 400 if exceeded. Default: 1,000, as in Tornado and PHP.
   */
  readonly maxFields: number;
  /** Maximum size in bytes, before escapes are decoded; status 413 if exceeded. Default: 10 MiB. */
  readonly maxBytes: number;
}

export const DEFAULT_QUERY_LIMITS: QueryLimits = Object.freeze({
  maxFields: 1_000,
  maxBytes: 10 * 1024 * 1024,
});

const QUERY_LIMITS: OptionNames<QueryLimits> = { maxFields: true, maxBytes: true };

type QueryValue = string | number | boolean;

/** Sources of a query: {@link QueryArguments}, pairs, `URLSearchParams` or a record. Values may be lists. */
export type QueryInit =
  | Iterable<readonly [string, QueryValue | readonly QueryValue[]]>
  | Readonly<Record<string, QueryValue | readonly QueryValue[]>>;

/**
 * Parses `name=value` pairs joined by `&`: a query, or an `application/x-www-form-urlencoded` body (WHATWG URL §5.1).
 * Empty values are kept, a name without `=` has the value '', and a plus is a space. Takes time linear in the length.
 *
 * Text that cannot be decoded is refused. Tornado keeps an invalid escape unchanged, and `URLSearchParams` replaces it
 * with U+FFFD, so two recipients of the same request would see different values.
 *
 * @param text - one code unit per byte, as received, without a leading `?`.
 * @returns a map, owned by the caller. It is not a plain object, so a name such as `__proto__` has no special meaning.
 * @throws QueryProtocolError `ERR_HTTP1_QUERY_ENCODING`, `ERR_HTTP1_QUERY_FIELDS` (both 400) or
 *   `ERR_HTTP1_QUERY_TOO_LARGE` (413). Http1UsageError `ERR_HTTP1_LIMIT` if a limit is unknown or invalid.
 */
export function parseQuery(text: string, limits: Partial<QueryLimits> = {}): Map<string, string[]> {
  limitChecks.options('parseQuery', limits, QUERY_LIMITS);
  const { maxFields = DEFAULT_QUERY_LIMITS.maxFields, maxBytes = DEFAULT_QUERY_LIMITS.maxBytes } = limits;
  limitChecks.wholeNumber('parseQuery', 'maxFields', maxFields);
  limitChecks.wholeNumber('parseQuery', 'maxBytes', maxBytes);
  if (text.length > maxBytes) {
    throw new QueryProtocolError(
      'ERR_HTTP1_QUERY_TOO_LARGE',
      `got ${text.length} bytes, but at most ${maxBytes} are allowed`,
    );
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

/** Merges two sets of arguments: for each name, the values of `first` followed by those of `second`. */
export function mergeQueries(first: QueryArguments, second: QueryArguments): QueryArguments {
  if (second.size === 0) return first;
  const merged = new Map<string, readonly string[]>(first);
  for (const [name, values] of second) merged.set(name, [...(first.get(name) ?? []), ...values]);
  return merged;
}

/** Yields one pair of name and value for each value: the opposite of the grouping in {@link parseQuery}. */
export function* qsToQsl(fields: QueryArguments): Generator<[string, string]> {
  for (const [name, values] of fields) {
    for (const value of values) yield [name, value];
  }
}

/**
 * Formats `name=value` pairs joined by `&`, as in a form: UTF-8, escaped, with a plus for a space (WHATWG URL §5.2). A
 * lone surrogate becomes U+FFFD. An empty list yields no pair.
 *
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if a value is not a string, number or boolean: otherwise `undefined` or
 *   `[object Object]` would be sent silently.
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
    `query: expected a string, a number or a boolean for ${shownText(name)}, got ${shownValue(value)}`,
  );
}

/**
 * Appends arguments to the query of a URL. The existing query and a fragment are not changed.
 *
 * @param url - absolute or relative.
 * @param fields - names may be repeated. If there are none, or `fields` is null or undefined, the URL is unchanged.
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
