import type { ContentCoding } from '@landspout/http1/content-coding';

/**
 * A longer header is ignored, so that a hostile one costs nothing. Browsers send fewer than 30 characters. No part of
 * it is used, because the part that is left out might exclude a coding.
 */
const MAX_LENGTH = 1_024;

const HTAB = 0x09;
const SPACE = 0x20;
const COMMA = 0x2c;
const DOT = 0x2e;
const ZERO = 0x30;
const ONE = 0x31;
const NINE = 0x39;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

/** A weight in thousandths (RFC 9110 §12.4.2); -1 for one that is invalid, or a coding that is not listed. */
type Weight = number;
const NONE: Weight = -1;
const FULL: Weight = 1_000;

/**
 * Chooses the content coding of a response (RFC 9110 §12.5.3).
 *
 * The coding with the highest weight is chosen; if several have it, the first one in `available`. `identity`, which
 * means no coding, is chosen only if its weight is higher than that of all codings, or no coding is acceptable.
 * `*` stands for all codings that are not listed. Members that are not valid are skipped. If a coding is listed more
 * than once, the lowest weight counts, so a coding with `q=0` is never chosen. Names are case-insensitive, and `x-gzip`
 * means gzip.
 *
 * A header of more than 1,024 characters is ignored. The scan is linear and allocates nothing.
 *
 * @param acceptEncoding - the Accept-Encoding header. If it is undefined, no coding is chosen, although all would be
 *   allowed: clients that do not send the header usually cannot decode.
 * @param available - the codings that the response could have, in the order of the server's preference.
 * @returns undefined if the client accepts none of them and excludes `identity` as well. The response should then be
 *   sent without a coding nevertheless: RFC 9110 §12.5.3 allows it, and a 406 would help no client.
 */
export function chooseContentCoding(
  acceptEncoding: string | undefined,
  available: readonly ContentCoding[],
): ContentCoding | 'identity' | undefined {
  if (acceptEncoding === undefined || acceptEncoding.length > MAX_LENGTH) return 'identity';
  let best: ContentCoding | undefined;
  let bestWeight = 0;
  const others = weightOf(acceptEncoding, '*');
  for (const coding of available) {
    const listed = weightOf(acceptEncoding, coding);
    const weight = listed === NONE ? others : listed;
    if (weight <= bestWeight) continue;
    best = coding;
    bestWeight = weight;
    if (weight === FULL) return coding;
  }
  const identity = weightOf(acceptEncoding, 'identity');
  if (identity > bestWeight) return 'identity';
  if (best !== undefined) return best;
  const isExcluded = identity === 0 || (identity === NONE && others === 0);
  return isExcluded ? undefined : 'identity';
}

/** Returns the lowest weight with which a list contains `name`. */
function weightOf(list: string, name: string): Weight {
  const { length } = list;
  let lowest = NONE;
  let at = 0;
  while (at < length) {
    at = skipBlanks(list, at);
    const afterName = endOfName(list, at, name);
    let end = afterName;
    if (afterName !== -1) {
      end = skipBlanks(list, afterName);
      let weight = FULL;
      if (list.charCodeAt(end) === SEMICOLON) {
        const start = skipBlanks(list, end + 1);
        end = endOfWeight(list, start);
        weight = end === -1 ? NONE : thousandths(list, start + 2, end);
        if (end !== -1) end = skipBlanks(list, end);
      }
      const isValid = end === length || list.charCodeAt(end) === COMMA;
      if (isValid && weight !== NONE && (lowest === NONE || weight < lowest)) lowest = weight;
    }
    const comma = list.indexOf(',', Math.max(at, end));
    if (comma === -1) break;
    at = comma + 1;
  }
  return lowest;
}

/** Returns the end of `name` if the list has it at `at`, with or without `x-` for gzip; -1 otherwise. */
function endOfName(list: string, at: number, name: string): number {
  const start = name === 'gzip' && hasAt(list, at, 'x-') ? at + 2 : at;
  return hasAt(list, start, name) ? start + name.length : -1;
}

/** Compares without regard to case. @param name - in lower case. */
function hasAt(list: string, at: number, name: string): boolean {
  if (at + name.length > list.length) return false;
  for (let index = 0; index < name.length; index += 1) {
    const code = list.charCodeAt(at + index);
    const lower = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    if (lower !== name.charCodeAt(index)) return false;
  }
  return true;
}

/** Returns the end of `q=` and a number at `at`; -1 if there is none. */
function endOfWeight(list: string, at: number): number {
  if (!hasAt(list, at, 'q') || list.charCodeAt(at + 1) !== EQUALS) return -1;
  let end = at + 2;
  while (isDigit(list.charCodeAt(end)) || list.charCodeAt(end) === DOT) end += 1;
  return end;
}

/** RFC 9110 §12.4.2: 0 or 1, with at most three decimals, which are zeros after a 1. */
function thousandths(list: string, start: number, end: number): Weight {
  const whole = list.charCodeAt(start);
  const decimals = end - start - 2;
  if (end === start || (whole !== ZERO && whole !== ONE) || decimals > 3) return NONE;
  if (end > start + 1 && list.charCodeAt(start + 1) !== DOT) return NONE;
  let weight = whole === ONE ? FULL : 0;
  let unit = 100;
  for (let at = start + 2; at < end; at += 1) {
    const digit = list.charCodeAt(at) - ZERO;
    if (digit < 0) return NONE;
    weight += digit * unit;
    unit /= 10;
  }
  return weight > FULL ? NONE : weight;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function skipBlanks(list: string, at: number): number {
  let next = at;
  for (;;) {
    const code = list.charCodeAt(next);
    if (code !== SPACE && code !== HTAB) return next;
    next += 1;
  }
}
