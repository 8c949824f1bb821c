/** The content codings that can be undone (RFC 9110 §8.4.1, RFC 7932, RFC 8878). */
export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** A name of old that means the same (RFC 9110 §8.4.1.3). */
const ALIASES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip' };

/**
 * The codings that a Content-Encoding lists, in the order in which they were applied. `identity` and empty elements
 * are left out.
 *
 * @returns `undefined` when one of them is not among `known`, or they are more than `maxCodings`.
 */
export function parseContentEncoding(
  value: string,
  known: readonly ContentCoding[],
  maxCodings: number,
): readonly ContentCoding[] | undefined {
  const codings: ContentCoding[] = [];
  for (const element of value.split(',')) {
    const name = trimmed(element).toLowerCase();
    if (name === '' || name === 'identity') continue;
    const coding = known.find((one) => one === (ALIASES[name] ?? name));
    if (coding === undefined || codings.length === maxCodings) return undefined;
    codings.push(coding);
  }
  return codings;
}

/** Only SP and HTAB are white space here, and a peer may send very much of it: `trim` takes more, a pattern for ever. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x09;
}
