import { parseQuery } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { scrambled } from '../../test/fixtures/hostile-texts.ts';
import { loginRedirect, safeNext } from './login-redirect.ts';

const ORIGIN = 'https://example.com';

describe('safeNext', () => {
  it.each([
    ['/', '/'],
    ['/a/b?c=d&e=%2F%2Fx#f', '/a/b?c=d&e=%2F%2Fx#f'],
    ['/a//b', '/a//b'],
    ['/?next=https://evil', '/?next=https://evil'],
    ['/@evil', '/@evil'],
    ['/:80', '/:80'],
    ['/Grüße', '/Gr%C3%BC%C3%9Fe'],
    ['/a/../b', '/b'],
    ['/%5Cevil', '/%5Cevil'],
    ['https://example.com', '/'],
    ['https://EXAMPLE.com:443/a?b#c', '/a?b#c'],
    ['https://example.com?a', '/?a'],
  ])('keeps %s [US-01]', (url, expected) => {
    expect(safeNext(url, ORIGIN)).toBe(expected);
  });

  it.each([
    '//evil',
    '///evil',
    '/\\evil',
    '\\\\evil',
    '\\/evil',
    '/\t/evil',
    '\t//evil',
    '/\n/evil',
    '/\r\nLocation: x',
    ' //evil',
    '/ /evil',
    '/\0',
    '/\x7f',
    '/\x85/evil',
    '/.//evil',
    '/./%2e//evil',
    '/a/..//evil',
    '/%2e%2E//evil',
    'https:///evil',
    'https:evil',
    'https:/evil',
    'https:example.com/a',
    'https://evil',
    'http://example.com/',
    'https://example.com:444/',
    'https://example.com.evil/',
    'https://example.com@evil/',
    'https://user@example.com/',
    'https://example.com\\.evil/',
    'https://example.com//evil',
    'https://example.com/.//evil',
    'https://sub.example.com/',
    'javascript:alert(1)',
    'data:text/html,x',
    'ftp://example.com/',
    'a',
    '?a',
    '#a',
    '../a',
    '',
    '/\ud800',
    `/${'x'.repeat(4_096)}`,
  ])('refuses %j [US-01, ATT-46]', (url) => {
    expect(safeNext(url, ORIGIN)).toBeUndefined();
  });

  it.each([undefined, null, 1, {}, ['/a']])('refuses %j, which is no text [ATT-46]', (url) => {
    expect(safeNext(url as string, ORIGIN)).toBeUndefined();
  });

  it('accepts only paths if there is no origin, or none that is valid', () => {
    for (const origin of [undefined, '', 'null', 'example.com', 'https://a b']) {
      expect(safeNext('/a', origin)).toBe('/a');
      expect(safeNext('https://example.com/a', origin)).toBeUndefined();
    }
  });

  it('leads to no other host, whatever it is given [ATT-46]', () => {
    const pieces = 'https|:|/|/|example.com|:|\\|evil|.|..|%2e|@|?|#|\t| |[::1]|//';
    for (const url of scrambled(pieces.replaceAll('|', '||'), 20_000, 46)) {
      for (const text of [url.replaceAll('|', ''), `/${url.replaceAll('|', '')}`, `${ORIGIN}${url}`]) {
        const next = safeNext(text, ORIGIN);
        if (next === undefined) continue;
        const { origin, href } = new URL(next, `${ORIGIN}/login`);
        if (origin !== ORIGIN || href !== ORIGIN + next) expect.fail(JSON.stringify(text));
      }
    }
  });
});

describe('loginRedirect', () => {
  it('adds the path of the request as next [US-01]', () => {
    expect(loginRedirect('/login', 'https://example.com/private?id=1&x=ü')).toBe(
      '/login?next=%2Fprivate%3Fid%3D1%26x%3D%25C3%25BC',
    );
    expect(loginRedirect('login', 'http://example.com')).toBe('login?next=%2F');
  });

  it('adds the whole URL if the login page is on a host of its own [US-01]', () => {
    const next = 'next=https%3A%2F%2Fexample.com%2Fa';
    for (const url of ['https://sso.example/login', '//sso.example/login']) {
      expect(loginRedirect(url, 'https://example.com/a')).toBe(`${url}?${next}`);
    }
  });

  it('leaves a login URL with a query as it is, and a fragment at the end [US-01]', () => {
    expect(loginRedirect('/login?a=b', 'https://example.com/a')).toBe('/login?a=b');
    expect(loginRedirect('/login?', 'https://example.com/a')).toBe('/login?');
    expect(loginRedirect('/login#top?x', 'https://example.com/a')).toBe('/login?next=%2Fa#top?x');
  });

  it('adds nothing that safeNext would refuse [US-01, ATT-46]', () => {
    expect(loginRedirect('/login', 'https://example.com//evil')).toBe('/login');
    expect(loginRedirect('/login', `https://example.com/${'x'.repeat(4_096)}`)).toBe('/login');
    expect(loginRedirect('/login', 'https://example.com/a?b=\\')).toBe('/login?next=%2Fa%3Fb%3D%255C');
  });

  it('makes a next that leads back [US-01]', () => {
    const url = 'https://example.com/a%20b?c=%26&d=%5C';
    for (const login of ['/login', 'https://sso.example/']) {
      const location = loginRedirect(login, url);
      const next = parseQuery(location.slice(location.indexOf('?') + 1)).get('next')?.[0];
      expect(safeNext(next, ORIGIN)).toBe('/a%20b?c=%26&d=%5C');
    }
  });

  it.each([
    ['', 'https://example.com/'],
    [undefined, 'https://example.com/'],
    ['/login', undefined],
  ])('refuses %j and %j', (login, url) => {
    expect(() => loginRedirect(login as string, url as string)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});
