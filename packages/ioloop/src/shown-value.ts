/**
 * What came instead of what was expected, for a message. Never the content of an object or text: it may be long or
 * secret, and an object may not be printable at all.
 */
export function shownValue(value: unknown): string {
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object') return typeof value;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `an object of ${name.slice(0, 80)}` : 'an object';
}
