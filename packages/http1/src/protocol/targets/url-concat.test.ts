import { describe, expect, it } from 'vitest';
import { urlConcat } from './url-concat.ts';

const PAIRS = [
  ['y', 'a b'],
  ['z', '1'],
  ['z', '2'],
] as const;
const ADDED = 'y=a+b&z=1&z=2';

describe('urlConcat', () => {
  it.each([
    ['https://a.example/p', 'https://a.example/p?', ''],
    ['https://a.example', 'https://a.example?', ''],
    ['/p?', '/p?', ''],
    ['/p?x=%2b', '/p?x=%2b&', ''],
    ['/p?x&', '/p?x&', ''],
    ['/p#f?g', '/p?', '#f?g'],
    ['/p?x=1#f', '/p?x=1&', '#f'],
    ['', '?', ''],
  ])('adds to %s, keeping its query and fragment [HU-13]', (url, before, after) => {
    expect(urlConcat(url, PAIRS)).toBe(`${before}${ADDED}${after}`);
  });

  it('takes a map, a record or pairs, and nothing [HU-13]', () => {
    expect(urlConcat('/p', new Map([['a', '1']]))).toBe('/p?a=1');
    expect(urlConcat('/p', { a: [1, 2], b: true })).toBe('/p?a=1&a=2&b=true');
    for (const nothing of [null, undefined, {}, [], new Map<string, string>()]) {
      expect(urlConcat('/p?x#f', nothing)).toBe('/p?x#f');
    }
  });

  it('escapes what would end the query', () => {
    expect(urlConcat('/p', { 'a&b': '#=?' })).toBe('/p?a%26b=%23%3D%3F');
  });
});
