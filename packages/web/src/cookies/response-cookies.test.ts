import { inspect } from 'node:util';
import { HTTPHeaders, type SetCookieOptions } from '@landspout/http1';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { CookieSecret } from './cookie-secret.ts';
import { decodeEncryptedValue } from './encrypted-value.ts';
import { type ClearCookieOptions, ResponseCookies, type SecretCookieOptions } from './response-cookies.ts';
import { decodeSignedValue } from './signed-value.ts';

const SECRET = new CookieSecret('0123456789abcdef0123456789abcdef');

/** The `Set-Cookie` headers that the response gets. */
function sent(cookies: ResponseCookies): string[] {
  const headers = new HTTPHeaders();
  cookies.applyTo(headers);
  return headers.getAll().map(([name, value]) => {
    expect(name).toBe('Set-Cookie');
    return value;
  });
}

/** The one header after `set`. */
function lineOf(set: (cookies: ResponseCookies) => void, isHttps = false): string {
  const cookies = new ResponseCookies(isHttps);
  set(cookies);
  const lines = sent(cookies);
  expect(lines).toHaveLength(1);
  return lines[0] as string;
}

describe('ResponseCookies.set', () => {
  it('sets Path=/ and SameSite=Lax, and Secure over https, unless told otherwise [CK-01]', () => {
    expect(lineOf((cookies) => cookies.set('a', '1'))).toBe('a=1; Path=/; SameSite=Lax');
    expect(lineOf((cookies) => cookies.set('a', '1'), true)).toBe('a=1; Path=/; Secure; SameSite=Lax');
    const options = { secure: false, sameSite: 'strict', path: '/x' } as const;
    expect(lineOf((cookies) => cookies.set('a', '1', options), true)).toBe('a=1; Path=/x; SameSite=Strict');
  });

  it('sets what a prefix, SameSite=None and Partitioned require [CK-01]', () => {
    expect(lineOf((cookies) => cookies.set('__Host-a', '1'))).toBe(
      '__Host-a=1; Path=/; Secure; SameSite=Lax',
    );
    expect(lineOf((cookies) => cookies.set('__Http-a', '1'))).toContain('; Secure; HttpOnly; ');
    expect(lineOf((cookies) => cookies.set('a', '1', { sameSite: 'none' }))).toContain(
      '; Secure; SameSite=None',
    );
    expect(lineOf((cookies) => cookies.set('a', '1', { partitioned: true }))).toContain('; Secure; ');
    expect(() => new ResponseCookies(true).set('__Host-a', '1', { secure: false })).toThrow(
      /requires secure: true/,
    );
  });

  it('sends the last cookie of a name, domain and path [CK-01]', () => {
    const cookies = new ResponseCookies(false);
    cookies.set('a', '1', { httpOnly: true });
    cookies.set('b', '2');
    cookies.set('a', '3', { path: '/x' });
    cookies.set('a', '4', { domain: 'example.com' });
    cookies.set('a', '5');
    cookies.set('a', '6', { domain: '.EXAMPLE.com' });
    expect(sent(cookies)).toEqual([
      'a=5; Path=/; SameSite=Lax',
      'b=2; Path=/; SameSite=Lax',
      'a=3; Path=/x; SameSite=Lax',
      'a=6; Domain=.EXAMPLE.com; Path=/; SameSite=Lax',
    ]);
    expect(cookies.size).toBe(4);
  });

  it('keeps cookies through several responses heads, since an error page has headers of its own [CK-01]', () => {
    const cookies = new ResponseCookies(false);
    cookies.set('a', '1');
    expect(sent(cookies)).toEqual(sent(cookies));
  });

  it('counts expiresDays from the time of its clock [CK-01]', () => {
    const clock = new VirtualClock();
    const cookies = new ResponseCookies(false, clock);
    cookies.set('a', '1', { expiresDays: 1 });
    expect(sent(cookies)[0]).toContain(
      `; Expires=${new Date(clock.wallTime() + 86_400_000).toUTCString()}; `,
    );
  });

  it.each<[string, unknown[]]>([
    ['a name that is none', ['a b', '1']],
    ['no name', [undefined, '1']],
    ['a value that is none', ['a', 1]],
    ['a path that sets another attribute', ['a', '1', { path: '/; HttpOnly=no' }]],
    ['a domain that is none', ['a', '1', { domain: 1 }]],
    ['an unknown option', ['a', '1', { expires_days: 1 }]],
    ['options that are none', ['a', '1', null]],
  ])('refuses %s, and changes nothing [CK-01, ATT-37]', (_what, args) => {
    const cookies = new ResponseCookies(false);
    cookies.set('a', '0');
    expect(() => cookies.set(...(args as [string, string]))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(?:WEB|HTTP1)_USAGE$/) }),
    );
    expect(sent(cookies)).toEqual(['a=0; Path=/; SameSite=Lax']);
  });

  it('sets at most 300 cookies', () => {
    const cookies = new ResponseCookies(false);
    for (let at = 0; at < 300; at += 1) cookies.set(`c${at}`, '1');
    cookies.set('c7', '2');
    expect(() => cookies.set('c300', '1')).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
    expect(cookies.size).toBe(300);
  });

  it('takes names of Object.prototype as plain data [ATT-74]', () => {
    const cookies = new ResponseCookies(false);
    for (const name of ['__proto__', 'constructor', 'toString']) cookies.set(name, '1');
    expect(sent(cookies)).toHaveLength(3);
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });
});

describe('ResponseCookies.clear', () => {
  it('sets an empty value that expired a year ago, with the same attributes [CK-02]', () => {
    const clock = new VirtualClock();
    const cookies = new ResponseCookies(true, clock);
    cookies.set('a', '1');
    cookies.clear('a');
    cookies.clear('b', { domain: 'example.com', path: '/x', httpOnly: true, sameSite: 'strict' });
    const expires = new Date(clock.wallTime() - 365 * 86_400_000).toUTCString();
    expect(sent(cookies)).toEqual([
      `a=; Path=/; Expires=${expires}; Secure; SameSite=Lax`,
      `b=; Domain=example.com; Path=/x; Expires=${expires}; Secure; HttpOnly; SameSite=Strict`,
    ]);
  });

  it.each(['expires', 'expiresDays', 'maxAge', 'max_age'])('refuses %s [CK-02]', (option) => {
    const options = { [option]: 1 } as ClearCookieOptions;
    expect(() => new ResponseCookies(false).clear('a', options)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringContaining(`"${option}"`) }),
    );
  });
});

describe('ResponseCookies.setSigned and setEncrypted', () => {
  it('set HttpOnly cookies for 30 days, which can be read again [CK-03, CK-05]', () => {
    const signed = lineOf((cookies) => cookies.setSigned(SECRET, 'user', 'Grüße'), true);
    expect(signed).toMatch(/^user=2\|[^;"]+; Path=\/; Expires=[^;]+; Secure; HttpOnly; SameSite=Lax$/);
    expect(decodeSignedValue(SECRET, 'user', signed.slice(5, signed.indexOf(';')))).toBe('Grüße');
    const encrypted = lineOf((cookies) => cookies.setEncrypted(SECRET, 'user', 'Grüße'));
    expect(encrypted).toMatch(/^user=e1\|[^;"]+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
    expect(decodeEncryptedValue(SECRET, 'user', encrypted.slice(5, encrypted.indexOf(';')))).toBe('Grüße');
  });

  it('take other attributes, and other lifetimes', () => {
    const line = (options: SecretCookieOptions): string =>
      lineOf((cookies) => cookies.setSigned(SECRET, 'a', 'v', options)).replace(/^[^;]*/, 'a');
    expect(line({ session: true })).toBe('a; Path=/; HttpOnly; SameSite=Lax');
    expect(line({ maxAge: 60, httpOnly: false })).toBe('a; Path=/; Max-Age=60; SameSite=Lax');
    expect(line({ expires: new Date(0) })).toContain('; Expires=Thu, 01 Jan 1970');
    expect(() => line({ session: true, maxAge: 60 })).toThrow(/session must not be combined/);
    expect(() => line({ session: 1 } as unknown as SecretCookieOptions)).toThrow(/session: true or false/);
    expect(() => line({ key_version: 1 } as SecretCookieOptions)).toThrow(/"key_version"/);
  });

  it('use the key version that they are told', () => {
    const secrets = new CookieSecret({ 1: 'a'.repeat(32), 2: 'b'.repeat(32) }, { keyVersion: 2 });
    expect(lineOf((cookies) => cookies.setSigned(secrets, 'a', 'v', { keyVersion: 1 }))).toMatch(
      /^a=2\|1:1\|/,
    );
    expect(lineOf((cookies) => cookies.setEncrypted(secrets, 'a', 'v'))).toMatch(/^a=e1\|2\|/);
  });
});

describe('ResponseCookies', () => {
  it('neither changes nor keeps the options of a program [ATT-54, XS-03]', () => {
    const options: SetCookieOptions = Object.freeze({ path: '/x' });
    const clearing: ClearCookieOptions = Object.freeze({ path: '/x' });
    const first = new ResponseCookies(true);
    first.set('a', '1', options);
    first.setSigned(SECRET, 'b', '1', options);
    first.clear('c', clearing);
    const second = new ResponseCookies(false);
    second.set('a', '1', options);
    expect(options).toEqual({ path: '/x' });
    expect(sent(second)).toEqual(['a=1; Path=/x; SameSite=Lax']);
  });

  it('adds nothing if nothing was set', () => {
    const cookies = new ResponseCookies(true);
    expect([cookies.size, sent(cookies)]).toEqual([0, []]);
  });

  it('is shown without the values', () => {
    const cookies = new ResponseCookies(true);
    cookies.set('a', 'hunter2');
    expect(inspect(cookies)).toBe('ResponseCookies { size: 1 }');
  });
});
