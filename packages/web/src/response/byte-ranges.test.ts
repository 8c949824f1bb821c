import { describe, expect, it } from 'vitest';
import { MAX_RANGES, parseByteRanges } from './byte-ranges.ts';

describe('parseByteRanges', () => {
  it.each([
    ['bytes=0-4', 0, 5],
    ['bytes=3-', 3, 10],
    ['bytes=-3', 7, 10],
    ['bytes=8-99', 8, 10],
    ['Bytes=9-9', 9, 10],
    ['bytes= 1-2\t', 1, 3],
    ['bytes=,1-2,', 1, 3],
  ])('reads %s of ten bytes [ST-05]', (field, start, end) => {
    expect(parseByteRanges(field, 10)).toEqual([{ start, end }]);
  });

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=10-,-0,11-12'])(
    'finds no bytes for %s of ten [ST-05]',
    (field) => {
      expect(parseByteRanges(field, 10)).toBe('unsatisfiable');
    },
  );

  it('finds no bytes in an empty file [ST-05]', () => {
    expect(parseByteRanges('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseByteRanges('bytes=-5', 0)).toBe('unsatisfiable');
  });

  it.each(['bytes=0-9', 'bytes=0-', 'bytes=-10', 'bytes=-99', 'bytes=0-5,4-9', 'bytes=5-9,0-4'])(
    'treats %s of ten bytes as the whole file [ST-05]',
    (field) => {
      expect(parseByteRanges(field, 10)).toBeUndefined();
    },
  );

  it.each([
    'bytes=',
    'bytes=-',
    'bytes=,',
    'bytes=a-b',
    'bytes=+1-2',
    'bytes=1_0-2',
    'bytes=1-2-3',
    'bytes=1-2 3-4',
    'bytes=1-2;3-4',
    'bytes=0-1,x',
    'bytes=0-1,5-2',
    'bytes=1234567890123456-',
    'lines=0-1',
    '0-1',
    'bytes=5-2',
    'bytes 0-1',
  ])('ignores %s (RFC 9110 §14.2) [ST-05]', (field) => {
    expect(parseByteRanges(field, 10)).toBeUndefined();
  });

  it('keeps the order of several ranges, without those after the end (RFC 9110 §15.3.7.2) [ST-05]', () => {
    expect(parseByteRanges('bytes=-100, 0-99 ,5000-5099,99999-', 10_000)).toEqual([
      { start: 9_900, end: 10_000 },
      { start: 0, end: 100 },
      { start: 5_000, end: 5_100 },
    ]);
  });

  it('merges ranges that overlap, touch, or are closer than a part costs [ST-05]', () => {
    expect(parseByteRanges('bytes=5000-5999,100-199,5500-6499,150-160,200-299,380-389', 10_000)).toEqual([
      { start: 5_000, end: 6_500 },
      { start: 100, end: 390 },
    ]);
    expect(parseByteRanges('bytes=0-0,82-82', 10_000)).toHaveLength(2);
    expect(parseByteRanges('bytes=0-0,81-81', 10_000)).toEqual([{ start: 0, end: 82 }]);
  });

  it('prefers the whole file to several parts that would not be shorter [ST-05]', () => {
    expect(parseByteRanges('bytes=0-399,500-899', 1_000)).toEqual([
      { start: 0, end: 400 },
      { start: 500, end: 900 },
    ]);
    expect(parseByteRanges('bytes=0-449,540-999', 1_000)).toBeUndefined();
  });

  it(`ignores more than ${MAX_RANGES} ranges [ST-05]`, () => {
    const ranges = (count: number) =>
      `bytes=${Array.from({ length: count }, (_, at) => `${at * 1000}-${at * 1000}`).join(',')}`;
    expect(parseByteRanges(ranges(MAX_RANGES), 1e6)).toHaveLength(MAX_RANGES);
    expect(parseByteRanges(ranges(MAX_RANGES + 1), 1e6)).toBeUndefined();
  });

  it.each([',', '0-,', ' ', '-', '0', '1-2 ', '\t '])('takes linear time for many %j [ST-05]', (part) => {
    expect(parseByteRanges(`bytes=${part.repeat(200_000)}`, 10)).toBeUndefined();
    expect(parseByteRanges(`bytes=${part.repeat(200_000)}x`, 10)).toBeUndefined();
  });

  it('returns ranges that are inside the file, apart, and cover what was requested, for random lists [ST-05]', () => {
    let seed = 1;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let round = 0; round < 2_000; round += 1) {
      const size = 1 + random(5_000);
      const asked = Array.from({ length: 1 + random(8) }, () => {
        const start = random(6_000);
        return { start, last: start + random(400) };
      });
      const field = `bytes=${asked.map(({ start, last }) => `${start}-${last}`).join(',')}`;
      const ranges = parseByteRanges(field, size);
      const satisfiable = asked.filter(({ start }) => start < size);
      if (satisfiable.length === 0) expect(ranges).toBe('unsatisfiable');
      if (typeof ranges !== 'object') continue;
      const sorted = [...ranges].sort((one, other) => one.start - other.start);
      sorted.forEach(({ start, end }, at) => {
        expect(start < end && end <= size && start > (sorted[at - 1]?.end ?? -1)).toBe(true);
      });
      for (const { start, last } of satisfiable) {
        const end = Math.min(last + 1, size);
        expect(sorted.some((range) => range.start <= start && range.end >= end)).toBe(true);
      }
    }
  });
});
