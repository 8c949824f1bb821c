import { inspect } from 'node:util';
import { parseAbsoluteUrl } from '@landspout/http1/protocol';
import { describe, expect, it } from 'vitest';
import type { ProxyOption } from '../request/proxy-option.ts';
import { absoluteForm, connectAuthority, connectHeaders } from './proxied-request.ts';
import { ProxySettings } from './proxy-settings.ts';

const settings = (option: ProxyOption) => ProxySettings.from(option);
const refusal = (option: unknown) => {
  try {
    ProxySettings.from(option as ProxyOption);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('ProxySettings', () => {
  it.each<[string, object]>([
    ['http://p', { kind: 'http', host: 'p', port: 80, name: 'p:80' }],
    ['HTTP://P.Example:3128/', { kind: 'http', host: 'p.example', port: 3128 }],
    ['https://p', { kind: 'https', host: 'p', port: 443 }],
    ['socks5://p', { kind: 'socks5', host: 'p', port: 1080 }],
    ['socks5://p:80', { kind: 'socks5', port: 80 }],
    ['socks5://u:1@p:080/', { kind: 'socks5', port: 80 }],
    ['socks5://user:a80@p', { kind: 'socks5', port: 1080 }],
    ['socks5h://[::1]', { kind: 'socks5', host: '::1', port: 1080, name: '[::1]:1080' }],
    ['SOCKS5://P', { kind: 'socks5', host: 'p' }],
    ['p:3128', { kind: 'http', host: 'p', port: 3128 }],
    ['user:secret@p', { kind: 'http', host: 'p', port: 80, hasCredentials: true }],
    ['http://@p', { hasCredentials: false }],
  ])('reads %s [CU-01]', (url, expected) => {
    expect(settings(url)).toMatchObject(expected);
    expect(settings({ url })).toMatchObject(expected);
  });

  it('takes credentials from the URL, decoded, or from the options [CU-01]', () => {
    const expected = { username: 'user@home', password: 'se:cret/' };
    const inUrl = settings(new URL('http://user%40home:se%3Acret%2F@p'));
    expect(inUrl.credentials).toEqual(expected);
    expect(inUrl.authorization).toBe(`Basic ${Buffer.from('user@home:se:cret/').toString('base64')}`);
    const { key, credentials } = settings({ url: 'http://p', ...expected });
    expect({ key, credentials }).toEqual({
      key: inUrl.key,
      credentials: expected,
    });
    expect(settings({ url: 'http://p', username: 'u' }).credentials).toEqual({
      username: 'u',
      password: '',
    });
  });

  it('sends basic credentials at once, but those for digest only after a challenge [CU-01]', () => {
    expect(settings({ url: 'http://u:p@p', auth: 'digest' })).toMatchObject({
      auth: 'digest',
      authorization: undefined,
      credentials: { username: 'u', password: 'p' },
    });
    expect(settings('socks5://u:p@p').authorization).toBeUndefined();
  });

  it('has a key that no other proxy, credentials, headers or TLS options have [CU-08] [ATT-61]', () => {
    const tls = { servername: 'proxy.test' };
    const distinct: ProxyOption[] = [
      'http://p',
      'http://p:8080',
      'https://p',
      'https://p:80',
      'socks5://p:80',
      'http://q',
      'http://u@p',
      'http://u:1@p',
      'http://u:2@p',
      'http://u1:@p',
      { url: 'http://u:1@p', auth: 'digest' },
      { url: 'http://p', headers: { 'X-A': '1' } },
      { url: 'http://p', headers: { 'X-A': '2' } },
      { url: 'https://p', tls },
      { url: 'https://p', tls: { ...tls } },
    ];
    const keys = distinct.map((option) => settings(option).key);
    expect(new Set(keys).size).toBe(distinct.length);
    expect(distinct.map((option) => settings(option).key)).toEqual(keys);
    expect(settings('socks5h://p').key).toBe(settings('socks5://p').key);
  });

  it('does not change, and shows no credentials [CU-08]', () => {
    const headers = { 'X-Token': 'hunter2' };
    const one = settings({
      url: 'http://p:1',
      username: 'user',
      password: 'hunter2',
      headers,
    });
    headers['X-Token'] = 'changed';
    one.headers.set('X-Token', 'changed');
    expect(one.headers.get('X-Token')).toBe('hunter2');
    expect(Object.isFrozen(one) && Object.isFrozen(one.credentials)).toBe(true);
    expect(ProxySettings.from(one)).toBe(one);
    const shown = `${inspect(one, { depth: 9, showHidden: true })}${JSON.stringify(one)}${one.key}`;
    expect(shown).not.toContain('hunter2');
    expect(shown).not.toContain(Buffer.from('user:hunter2').toString('base64'));
    expect(inspect(one)).toContain("host: 'p'");
  });

  it.each<[unknown, RegExp]>([
    [undefined, /an object/],
    [null, /an object/],
    [{}, /url: a URL was expected/],
    [{ url: 7 }, /url: a URL was expected/],
    [{ url: 'http://p', user: 'x' }, /user/],
    ['', /host/],
    ['http://', /host/],
    ['socks4://p', /must be http, https, socks5 or socks5h, got "socks4"/],
    ['http://p:0', /port/],
    ['http://p:99999', /port/],
    ['http://p/path', /must not have a path/],
    ['http://p?q', /must not have a path/],
    ['http://p#f', /must not have a path/],
    ['socks5://hunter2@p p', /socks5:\/\//],
    ['socks5://0x7f.1', /would be read as "127.0.0.1"/],
    ['http://p\r\nX: y', /control character/],
    [{ url: 'http://a:hunter2@p', username: 'u' }, /not in both/],
    [{ url: 'http://p', password: 'hunter2' }, /password needs a username/],
    [{ url: 'http://p', username: 'u', password: 7 }, /password must be a string/],
    [{ url: 'http://p', username: 'a:b' }, /colon/],
    [{ url: 'http://p', username: 'a\n' }, /control characters/],
    [{ url: 'http://u@p', auth: 'ntlm' }, /auth: 'basic' or 'digest'/],
    [{ url: 'http://p', auth: 'digest' }, /auth needs a username/],
    [{ url: 'socks5://u:p@p', auth: 'basic' }, /auth is allowed for/],
    [{ url: 'socks5://p', headers: {} }, /headers are allowed for/],
    [{ url: 'socks5://p', username: '' }, /1 to 255 bytes/],
    [{ url: 'socks5://p', username: 'u', password: 'hunter2'.repeat(40) }, /at most 255 bytes/],
    [{ url: 'http://p', tls: {} }, /tls must be/],
    [{ url: 'https://p', tls: 7 }, /tls must be/],
    [
      { url: 'https://p', tls: { cafile: 'x' } },
      /^proxy: tls: unknown option "cafile": did you mean "caFile"\?$/,
    ],
    [{ url: 'https://p', tls: { ca: 'x' } }, /^proxy: tls: ca has no PEM block/],
    [{ url: 'http://p', headers: { Host: 'x' } }, /must not contain Host/],
    [{ url: 'http://p', headers: { 'X-A': 'hunter2\n' } }, /without control characters/],
    [{ url: 'http://u@p', headers: { 'proxy-authorization': 'x' } }, /Proxy-Authorization/],
  ])('refuses %j [CU-01] [CU-08]', (option, message) => {
    expect(refusal(option)).toMatchObject({
      code: 'ERR_HTTPCLIENT_USAGE',
      message: expect.stringMatching(message),
    });
    expect(String(refusal(option))).not.toContain('hunter2');
  });
});

describe('absoluteForm', () => {
  const url = parseAbsoluteUrl('http://me:hunter2@a.example:8080/path?q#f', {
    http: 80,
  });

  it('has the URL as the target, and only the headers of the proxy [CU-01]', () => {
    const plain = absoluteForm(settings('http://p'), url);
    expect(plain.target).toBe('http://a.example:8080/path?q');
    expect(plain.headers.getAll()).toEqual([]);
    const { headers } = absoluteForm(settings({ url: 'http://u:p@p', headers: { 'X-A': '1' } }), url);
    expect(headers.getAll()).toEqual([
      ['X-A', '1'],
      ['Proxy-Authorization', 'Basic dTpw'],
    ]);
  });

  it('takes the response to a challenge instead [CU-01] [CU-02]', () => {
    const { headers } = absoluteForm(settings({ url: 'http://u:p@p', auth: 'digest' }), url, 'Digest x');
    expect(headers.getAll()).toEqual([['Proxy-Authorization', 'Digest x']]);
  });
});

describe('connectHeaders', () => {
  it('adds Host to the headers of the proxy [CU-01]', () => {
    const authority = connectAuthority('::1', 443);
    expect(authority).toBe('[::1]:443');
    expect(connectAuthority('[::1]', 443)).toBe(authority);
    expect(connectHeaders(settings('http://u:p@p'), authority).getAll()).toEqual([
      ['Proxy-Authorization', 'Basic dTpw'],
      ['Host', '[::1]:443'],
    ]);
  });
});
