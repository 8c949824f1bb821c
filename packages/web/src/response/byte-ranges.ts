/** A part of a file: the bytes from `start` up to, but not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The maximum number of ranges of one request. A header with more is ignored (RFC 9110 §14.2): sending the whole file
 * costs less than that many small parts.
 */
export const MAX_RANGES = 32;

/**
 * The approximate overhead of each part of a multipart response. Ranges that are at most this far apart are sent as one
 * (RFC 9110 §15.3.7.2).
 */
const PART_OVERHEAD_BYTES = 80;

/** Limits the number of digits, so that the numbers are exact. */
const RANGE_SPEC = /^(\d{0,15})-(\d{0,15})$/;

/**
 * Parses a Range header (RFC 9110 §14.1.2, §14.2), in linear time.
 *
 * Ranges are merged if they overlap, or if another part would cost more bytes than the gap between them. Otherwise, the
 * order of the header is kept. Ranges that start after the end of the file are left out.
 *
 * @returns the ranges, which do not overlap; `'unsatisfiable'` if all of them start after the end of the file;
 *   undefined if the header is ignored and the whole file is sent. The reasons are: another unit, invalid syntax, too
 *   many ranges, one range that is the whole file, or several parts that would not be shorter than the file.
 */
export function parseByteRanges(
  field: string,
  size: number,
): readonly ByteRange[] | 'unsatisfiable' | undefined {
  if (!/^bytes=/i.test(field)) return undefined;
  const specs = field.slice('bytes='.length).split(',', MAX_RANGES + 1);
  if (specs.length > MAX_RANGES) return undefined;
  const ranges: ByteRange[] = [];
  let isUnsatisfiable = false;
  for (const spec of specs) {
    const range = parseSpec(spec.trim(), size);
    if (range === 'invalid') return undefined;
    if (range === 'unsatisfiable') isUnsatisfiable = true;
    else if (range !== 'empty') ranges.push(range);
  }
  if (ranges.length === 0) return isUnsatisfiable ? 'unsatisfiable' : undefined;
  const parts = coalesce(ranges);
  const overheadBytes = parts.length === 1 ? 0 : parts.length * PART_OVERHEAD_BYTES;
  const bytes = parts.reduce((sum, { start, end }) => sum + end - start, overheadBytes);
  return bytes >= size ? undefined : parts;
}

function parseSpec(spec: string, size: number): ByteRange | 'empty' | 'unsatisfiable' | 'invalid' {
  // A list may have empty elements (RFC 9110 §5.6.1).
  if (spec === '') return 'empty';
  const found = RANGE_SPEC.exec(spec);
  if (found === null) return 'invalid';
  const [, first = '', last = ''] = found;
  if (first === '') {
    if (last === '') return 'invalid';
    const length = Math.min(Number(last), size);
    return length === 0 ? 'unsatisfiable' : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'invalid';
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}

/** Merges ranges. A merged range is at the position of the first of its parts. */
function coalesce(ranges: readonly ByteRange[]): readonly ByteRange[] {
  if (ranges.length === 1) return ranges;
  const sorted = ranges.map((range, at) => ({ ...range, at })).sort((one, other) => one.start - other.start);
  const merged: { start: number; end: number; at: number }[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last === undefined || range.start - last.end > PART_OVERHEAD_BYTES) {
      merged.push(range);
      continue;
    }
    last.end = Math.max(last.end, range.end);
    last.at = Math.min(last.at, range.at);
  }
  return merged.sort((one, other) => one.at - other.at).map(({ start, end }) => ({ start, end }));
}
