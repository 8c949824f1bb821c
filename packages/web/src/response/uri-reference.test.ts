import { describe, expect, it } from 'vitest';
import { uriReference } from './uri-reference.ts';

/**
 * The grammar of RFC 3986, appendix A, without distinguishing schemes: components, each with its own set of characters.
 */
const PCHAR = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
const URI_REFERENCE = new RegExp(
  `^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://(?:${PCHAR}|\\[[0-9A-Fa-f:.]+\\])*(?=[/?#]|$))?(?:${PCHAR}|/)*` +
    `(?:\\?(?:${PCHAR}|[/?])*)?(?:#(?:${PCHAR}|[/?])*)?$`,
);

describe('uriReference', () => {
  it.each([
    ['/a b?c d#e f', '/a%20b?c%20d#e%20f'],
    [' /x ', '%20/x%20'],
    ['/\t\x01\x1f\x7f\x80', '/%09%01%1F%7F%C2%80'],
    ['/"<>\\^`{|}', '/%22%3C%3E%5C%5E%60%7B%7C%7D'],
    ['/ü€😀', '/%C3%BC%E2%82%AC%F0%9F%98%80'],
    ['/\ud800x', '/%EF%BF%BDx'],
    ['/100%', '/100%25'],
    ['/%zz%4%', '/%25zz%254%25'],
    ['/?a[]=1&b[c]=2', '/?a%5B%5D=1&b%5Bc%5D=2'],
    ['http://[::1]:80/[x]', 'http://[::1]:80/%5Bx%5D'],
    ['http://u:p@[::1]/', 'http://u:p@[::1]/'],
    ['http://[evil]/', 'http://%5Bevil%5D/'],
    ['http://[::1]x/', 'http://%5B::1%5Dx/'],
    ['//[2001:db8::1]?[', '//[2001:db8::1]?%5B'],
    ['/a#b#c#', '/a#b%23c%23'],
    ['http://bücher.example/', 'http://b%C3%BCcher.example/'],
    ['/\\evil.example', '/%5Cevil.example'],
  ])('escapes what %j must not have (RFC 3986) [OUT-06]', (text, reference) => {
    expect(uriReference(text)).toBe(reference);
    expect(reference).toMatch(URI_REFERENCE);
    expect(uriReference(reference)).toBe(reference);
  });

  it.each([
    '',
    '/',
    '../x?y#z',
    '?a=b',
    '#top',
    '//host/path',
    'mailto:a@example.com',
    "https://user:pw@example.com:8443/a;b/c,d/(e)/!$&'*+=?f=/?#/?g",
    '/%20%c3%bc%2F%0D%0A',
  ])('leaves %j as it is', (reference) => {
    expect(uriReference(reference)).toBe(reference);
  });

  it('keeps CR, LF and NUL, with which a header is refused [ATT-35]', () => {
    expect(uriReference('/a b\r\nX: 1\0')).toBe('/a%20b\r\nX:%201\0');
  });

  it('takes linear time for many characters that must be escaped', () => {
    for (const part of [' ', '%', '[', '#', 'ü', '# [', '://']) {
      expect(uriReference(part.repeat(100_000)).length).toBeGreaterThanOrEqual(100_000);
    }
  });
});
