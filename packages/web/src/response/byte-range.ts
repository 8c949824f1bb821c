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

function wholeIsNone(range: ByteRange, size: number): ByteRange | undefined {
  return range.start === 0 && range.end === size ? undefined : range;
}
