import { describe, expect, it } from 'vitest';
import { canonicalOrigin, isOwnOrigin } from './origin.ts';

describe('canonicalOrigin', () => {
  it.each([
    ['http://example.com', 'http://example.com'],
    ['HTTPS://Example.COM:443/', 'https://example.com'],
    ['http://example.com:8080', 'http://example.com:8080'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://[::1]:80', 'http://[::1]'],
  ])('reads %s as %s', (text, expected) => {
    expect(canonicalOrigin(text)).toBe(expected);
  });

  it.each([
    '',
    'null',
    'example.com',
    '//example.com',
    'ftp://example.com',
    'http://',
    'http://a/b',
    'http://a?b',
    'http://a#b',
    'http://u@a',
    'http://a b',
    'http://a\\b',
    'http://a,b',
    'http://a:99999',
    'http://%',
    undefined,
    1,
  ])('does not take %j as an origin', (text) => {
    expect(canonicalOrigin(text as string)).toBeUndefined();
  });
});

describe('isOwnOrigin', () => {
  it('compares with the given origins, or else with the host of the request', () => {
    expect(isOwnOrigin('https://a.example', ['https://a.example'], 'b.example')).toBe(true);
    expect(isOwnOrigin('https://b.example', ['https://a.example'], 'b.example')).toBe(false);
    expect(isOwnOrigin('https://b.example', undefined, 'B.example:443')).toBe(true);
    expect(isOwnOrigin('http://b.example', undefined, 'b.example:443')).toBe(false);
    expect(isOwnOrigin('null', undefined, 'null')).toBe(false);
  });
});
