import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { formatHttpDate, HttpDateCache, parseHttpDate } from './http-date.ts';

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

const NOW = Date.UTC(2026, 5, 15);
const TIME = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('parseHttpDate', () => {
  it.each(['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    'reads the form of %s (RFC 9110 §5.6.7) [HU-13]',
    (text) => {
      expect(parseHttpDate(text, NOW)).toBe(TIME);
    },
  );

  it('reads what formatHttpDate writes, whatever the year [HU-13]', () => {
    const random = seededRandom(13);
    for (let round = 0; round < 2_000; round += 1) {
      const time = (random(2 ** 32) * 73 - 2 ** 32 * 14) * 1000;
      expect(parseHttpDate(formatHttpDate(time), NOW)).toBe(time);
    }
    for (const time of [-62_167_219_200_000, -62_135_596_800_000, 0, 253_402_300_799_000]) {
      expect(parseHttpDate(formatHttpDate(time), NOW)).toBe(time);
    }
  });

  it.each([
    ['Monday, 15-Jun-76 00:00:00 GMT', Date.UTC(2076, 5, 15)],
    ['Monday, 15-Jun-76 00:00:01 GMT', Date.UTC(1976, 5, 15, 0, 0, 1)],
    ['Monday, 01-Jan-77 00:00:00 GMT', Date.UTC(1977, 0, 1)],
    ['Monday, 31-Dec-99 23:59:59 GMT', Date.UTC(1999, 11, 31, 23, 59, 59)],
    ['Monday, 01-Jan-00 00:00:00 GMT', Date.UTC(2000, 0, 1)],
  ])('takes two digits for the latest year up to fifty years ahead: %s', (text, time) => {
    expect(parseHttpDate(text, NOW)).toBe(time);
  });

  it('takes two digits for the next century where that is near', () => {
    const now = Date.UTC(2099, 0, 1);
    expect(parseHttpDate('Monday, 01-Feb-01 00:00:00 GMT', now)).toBe(Date.UTC(2101, 1, 1));
    expect(parseHttpDate('Monday, 01-Feb-60 00:00:00 GMT', now)).toBe(Date.UTC(2060, 1, 1));
  });

  it('knows leap years and leap seconds', () => {
    expect(parseHttpDate('Tue, 29 Feb 2000 00:00:00 GMT', NOW)).toBe(Date.UTC(2000, 1, 29));
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW)).toBe(Date.UTC(2017, 0, 1));
    expect(parseHttpDate('Thu, 29 Feb 1900 00:00:00 GMT', NOW)).toBeUndefined();
    expect(parseHttpDate('Sat, 31 Dec 2016 22:59:60 GMT', NOW)).toBeUndefined();
  });

  it.each([
    '',
    'yesterday',
    '784111777',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT\n',
    'Sun,  06 Nov 1994 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sun Nov 06 08:49:37 94',
    'Sun Nov 6 08:49:37 1994',
    'Son, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, ٠٦ Nov 1994 08:49:37 GMT',
  ])('is strict: %j is none', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses %s as the present', (now) => {
    expect(() => parseHttpDate('', now)).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }));
  });
});
