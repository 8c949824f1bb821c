import { describe, expect, it } from 'vitest';
import { areAllowedUrls, isAllowedRefresh, isAllowedSrcset, isAllowedUrl, urlVerdict } from './url-check.ts';

const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';
const SVG = 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>';

describe('isAllowedUrl', () => {
  it.each([
    '',
    ' ',
    '/',
    '//example.com/',
    'a',
    'a/b:c',
    '?a=javascript:x',
    '#javascript:x',
    '1a:b',
    '.:x',
    'ä:x',
    '\uff4aavascript:x',
    'http://example.com/',
    'HTTPS://example.com/',
    ' https://example.com/',
    'ht\ntps://example.com/',
    'mailto:a@example.com',
    'tel:+49123',
    PIXEL,
    'data:image/jpeg,x',
    'DATA:IMAGE/GIF;base64,x',
  ])('allows %j', (url) => {
    expect(isAllowedUrl(url, 'not-xml')).toBe(true);
  });

  it.each([
    'javascript:hit()',
    'JavaScript:hit()',
    ' javascript:hit()',
    '\0\x01\x1f javascript:hit()',
    'java\nscript:hit()',
    'j\ta\rv\na\tscript\t:hit()',
    'javascript\n:hit()',
    'vbscript:x',
    'livescript:x',
    'blob:https://example.com/1',
    'filesystem:https://example.com/1',
    'file:///etc/passwd',
    'ftp://example.com/',
    'view-source:https://example.com/',
    'about:blank',
    'httpsx://example.com/',
    'data:text/html,<script>hit()</script>',
    'data:,x',
    'data:',
    'data:;base64,x',
    'data:image/,x',
    'data:image/png',
    'da\nta:text/html,x',
    'data:image/pngtext/html,x'.replace('png', 'png\0'),
    'data:image/x+xml,<script xmlns="http://www.w3.org/1999/xhtml"/>',
    'data:xml/image/png,x',
    `${'a'.repeat(100_000)}:`,
  ])('refuses %j', (url) => {
    expect(isAllowedUrl(url, 'not-xml')).toBe(false);
  });

  it('allows SVG images only where they are not documents', () => {
    expect(isAllowedUrl(SVG, 'not-xml')).toBe(false);
    expect(isAllowedUrl(SVG, 'all')).toBe(true);
    expect(isAllowedUrl(PIXEL, 'none')).toBe(false);
    expect(isAllowedUrl('data:image/SVG+XML;utf8,x', 'not-xml')).toBe(false);
  });
});

describe('urlVerdict', () => {
  it.each([
    ['', 'open'],
    [' ', 'open'],
    ['java', 'open'],
    ['http', 'open'],
    ['data:', 'open'],
    ['data:im', 'open'],
    ['data:image/sv', 'open'],
    ['/', 'allowed'],
    ['a/', 'allowed'],
    ['?', 'allowed'],
    ['#', 'allowed'],
    ['https:', 'allowed'],
    ['mailto:', 'allowed'],
    ['data:image/png;', 'allowed'],
    ['javascript:', 'refused'],
    ['data:text', 'refused'],
    ['data:image/svg+xml,', 'refused'],
  ])('of a URL that starts with %j is %s', (start, verdict) => {
    expect(urlVerdict(start, 'not-xml', false)).toBe(verdict);
  });
});

describe('isAllowedSrcset', () => {
  it.each([
    '',
    ',',
    ' , ',
    'a.png',
    'a.png 1x, b.png 2x',
    'a.png,b.png 2x',
    `${PIXEL} 1x, /b.png 2x`,
    `${SVG.replaceAll(' ', '%20')} 1x`,
    'a.png (x, javascript:x) 1x, b.png',
  ])('allows %j', (srcset) => {
    expect(isAllowedSrcset(srcset, 'all')).toBe(true);
  });

  it.each(['javascript:x', 'a.png 1x, javascript:x 2x', 'a.png, javascript:x', ',,data:text/html,x 1x'])(
    'refuses %j',
    (srcset) => {
      expect(isAllowedSrcset(srcset, 'all')).toBe(false);
    },
  );
});

describe('isAllowedRefresh', () => {
  it.each(['5', '0;url=/a', '0; URL = "https://example.com/"', "1.5, 'a'", '0;/next', '', '0; url'])(
    'allows %j',
    (content) => {
      expect(isAllowedRefresh(content)).toBe(true);
    },
  );

  it.each([
    '0;url=javascript:x',
    '0;URL="javascript:x"',
    "0 ; url = 'data:text/html,x'",
    '0,javascript:x',
    '0 javascript:x',
    ';;javascript:x'.slice(1),
    '0;\turl=\tjava\tscript:x',
  ])('refuses %j', (content) => {
    expect(isAllowedRefresh(content)).toBe(false);
  });
});

describe('areAllowedUrls', () => {
  it('checks each URL of a list', () => {
    expect(areAllowedUrls('/a https://example.com/', /\s+/, 'none')).toBe(true);
    expect(areAllowedUrls('/a javascript:x', /\s+/, 'none')).toBe(false);
  });
});
