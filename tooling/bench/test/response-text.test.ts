import { describe, expect, it } from 'vitest';
import { missingBytes, variableParts, withoutVariableParts } from '../response-text.mjs';
import { compressed } from './compressed.ts';

const SIZED = compressed();
const CHUNKED = compressed({ isChunked: true });

describe('missingBytes', () => {
  it.each([
    ['a length', SIZED, 1],
    ['chunks', CHUNKED, undefined],
  ])('knows where a response with %s ends', (_name, text, missing) => {
    expect([text, `${text}!`].map(missingBytes)).toEqual([0, -1]);
    for (let end = 0; end < text.length; end += 1) expect(missingBytes(text.slice(0, end))).not.toBe(0);
    expect(missingBytes(text.slice(0, -1))).toBe(missing ?? 1);
  });
});

describe('variableParts', () => {
  it.each([
    ['a length', {}],
    ['chunks', { isChunked: true }],
  ])('are the value of Date, and the time in gzip of %s', (_name, how) => {
    const [before, after] = [compressed(how), compressed({ ...how, mtime: 0x01020304 })];
    expect(variableParts(after).map(({ at, length }) => after.slice(at, at + length))).toEqual([
      'Sun, 22 Nov 2026 17:55:17 GMT',
      '\x04\x03\x02\x01',
    ]);
    expect(before).not.toBe(after);
    expect(withoutVariableParts(before)).toBe(withoutVariableParts(after));
  });

  it('are none without a Date and gzip', () => {
    expect(variableParts('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')).toEqual([]);
  });
});
