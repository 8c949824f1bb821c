import { describe, expect, it } from 'vitest';
import { randomText, seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { parseCookies } from './cookies.ts';
import { HTTPHeaders } from './http-headers.ts';
import { cookieNameRules, formatSetCookie, type SetCookieOptions } from './set-cookie.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);

/** What the call throws: its code and message. */
function refusal(name: unknown, value: unknown, options?: unknown, nowMs?: number): string {
  try {
    formatSetCookie(name as string, value as string, options as SetCookieOptions, nowMs);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code} ${message}`;
  }
  return 'nothing';
}

/** The pair that a browser stores: it splits at the first semicolon and equals sign, and keeps quotes and backslashes. */
function storedByBrowser(line: string): string {
  return line.slice(0, line.indexOf(';'));
}

describe('formatSetCookie', () => {
  it('sets path and SameSite unless told otherwise [CK-01]', () => {
    expect(formatSetCookie('a', '1')).toBe('a=1; Path=/; SameSite=Lax');
  });

  it('writes each attribute, and none that is false [CK-01]', () => {
    const all: SetCookieOptions = {
      domain: 'example.com',
      path: '/shop',
      expires: new Date(NOW),
      maxAge: 60,
      secure: true,
      httpOnly: true,
      sameSite: 'none',
      partitioned: true,
    };
    expect(formatSetCookie('a', '1', all)).toBe(
      'a=1; Domain=example.com; Path=/shop; Expires=Sat, 31 Jan 2026 12:00:00 GMT; Max-Age=60; ' +
        'Secure; HttpOnly; SameSite=None; Partitioned',
    );
    const none = { secure: false, httpOnly: false, partitioned: false, sameSite: 'strict' } as const;
    expect(formatSetCookie('a', '', none)).toBe('a=; Path=/; SameSite=Strict');
  });

  it('counts expiresDays from the time that it is given, and prefers expires [CK-01]', () => {
    const expiryOf = (options: SetCookieOptions): string | undefined =>
      /Expires=([^;]*)/.exec(formatSetCookie('a', '1', options, NOW))?.[1];
    expect(expiryOf({ expiresDays: 30 })).toBe('Mon, 02 Mar 2026 12:00:00 GMT');
    expect(expiryOf({ expiresDays: 0.5 })).toBe('Sun, 01 Feb 2026 00:00:00 GMT');
    expect(expiryOf({ expiresDays: -365 })).toBe('Fri, 31 Jan 2025 12:00:00 GMT');
    expect(expiryOf({ expiresDays: 30, expires: new Date(0) })).toBe('Thu, 01 Jan 1970 00:00:00 GMT');
    expect(refusal('a', '1', { expiresDays: 1 })).toMatch(/^ERR_HTTP1_USAGE .*nowMs/);
  });

  it('quotes what would end the value, so that a browser keeps it and parseCookies reads it [CK-01, ATT-53]', () => {
    const line = formatSetCookie('a', 'x;y,"z"\\');
    expect(line).toBe(String.raw`a="x\073y\054\042z\042\134"; Path=/; SameSite=Lax`);
    expect(parseCookies(storedByBrowser(line)).get('a')).toBe('x;y,"z"\\');
  });

  it('gives back every value through browser and parseCookies [CK-01, ATT-53]', () => {
    const random = seededRandom(14);
    const visible = Array.from({ length: 94 }, (_, at) => String.fromCharCode(0x21 + at));
    for (let round = 0; round < 3_000; round += 1) {
      const value = randomText(random, round % 2 === 0 ? visible : ['"', '\\', ';', '0', '7', 'a=1'], 12);
      const line = formatSetCookie('a', value);
      const read = parseCookies(`${storedByBrowser(line)}; b=2`);
      const isSame = read.size === 2 && read.get('a') === value && read.get('b') === '2';
      if (!isSame || new HTTPHeaders().add('Set-Cookie', line).get('set-cookie') !== line) expect.fail(line);
    }
  });

  it('refuses every control character, space and non-ASCII character in the value [CK-01]', () => {
    for (const unit of [...Array(0x21).keys(), 0x7f, 0x80, 0xa0, 0xff, 0x100, 0xd800, 0xff1b]) {
      const text = refusal('a', `x${String.fromCharCode(unit)}y`);
      expect(text, unit.toString(16)).toMatch(
        /^ERR_HTTP1_USAGE formatSetCookie: value of "a" .*encodeURIComponent/,
      );
    }
  });

  it('does not show the value in a message', () => {
    expect(refusal('a', 'hunter2 ')).not.toContain('hunter2');
    expect(refusal('a', 'hunter2'.repeat(600))).not.toContain('hunter2');
  });

  it.each([
    '',
    ' ',
    'a b',
    'a=b',
    'a;b',
    'a,b',
    '"a"',
    'ä',
    'a\r\nb',
    'a\x7f',
    'a:b',
    'a/b',
    undefined,
    null,
    1,
  ])('refuses the name %j [CK-01]', (name) => {
    expect(refusal(name, '1')).toMatch(/^ERR_HTTP1_USAGE formatSetCookie: a name of /);
  });

  it('refuses controls, spaces, DEL and semicolons in domain, path and sameSite [CK-01, ATT-37]', () => {
    for (const part of [
      '; HttpOnly=no',
      '\r\nSet-Cookie: b=2',
      '\x00',
      '\t',
      ' ',
      ';',
      '\x7f',
      'ä',
      '\ud800',
    ]) {
      expect(refusal('a', '1', { path: `/${part}` })).toMatch(
        /^ERR_HTTP1_USAGE formatSetCookie: path: a slash/,
      );
      expect(refusal('a', '1', { domain: `a.example${part}` })).toMatch(
        /^ERR_HTTP1_USAGE .*: domain: a host/,
      );
      expect(refusal('a', '1', { sameSite: `lax${part}` })).toMatch(
        /^ERR_HTTP1_USAGE .*: sameSite: 'strict' or/,
      );
    }
  });

  it.each<[string, object]>([
    ['path', { path: '' }],
    ['path', { path: 'a' }],
    ['path', { path: 1 }],
    ['domain', { domain: '' }],
    ['domain', { domain: '.' }],
    ['domain', { domain: 'a..b' }],
    ['domain', { domain: 'a.b.' }],
    ['domain', { domain: 'https://a.b' }],
    ['domain', { domain: 'a.b:80' }],
    ['domain', { domain: '[::1]' }],
    ['domain', { domain: null }],
    ['sameSite', { sameSite: 'Lax' }],
    ['sameSite', { sameSite: '__proto__' }],
    ['sameSite', { sameSite: 'constructor' }],
    ['httpOnly', { httpOnly: 1 }],
    ['secure', { secure: 'yes' }],
    ['partitioned', { partitioned: null }],
    ['maxAge', { maxAge: -1 }],
    ['maxAge', { maxAge: 1.5 }],
    ['maxAge', { maxAge: '60' }],
    ['maxAge', { maxAge: Number.POSITIVE_INFINITY }],
    ['expires', { expires: new Date(Number.NaN) }],
    ['expires', { expires: 0 }],
    ['expires', { expires: new Date(Date.UTC(1600, 11, 31)) }],
    ['expires', { expires: new Date(Date.UTC(10_000, 0, 1)) }],
    ['expiresDays', { expiresDays: Number.NaN }],
    ['expiresDays', { expiresDays: Number.POSITIVE_INFINITY }],
    ['expiresDays', { expiresDays: 1e12 }],
    ['expiresDays', { expiresDays: '30' }],
    ['max_age', { max_age: 1 }],
    ['httponly', { httponly: true }],
  ])('refuses an invalid %s by name: %o [CK-01]', (name, options) => {
    const text = refusal('a', '1', options, NOW);
    expect(text).toMatch(/^ERR_HTTP1_USAGE formatSetCookie: /);
    expect(text).toContain(name);
  });

  it.each([null, [], 'secure', 1])('refuses %j in place of options', (options) => {
    expect(refusal('a', '1', options)).toMatch(/^ERR_HTTP1_USAGE formatSetCookie: an object of options/);
  });

  it('refuses options that browsers accept only with Secure [CK-01]', () => {
    expect(refusal('a', '1', { sameSite: 'none' })).toContain("sameSite 'none' requires secure: true");
    expect(refusal('a', '1', { partitioned: true })).toContain('partitioned requires secure: true');
  });

  it.each<[string, object, string]>([
    ['__Secure-a', {}, 'secure: true'],
    ['__Host-a', {}, 'secure: true'],
    ['__HOST-a', { secure: true, path: '/x' }, "path: '/'"],
    ['__Host-a', { secure: true, domain: 'a.b' }, 'no domain'],
    ['__Host-a', { path: '/x', domain: 'a.b' }, "secure: true and path: '/' and no domain"],
    ['__Http-a', { secure: true }, 'httpOnly: true'],
    ['__Host-Http-a', { secure: true }, 'httpOnly: true'],
  ])('says what the prefix of %s requires beside %o', (name, options, remedy) => {
    expect(refusal(name, '1', options)).toContain(` requires ${remedy}; `);
  });

  it('accepts a name with a prefix whose rules are met', () => {
    const options = { secure: true, httpOnly: true };
    for (const name of ['__Host-a', '__Secure-a', '__Http-a', '__Host-Http-a', '__Other-a', '_Host-a']) {
      expect(formatSetCookie(name, '1', options)).toBe(`${name}=1; Path=/; Secure; HttpOnly; SameSite=Lax`);
    }
    expect(formatSetCookie('__Secure-a', '1', { secure: true, domain: 'a.b', path: '/x' })).toContain('a.b');
  });

  it('refuses what browsers ignore because of its size, counted as sent', () => {
    expect(formatSetCookie('ab', 'x'.repeat(4_094))).toHaveLength(4_097 + '; Path=/; SameSite=Lax'.length);
    expect(refusal('ab', 'x'.repeat(4_095))).toContain('at most 4096 bytes together');
    expect(refusal('a', ';'.repeat(1_024))).toContain('got 4099');
    expect(formatSetCookie('a', '1', { path: `/${'x'.repeat(1_023)}` })).toContain('xxx');
    expect(refusal('a', '1', { path: `/${'x'.repeat(1_024)}` })).toContain('path must be at most 1024 bytes');
    expect(refusal('a', '1', { domain: 'x'.repeat(1_025) })).toContain('domain must be at most 1024 bytes');
  });

  it('neither changes nor keeps its options [ATT-54]', () => {
    const options = Object.freeze({ secure: true, expires: new Date(NOW) });
    expect(formatSetCookie('a', '1', options)).toBe(formatSetCookie('a', '1', options));
    expect(formatSetCookie('a', '1')).toBe('a=1; Path=/; SameSite=Lax');
  });

  it('takes names of Object.prototype as plain data [ATT-74]', () => {
    expect(formatSetCookie('__proto__', '1')).toBe('__proto__=1; Path=/; SameSite=Lax');
    expect(formatSetCookie('constructor', '1')).toBe('constructor=1; Path=/; SameSite=Lax');
  });
});

describe('cookieNameRules', () => {
  it('finds the longest prefix, in any case', () => {
    expect(cookieNameRules('__hOST-hTTP-a').prefix).toBe('__Host-Http-');
    expect(cookieNameRules('__host-a')).toEqual({
      prefix: '__Host-',
      secure: true,
      hostOnly: true,
      httpOnly: false,
    });
    expect(cookieNameRules('sid')).toEqual({
      prefix: undefined,
      secure: false,
      hostOnly: false,
      httpOnly: false,
    });
  });
});
