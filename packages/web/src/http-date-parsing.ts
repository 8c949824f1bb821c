/** The three forms of RFC 9110 §5.6.7 are shorter; anything longer is not looked at. */
const MAX_CHARS = 64;

/**
 * Reads the date of a condition.
 *
 * @returns milliseconds since 1970, negative before; undefined for what is no date, which is to be ignored.
 */
export function parseHttpDate(text: string): number | undefined {
  if (text.length > MAX_CHARS) return undefined;
  // The asctime form names no zone, and would be taken for local time.
  const zoned = /(?:GMT|UTC|Z|[+-]\d{2}:?\d{2})\s*$/i.test(text) ? text : `${text} GMT`;
  const time = Date.parse(zoned);
  return Number.isNaN(time) ? undefined : time;
}
