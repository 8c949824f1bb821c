import { describe, expect, it } from 'vitest';
import { parseByteRange } from './byte-range.ts';

describe('parseByteRange', () => {
  it.each([
    ['bytes=0-4', 0, 5],
    ['bytes=3-', 3, 10],
    ['bytes=-3', 7, 10],
    ['bytes=8-99', 8, 10],
    ['Bytes=9-9', 9, 10],
  ])('reads %s of ten bytes [ST-05]', (field, start, end) => {
    expect(parseByteRange(field, 10)).toEqual({ start, end });
  });

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0'])('cannot satisfy %s of ten bytes [ST-05]', (field) => {
    expect(parseByteRange(field, 10)).toBe('unsatisfiable');
  });

  it('cannot satisfy any part of an empty file', () => {
    expect(parseByteRange('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseByteRange('bytes=-5', 0)).toBe('unsatisfiable');
  });

  it.each(['bytes=0-9', 'bytes=0-', 'bytes=-10', 'bytes=-99'])(
    'takes %s of ten bytes as the whole [ST-05]',
    (field) => {
      expect(parseByteRange(field, 10)).toBeUndefined();
    },
  );

  it.each([
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=+1-2',
    'bytes=1_0-2',
    'bytes=0-1,3-4',
    'lines=0-1',
    '0-1',
    'bytes=5-2',
  ])('ignores %s (RFC 9110 §14.2) [ST-05]', (field) => {
    expect(parseByteRange(field, 10)).toBeUndefined();
  });
});
