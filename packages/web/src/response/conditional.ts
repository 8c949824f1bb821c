import { type HTTPHeaders, parseHttpDate } from '@landspout/http1';
import { HTTPError, WebUsageError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';

/**
 * What a handler knows about the current representation of its target, for `RequestHandler.checkPreconditions`. The
 * headers of the request are evaluated in the order of RFC 9110 §13.2.2:
 * 1. If-Match fails unless one of its tags equals `etag`; weak tags never match. `*` fails if there is no current
 *    representation.
 * 2. If-Unmodified-Since, if there is no If-Match, fails if `lastModified` is later.
 * 3. If-None-Match fails if one of its tags equals `etag`, weak or not. `*` fails if there is a current representation,
 *    so a PUT with `If-None-Match: *` can only create.
 *
 * A date is ignored if it is not an HTTP-date, or if there is no `lastModified` to compare it with. For GET and HEAD, a
 * failing If-None-Match or If-Modified-Since results in a 304, which `finish` sends. Preconditions of OPTIONS, CONNECT
 * and TRACE are ignored.
 */
export interface CurrentValidators {
  /** The entity tag with its quotes, such as `"v1"` or `W/"v1"`; null or undefined if there is none. */
  readonly etag?: string | null | undefined;
  /** When the representation was last modified; milliseconds are ignored. null or undefined if unknown. */
  readonly lastModified?: Date | null | undefined;
}

/** The properties of the selected representation (RFC 9110 §3.2) that preconditions are compared with. */
export interface Representation {
  /** The entity tag with its quotes, as in `ETag`; undefined if there is none. */
  readonly etag: string | undefined;
  /**
   * Milliseconds since 1970, rounded down to a whole second, because an HTTP-date has no milliseconds; undefined if
   * unknown.
   */
  readonly lastModifiedMs: number | undefined;
}

/**
 * The result of evaluating the preconditions of a request.
 *
 * - met: the request is carried out
 * - not-modified: the client has this version; the response to its GET or HEAD is a 304
 * - failed: the request is not carried out; the response is a 412
 */
export type PreconditionResult = 'met' | 'not-modified' | 'failed';

/** Methods that neither select nor modify a representation: their preconditions are ignored (RFC 9110 §13.2.1). */
const WITHOUT_REPRESENTATION: readonly string[] = ['CONNECT', 'OPTIONS', 'TRACE'];

/** Matches an entity tag at `lastIndex` (RFC 9110 §8.8.3). A comma between its quotes is part of the tag. */
const ENTITY_TAG = /(?:W\/)?"[^"]*"/y;

/**
 * A date is a strong validator only if it is at least this old: another change could have happened in the same second
 * (RFC 9110 §8.8.2.2).
 */
const SETTLED_MS = 1_000;

/**
 * Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of RFC 9110 §13.2.2.
 *
 * If-Match uses strong comparison, If-None-Match weak comparison. A date header is ignored if the corresponding tag
 * header is present, if the modification date is unknown, or if its value is not an HTTP-date (RFC 9110 §5.6.7), such
 * as a list of two. If-Modified-Since is also ignored for methods other than GET and HEAD. Dates in the future are not
 * treated differently.
 *
 * @param current - undefined if the target has no current representation: `*` tests whether there is one.
 * @param nowMs - milliseconds since 1970, to interpret two-digit years.
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
 * Whether an If-Range header allows the Range header of its request to apply (RFC 9110 §13.1.5): it must contain the
 * same strong entity tag, or exactly the modification date, which must be at least a second old. Otherwise the whole
 * representation is sent.
 */
export function ifRangeApplies(field: string, current: Representation, nowMs: number): boolean {
  // The first three characters distinguish a tag from a date.
  if (field.slice(0, 3).includes('"')) return current.etag !== undefined && strongEquals(field, current.etag);
  const dateMs = parseHttpDate(field, nowMs);
  return dateMs !== undefined && dateMs === current.lastModifiedMs && nowMs - dateMs >= SETTLED_MS;
}

/** Reads `ETag` and `Last-Modified` of a response. A Last-Modified that is not an HTTP-date is ignored. */
export function representationOf(headers: HTTPHeaders, nowMs: number): Representation {
  return { etag: headers.get('ETag'), lastModifiedMs: dateOf(headers, 'Last-Modified', nowMs) };
}

/**
 * Whether If-None-Match lists a tag, by weak comparison (RFC 9110 §13.1.2). `*` matches any tag; invalid members are
 * skipped.
 *
 * @param field - the undecoded value of the header.
 */
export function listsEntityTag(field: string, tag: string): boolean {
  return matches(field, { etag: tag, lastModifiedMs: undefined }, weakEquals);
}

/** Whether `text` is one entity tag. */
export function isEntityTag(text: string): boolean {
  return entityTagAt(text, 0) === text;
}

type TagEquality = (one: string, other: string) => boolean;

/** RFC 9110 §8.8.3.2: in strong comparison, weak tags are never equal, even if they are identical. */
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

/** Searches a list of entity tags, in linear time. An invalid member ends at the next comma and is skipped. */
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

/** Repeated headers are joined by a comma, so they are not a valid date. */
function dateOf(headers: HTTPHeaders, name: string, nowMs: number): number | undefined {
  const text = headers.get(name);
  return text === undefined ? undefined : parseHttpDate(text, nowMs);
}

/** Whether the method is GET or HEAD. For other methods, handlers call `checkPreconditions` themselves. */
export function reads({ method }: HTTPServerRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** @throws HTTPError 412 if a precondition failed; WebUsageError if the validators are invalid. */
export function requirePreconditions(
  { method, headers }: HTTPServerRequest,
  current: CurrentValidators,
): void {
  if (evaluatePreconditions(method, headers, representation(current), Date.now()) === 'failed')
    throw new HTTPError(412);
}

/** A response that may become a 304. */
export interface ConditionalResponse {
  readonly status: number;
  readonly headers: HTTPHeaders;
  readonly headSent: boolean;
  readonly gone: Error | undefined;
  becomeNotModified(): void;
}

/**
 * Evaluates the preconditions of a GET or HEAD against the headers of the response, before they are sent. Does so only
 * if the status is 2xx: other responses do not depend on preconditions (RFC 9110 §13.2.1).
 *
 * @throws HTTPError 412; nothing has been sent then.
 */
export function applyPreconditions(request: HTTPServerRequest, response: ConditionalResponse): void {
  const { status } = response;
  if (response.headSent || response.gone !== undefined || status < 200 || status > 299) return;
  if (!request.mayHavePrecondition || !reads(request)) return;
  const nowMs = Date.now();
  const current = representationOf(response.headers, nowMs);
  const result = evaluatePreconditions(request.method, request.headers, current, nowMs);
  if (result === 'failed') throw new HTTPError(412);
  if (result === 'not-modified') response.becomeNotModified();
}

/** Returns undefined if there is no current representation. */
function representation(current: CurrentValidators): Representation | undefined {
  const etag = current.etag ?? undefined;
  const lastModified = current.lastModified ?? undefined;
  if (etag !== undefined && !(typeof etag === 'string' && isEntityTag(etag))) {
    throw preconditionUsage(
      `etag must be an entity tag with its quotes, such as '"v1"', got ${String(etag)}`,
    );
  }
  if (lastModified === undefined) return etag === undefined ? undefined : { etag, lastModifiedMs: undefined };
  const modifiedMs = lastModified instanceof Date ? lastModified.getTime() : Number.NaN;
  if (Number.isNaN(modifiedMs)) {
    throw preconditionUsage(`lastModified must be a valid Date, got ${String(lastModified)}`);
  }
  return { etag, lastModifiedMs: Math.floor(modifiedMs / 1000) * 1000 };
}

function preconditionUsage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `checkPreconditions: ${problem}`);
}
