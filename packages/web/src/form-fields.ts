import { HTTPError } from './http-error.ts';
import { percentDecode } from './percent-decoding.ts';

/** Names and all their values, in order. A map, so that no name reaches a prototype. */
export type Arguments = ReadonlyMap<string, readonly string[]>;

/** Most fields of one query or form: above it a peer only wants to keep us busy. The precedent is PHP's and Tornado's. */
export const MAX_FIELDS = 1_000;

/**
 * Splits `name=value` pairs joined by `&`: a query, or an `application/x-www-form-urlencoded` body (WHATWG URL §5.1).
 * A name without `=` has the value ''. Linear in the length of the text.
 *
 * @param text - latin1: one code unit per byte, as it came.
 * @throws HTTPError 400 for more than {@link MAX_FIELDS} fields, a broken escape, or text that is not UTF-8.
 */
export function parseFormFields(text: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  let count = 0;
  for (let start = 0; start < text.length; ) {
    const ampersand = text.indexOf('&', start);
    const end = ampersand === -1 ? text.length : ampersand;
    if (end > start) {
      count += 1;
      if (count > MAX_FIELDS) throw new HTTPError(400, `more than ${MAX_FIELDS} fields`);
      addField(fields, text.slice(start, end));
    }
    start = end + 1;
  }
  return fields;
}

function addField(fields: Map<string, string[]>, pair: string): void {
  const equals = pair.indexOf('=');
  const name = percentDecode(equals === -1 ? pair : pair.slice(0, equals), true);
  const value = equals === -1 ? '' : percentDecode(pair.slice(equals + 1), true);
  const values = fields.get(name);
  if (values === undefined) fields.set(name, [value]);
  else values.push(value);
}

/** Query values first, then those of the body, as Tornado has them. */
export function mergeArguments(first: Arguments, second: Arguments): Arguments {
  if (second.size === 0) return first;
  const merged = new Map<string, readonly string[]>(first);
  for (const [name, values] of second) merged.set(name, [...(first.get(name) ?? []), ...values]);
  return merged;
}
