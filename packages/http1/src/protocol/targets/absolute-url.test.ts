import { describe, expect, it } from 'vitest';
import { parseAbsoluteUrl } from './absolute-url.ts';

const PORTS = { http: 80, https: 443 };
const parse = (text: string) => parseAbsoluteUrl(text, PORTS);

function refusal(text: string): { code: string; message: string } {
  try {
    parse(text);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error(`${text} was accepted`);
}

describe('parseAbsoluteUrl', () => {
  it.each([
    // url, scheme, host, port, authority, target
    ['http://a', 'http', 'a', 80, 'a', '/'],
    ['HTTP://A.Example/B?c=D', 'http', 'a.example', 80, 'a.example', '/B?c=D'],
    ['https://a/', 'https', 'a', 443, 'a', '/'],
    ['http://a:8080/x', 'http', 'a', 8080, 'a:8080', '/x'],
    ['http://a:/', 'http', 'a', 80, 'a', '/'],
    ['https://a:443/', 'https', 'a', 443, 'a', '/'],
    ['http://a/b?', 'http', 'a', 80, 'a', '/b?'],
    ['http://a?#f', 'http', 'a', 80, 'a', '/?'],
    ['http://a?x', 'http', 'a', 80, 'a', '/?x'],
    ['http://a/?u=http://b/@c', 'http', 'a', 80, 'a', '/?u=http://b/@c'],
    ['http://a.b.:81/', 'http', 'a.b.', 81, 'a.b.:81', '/'],
    ['http://a_b/', 'http', 'a_b', 80, 'a_b', '/'],
    ['http://127.0.0.1:1/', 'http', '127.0.0.1', 1, '127.0.0.1:1', '/'],
    ['http://[::1]/', 'http', '::1', 80, '[::1]', '/'],
    ['http://[FE80:0::1]:81/', 'http', 'fe80::1', 81, '[fe80::1]:81', '/'],
    [
      'http://b\u00fccher.example/\u00fc',
      'http',
      'xn--bcher-kva.example',
      80,
      'xn--bcher-kva.example',
      '/%C3%BC',
    ],
  ])('takes %j apart', (text, scheme, host, port, authority, target) => {
    expect(parse(text)).toMatchObject({ scheme, host, port, authority, target });
  });

  it('keeps user information and fragment out of everything else', () => {
    expect(parse('http://me:s%40y@a/b?c#d')).toEqual({
      scheme: 'http',
      host: 'a',
      port: 80,
      authority: 'a',
      target: '/b?c',
      userInformation: { username: 'me', password: 's@y' },
      hasFragment: true,
      href: 'http://a/b?c',
    });
    expect(parse('http://me@a/').userInformation).toEqual({ username: 'me', password: '' });
    expect(parse('http://@a/').userInformation).toEqual({ username: '', password: '' });
    expect(parse('http://a/@b')).toMatchObject({ userInformation: undefined, hasFragment: false });
  });

  it.each([
    // Without a host: browsers fetch the first seven from "host".
    'http:///host/',
    'http:////host/',
    'http:host',
    'http:/host',
    'http:\\\\host',
    'http:/\\host',
    '\thttp://host/',
    'http://',
    'http:',
    'http:///',
    'http://:80/',
    'http://?x',
    'http://#x',
    'http://user@',
    'http://user@/',
    'http://user@:80/',
    // Not absolute.
    '',
    'host',
    '/path',
    '//host/path',
    'undefined',
    '[object Object]',
    '1http://host/',
    // Repaired in silence, or read in another way.
    ' http://host/',
    'http://host/\n',
    'ht\ntp://host/',
    'http://ho\tst/',
    'http://ho st/',
    'http://host/a b',
    'http://host/\u0000',
    'http://host/\u007f',
    'http://host/\u0085',
    'http://host/\ud800',
    'http://good\\@evil/',
    'http://good@evil@host/',
    'http://user:%ff@host/',
    'http://%68ost/',
    'http://host%2fevil/',
    'http://127.1/',
    'http://0x7f000001/',
    'http://2130706433/',
    'http://0177.0.0.1/',
    'http://\uff11\uff12\uff17.0.0.1/',
    'http://\uff48\uff4f\uff53\uff54/',
    'http://ho\u00adst/',
    // Not a host, or not a port.
    'http://[::1/',
    'http://[::1%25eth0]/',
    'http://[::1%eth0]/',
    'http://[v1.x]/',
    'http://[]/',
    'http://::1/',
    'http://a:0/',
    'http://a:65536/',
    'http://a:-1/',
    'http://a:8o/',
    'http://a<b/',
    'http://1.2.3.4.5/',
    'http://256.0.0.1/',
  ])('refuses %j [ATT-38]', (text) => {
    expect(refusal(text).code).toMatch(/^ERR_HTTP1_URL(_SCHEME)?$/);
  });

  it.each([
    'file:///etc/passwd',
    'ftp://a/',
    'data:,x',
    'ws://a/',
    'javascript:1',
    'httpx://a/',
    'constructor://a/',
  ])('refuses the scheme of %s [ATT-62]', (text) => {
    expect(refusal(text).code).toBe('ERR_HTTP1_URL_SCHEME');
  });

  it('names what was expected, what came and what to write instead', () => {
    expect(refusal('http:///host/').message).toBe(
      'an absolute URL such as http://host/path was expected, not "http:///host/": ' +
        'there is no host after "//"',
    );
    expect(refusal('http://0x7f.1/').message).toMatch(
      /its host would be read as "127\.0\.0\.1": write that instead$/,
    );
    expect(refusal('ftp://a/').message).toBe(
      'a URL with http: or https: was expected, not "ftp:" in "ftp://a/"',
    );
  });

  it('clips and escapes the URL in a message', () => {
    expect(refusal('http://a/\u001b[2J\n').message).toContain('"http://a/\\x1b[2J\\x0a"');
    expect(refusal(`http:///${'x'.repeat(100_000)}`).message.length).toBeLessThan(250);
  });

  it.each([
    'http://me:secret@a/\n',
    'http:///me:secret@a/',
    'http:me:secret@a/',
    'me:secret@a/',
    'ftp://me:secret@a/',
    'http://me:sec/ret@a:b/',
    'http://me:se@cret@a/',
    `http://me:secret${'x'.repeat(200)}@a/ `,
  ])('never shows the password of %s', (text) => {
    expect(refusal(text).message).not.toMatch(/secret|sec\/ret|se@cret/);
  });
});
