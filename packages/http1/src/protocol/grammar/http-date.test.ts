import { describe, expect, it } from 'vitest';
import { formatHttpDate, HttpDateCache } from './http-date.ts';

describe('formatHttpDate', () => {
  it('writes IMF-fixdate (RFC 9110 §5.6.7) [HU-13]', () => {
    expect(formatHttpDate(784_111_777_999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
    expect(formatHttpDate(new Date(784_111_777_999))).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
    expect(formatHttpDate(0)).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
  });

  it.each([Number.NaN, 1e15, -1e15, Number.POSITIVE_INFINITY, new Date(Number.NaN)])('refuses %s', (time) => {
    expect(() => formatHttpDate(time)).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }));
  });
});

describe('HttpDateCache', () => {
  it('changes with the second, also backwards', () => {
    const cache = new HttpDateCache();
    expect([cache.at(1000), cache.at(1999), cache.at(2000), cache.at(0)]).toEqual(
      [1000, 1000, 2000, 0].map(formatHttpDate),
    );
  });
});
