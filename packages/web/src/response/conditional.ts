import { type HTTPHeaders, parseHttpDate } from '@landspout/http1';
import { HTTPError, WebUsageError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import type { ResponseDraft } from './response-draft.ts';

/**
 * What a handler knows of the current representation of its target, for `RequestHandler.checkPreconditions`. It is
 * compared in the order of RFC 9110 §13.2.2:
 * 1. If-Match fails unless one of its tags equals `etag`, neither of them weak. `*` fails if there is no current
 *    representation.
 * 2. If-Unmodified-Since, without If-Match, fails if `lastModified` is later.
 * 3. If-None-Match fails if one of its tags equals `etag`, weak or not. `*` fails if there is a current
 *    representation, so that with it a PUT only ever creates.
 *
 * A date that is no HTTP-date, and one without a `lastModified` to compare with, is ignored. For GET and HEAD a
 * failing If-None-Match, like If-Modified-Since, is a 304 and left to `finish`. OPTIONS, CONNECT and TRACE have no
 * preconditions.
 */
export interface CurrentValidators {
  /** Its entity tag with the quotes, such as `"v1"` or `W/"v1"`. null or undefined if it has none. */
  readonly etag?: string | null | undefined;
  /** When it was modified last; milliseconds are ignored. null or undefined if that is not known. */
  readonly lastModified?: Date | null | undefined;
}

/** The selected representation (RFC 9110 §3.2), as far as the conditions of a request are compared with it. */
export interface Representation {
  /** With its quotes, as in `ETag`; undefined if it has none. */
  readonly etag: string | undefined;
  /** In whole seconds, which is all that an HTTP-date can say, as milliseconds since 1970; undefined if unknown. */
  readonly lastModifiedMs: number | undefined;
}

/**
 * - met: the request is carried out
 * - not-modified: the client has this version; the response to its GET or HEAD is a 304
 * - failed: the request is not carried out; the response is a 412
 */
export type PreconditionResult = 'met' | 'not-modified' | 'failed';

/** Methods that neither select nor change a representation: their preconditions are ignored (RFC 9110 §13.2.1). */
const WITHOUT_REPRESENTATION: readonly string[] = ['CONNECT', 'OPTIONS', 'TRACE'];

/** An entity tag at `lastIndex` (RFC 9110 §8.8.3). A comma within its quotes belongs to it. */
const ENTITY_TAG = /(?:W\/)?"[^"]*"/y;

/** A date is a strong validator if the representation was not modified in the present second (RFC 9110 §8.8.2.2). */
const SETTLED_MS = 1_000;

/**
 * Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of RFC 9110 §13.2.2.
 *
 * If-Match compares strongly and If-None-Match weakly. The dates are ignored beside the tags, without a modification
 * date to compare with, and if they are no HTTP-date (RFC 9110 §5.6.7), such as a list of two; If-Modified-Since also
 * for methods other than GET and HEAD. A date in the future is a date like others.
 *
 * @param current - undefined if the target has no current representation, for which `*` stands.
 * @param nowMs - milliseconds since 1970, for dates with two digits of the year.
 */
export function evaluatePreconditions(
  method: string,
  headers: HTTPHeaders,
  current: Representation | undefined,
  nowMs: number,
): PreconditionResult {
  if (WITHOUT_REPRESENTATION.includes(method)) return 'met';
  const modifiedMs = current?.lastModifiedMs;
  const ifMatch = headers.get('If-Match');
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current, strongEquals)) return 'failed';
  } else if (modifiedMs !== undefined) {
    const sinceMs = dateOf(headers, 'If-Unmodified-Since', nowMs);
    if (sinceMs !== undefined && modifiedMs > sinceMs) return 'failed';
  }
  const reads = method === 'GET' || method === 'HEAD';
  const ifNoneMatch = headers.get('If-None-Match');
  if (ifNoneMatch !== undefined) {
    if (!matches(ifNoneMatch, current, weakEquals)) return 'met';
    return reads ? 'not-modified' : 'failed';
  }
  if (reads && modifiedMs !== undefined) {
    const sinceMs = dateOf(headers, 'If-Modified-Since', nowMs);
    if (sinceMs !== undefined && modifiedMs <= sinceMs) return 'not-modified';
  }
  return 'met';
}

/**
 * Whether an If-Range field lets the Range field of its request apply (RFC 9110 §13.1.5): with the same strong entity
 * tag, or the very date of a modification that is a second old or older. Anything else asks for the whole.
 */
export function ifRangeApplies(field: string, current: Representation, nowMs: number): boolean {
  // The first three characters tell a tag from a date.
  if (field.slice(0, 3).includes('"')) return current.etag !== undefined && strongEquals(field, current.etag);
  const dateMs = parseHttpDate(field, nowMs);
  return dateMs !== undefined && dateMs === current.lastModifiedMs && nowMs - dateMs >= SETTLED_MS;
}

/** A part of a file: bytes `start` to `end`, `end` not included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a Range field with one range of bytes (RFC 9110 §14.1.2).
 *
 * @returns the part; `'unsatisfiable'` where there is no such part; undefined for what is to be ignored: several
 *   ranges, another unit, what is malformed, and the whole file.
 */
export function parseByteRange(field: string, size: number): ByteRange | 'unsatisfiable' | undefined {
  const found = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(field);
  if (found === null) return undefined;
  const [, first = '', last = ''] = found;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const length = Math.min(Number(last), size);
    if (length === 0) return 'unsatisfiable';
    return wholeIsNone({ start: size - length, end: size }, size);
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= size) return 'unsatisfiable';
  const end = last === '' ? size : Math.min(Number(last) + 1, size);
  return wholeIsNone({ start, end }, size);
}

/** What `ETag` and `Last-Modified` of a response say. A Last-Modified that is no HTTP-date says nothing. */
export function representationOf(headers: HTTPHeaders, nowMs: number): Representation {
  return { etag: headers.get('ETag'), lastModifiedMs: dateOf(headers, 'Last-Modified', nowMs) };
}

/**
 * Whether If-None-Match lists a tag, by weak comparison (RFC 9110 §13.1.2). `*` matches any; what is no entity tag is
 * skipped.
 *
 * @param field - the field's value, as it came.
 */
export function listsEntityTag(field: string, tag: string): boolean {
  return matches(field, { etag: tag, lastModifiedMs: undefined }, weakEquals);
}

/** Whether `text` is one entity tag. */
export function isEntityTag(text: string): boolean {
  return entityTagAt(text, 0) === text;
}

type TagEquality = (one: string, other: string) => boolean;

/** RFC 9110 §8.8.3.2: two weak tags are not equal in the strong sense, even if they are the same. */
function strongEquals(one: string, other: string): boolean {
  return one === other && !one.startsWith('W/');
}

function weakEquals(one: string, other: string): boolean {
  return opaqueTag(one) === opaqueTag(other);
}

function opaqueTag(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

function matches(field: string, current: Representation | undefined, equals: TagEquality): boolean {
  if (current === undefined) return false;
  if (field.trim() === '*') return true;
  return current.etag !== undefined && lists(field, current.etag, equals);
}

/** Reads a list of entity tags, in linear time. A member that is none ends at its first comma and is skipped. */
function lists(field: string, tag: string, equals: TagEquality): boolean {
  let at = 0;
  while (at < field.length) {
    at = skipBlanks(field, at);
    const listed = entityTagAt(field, at);
    if (listed !== undefined) {
      const end = skipBlanks(field, at + listed.length);
      if (end === field.length || field[end] === ',') {
        if (equals(listed, tag)) return true;
        at = end;
      }
    }
    const comma = field.indexOf(',', at);
    if (comma === -1) return false;
    at = comma + 1;
  }
  return false;
}

function entityTagAt(text: string, at: number): string | undefined {
  ENTITY_TAG.lastIndex = at;
  return ENTITY_TAG.exec(text)?.[0];
}

function skipBlanks(text: string, at: number): number {
  let next = at;
  while (text[next] === ' ' || text[next] === '\t') next += 1;
  return next;
}

/** Two fields of one name are joined by a comma, and so no date. */
function dateOf(headers: HTTPHeaders, name: string, nowMs: number): number | undefined {
  const text = headers.get(name);
  return text === undefined ? undefined : parseHttpDate(text, nowMs);
}

function wholeIsNone(range: ByteRange, size: number): ByteRange | undefined {
  return range.start === 0 && range.end === size ? undefined : range;
}

/** Whether a request asks for a representation: for others, handlers call `checkPreconditions` themselves. */
export function reads({ method }: HTTPServerRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** @throws HTTPError 412, and WebUsageError for validators that are none. */
export function requirePreconditions(
  { method, headers }: HTTPServerRequest,
  current: CurrentValidators,
): void {
  if (evaluatePreconditions(method, headers, representation(current), Date.now()) === 'failed')
    throw new HTTPError(412);
}

/**
 * Evaluates the conditions of a GET or HEAD against what the response says of itself, before its head is sent. Only for
 * a success: what else a response says, it says whatever the conditions are (RFC 9110 §13.2.1).
 *
 * @throws HTTPError 412; nothing has been sent then.
 */
export function applyPreconditions(request: HTTPServerRequest, response: ResponseDraft): void {
  const { status } = response;
  if (response.headSent || response.gone !== undefined || status < 200 || status > 299) return;
  if (!request.mayHavePrecondition || !reads(request)) return;
  const nowMs = Date.now();
  const current = representationOf(response.headers, nowMs);
  const result = evaluatePreconditions(request.method, request.headers, current, nowMs);
  if (result === 'failed') throw new HTTPError(412);
  if (result === 'not-modified') response.becomeNotModified();
}

/** undefined if there is none. */
function representation(current: CurrentValidators): Representation | undefined {
  const etag = current.etag ?? undefined;
  const lastModified = current.lastModified ?? undefined;
  if (etag !== undefined && !(typeof etag === 'string' && isEntityTag(etag))) {
    throw preconditionUsage(
      `etag: an entity tag with its quotes was expected, such as '"v1"', not ${String(etag)}`,
    );
  }
  if (lastModified === undefined) return etag === undefined ? undefined : { etag, lastModifiedMs: undefined };
  const modifiedMs = lastModified instanceof Date ? lastModified.getTime() : Number.NaN;
  if (Number.isNaN(modifiedMs)) {
    throw preconditionUsage(`lastModified: a valid Date was expected, not ${String(lastModified)}`);
  }
  return { etag, lastModifiedMs: Math.floor(modifiedMs / 1000) * 1000 };
}

function preconditionUsage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `checkPreconditions: ${problem}`);
}
