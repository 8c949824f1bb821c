import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenges.ts';
import type { Credentials } from './credentials.ts';
import { type DigestBody, DigestSession } from './digest-session.ts';

/** Returns the session of a challenge, whose client nonces are all `cnonce`. */
function sessionOf(
  challenge: string,
  credentials: Credentials,
  { cnonce = 'AAAA', body }: { cnonce?: string; body?: DigestBody } = {},
): DigestSession | undefined {
  const [parsed] = parseChallenges([challenge]);
  return parsed && DigestSession.from(parsed, credentials, body, () => Buffer.from(cnonce, 'base64'));
}

function fieldOf(challenge: string, credentials: Credentials, target: string, cnonce?: string): string {
  const session = sessionOf(challenge, credentials, cnonce === undefined ? {} : { cnonce });
  return session?.authorize('GET', target, undefined).field ?? '';
}

const mufasa = { username: 'Mufasa', password: 'Circle of Life' };
const jason = { username: 'J\u00e4s\u00f8n Doe', password: 'Secret, or not?' };
const doe =
  'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, ' +
  'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", ' +
  'opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8';
const DOE_CNONCE = 'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v';
/** The response of the RFC is not that of SHA-512/256; the one here is from its erratum 4897. */
const DOE_RESPONSE = '3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5';

describe('DigestSession', () => {
  it.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ])('gives the response of RFC 7616 §3.9.1 with %s [CU-02]', (algorithm, response) => {
    const challenge =
      'Digest realm="http-auth@example.org", qop="auth, auth-int", ' +
      `algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
      'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
    const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
    const field = fieldOf(challenge, mufasa, '/dir/index.html', cnonce);
    expect(field).toBe(
      'Digest username="Mufasa", realm="http-auth@example.org", ' +
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", qop=auth, nc=00000001, ' +
        `cnonce="${cnonce}", response="${response}", algorithm=${algorithm}, ` +
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
    );
  });

  it('hides the user name if the server asks for it (RFC 7616 §3.9.2) [CU-02]', () => {
    const field = fieldOf(`${doe}, userhash=true`, jason, '/doe.json', DOE_CNONCE);
    expect(field).toContain('username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"');
    expect(field).toContain('userhash=true');
    expect(field).toContain(`response="${DOE_RESPONSE}"`);
  });

  it('sends a user name that is not ASCII as the server knows it [CU-02]', () => {
    const extended = fieldOf(doe, jason, '/doe.json', DOE_CNONCE);
    expect(extended).toContain("username*=UTF-8''J%C3%A4s%C3%B8n%20Doe,");
    expect(extended).not.toContain('userhash');
    expect(extended).toContain(`response="${DOE_RESPONSE}"`);
    const raw = fieldOf(doe.replace(', charset=UTF-8', ''), jason, '/doe.json', DOE_CNONCE);
    expect(raw).toContain('username="J\xc3\xa4s\xc3\xb8n Doe"');
    expect(raw).toContain(`response="${DOE_RESPONSE}"`);
    const quote = fieldOf(doe, { username: "it's (\u00e9*)", password: '' }, '/');
    expect(quote).toContain("username*=UTF-8''it%27s%20%28%C3%A9%2A%29,");
  });

  it('gives one spelling to an accent that was typed in two ways (RFC 7616 §4)', () => {
    const typed = { username: 'J\u00e4s\u00f8n Doe', password: 'e\u0301' };
    const composed = { ...typed, password: '\u00e9' };
    expect(fieldOf(doe, typed, '/')).toBe(fieldOf(doe, composed, '/'));
  });

  it('gives the response of RFC 2617 §3.5 [CU-02]', () => {
    const challenge =
      'Digest realm="testrealm@host.com", qop="auth,auth-int", ' +
      'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';
    const credentials = { username: 'Mufasa', password: 'Circle Of Life' };
    const field = fieldOf(challenge, credentials, '/dir/index.html', '0a4f113b');
    expect(field).toContain('cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"');
    expect(field).not.toContain('algorithm');
  });

  it('gives the response of RFC 2069 §2.4 to a server without qop [CU-02]', () => {
    const challenge =
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ' +
      'opaque="5ccc069c403ebaf9f0171e9517f40e41"';
    const field = fieldOf(challenge, { username: 'Mufasa', password: 'CircleOfLife' }, '/dir/index.html');
    // That of the RFC is wrong; this one is from its erratum 749.
    expect(field).toContain('uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque=');
    expect(field).not.toMatch(/qop|nc=|cnonce/);
  });

  it('counts how often a nonce is used, from one for each nonce', () => {
    const session = sessionOf('Digest realm=r, nonce=a, qop=auth', mufasa);
    const counts = () =>
      / nonce="\w", .*, nc=(\w+)/.exec(session?.authorize('GET', '/', undefined).field ?? '')?.[1];
    expect([counts(), counts(), counts()]).toEqual(['00000001', '00000002', '00000003']);
    session?.renew('a');
    expect(counts()).toBe('00000004');
    session?.renew('b');
    expect(counts()).toBe('00000001');
  });

  it('makes a client nonce for each request, but for a -sess algorithm one for all', () => {
    const cnonces = (algorithm: string): unknown[] => {
      const [challenge] = parseChallenges([`Digest realm=r, nonce=a, qop=auth, algorithm=${algorithm}`]);
      let count = 0;
      const random = (size: number) => Buffer.alloc(size, ++count);
      const session = challenge && DigestSession.from(challenge, mufasa, undefined, random);
      return [1, 2].map(() => session?.authorize('GET', '/', undefined).cnonce);
    };
    const [first, second] = ['\x01', '\x02'].map((byte) => Buffer.from(byte.repeat(33)).toString('base64'));
    expect(cnonces('SHA-256')).toEqual([first, second]);
    expect(cnonces('SHA-256-sess')).toEqual([first, first]);
  });

  it('protects the body if the server requires it, unless it is streamed', () => {
    const challenge = 'Digest realm=r, nonce=a, qop="auth-int"';
    const response = (body: DigestBody) =>
      /qop=auth-int.* response="(\w+)"/.exec(
        sessionOf(challenge, mufasa, { body })?.authorize('POST', '/', body).field ?? '',
      )?.[1];
    expect(response(Buffer.from('a'))).toMatch(/^[0-9a-f]{32}$/);
    expect(response(Buffer.from('a'))).not.toBe(response(Buffer.from('b')));
    expect(response(undefined)).toBe(response(new Uint8Array(0)));
    expect(sessionOf(challenge, mufasa, { body: 'streamed' })).toBeUndefined();
  });

  it('escapes what it sends back in quotation marks', () => {
    const field = fieldOf(String.raw`Digest realm="a\"b\\c", nonce="n\"", opaque="\""`, mufasa, '/?q="\\');
    expect(field).toContain(String.raw`realm="a\"b\\c", nonce="n\"", uri="/?q=\"\\"`);
    expect(field).toContain(String.raw`opaque="\""`);
  });

  it.each([
    'Basic realm=r, nonce=n',
    'Digest abc',
    'Digest realm=r, qop=auth',
    'Digest nonce=n, qop=auth',
    'Digest realm=r, nonce=n, qop="auth-conf"',
    'Digest realm=r, nonce=n, qop=""',
    'Digest realm=r, nonce=n, qop=auth, algorithm=SHA-1',
    'Digest realm=r, nonce=n, qop=auth, algorithm=__proto__',
    'Digest realm=r, nonce=n, algorithm=MD5-sess',
  ])('does not respond to %j', (challenge) => {
    expect(sessionOf(challenge, mufasa)).toBeUndefined();
  });
});
