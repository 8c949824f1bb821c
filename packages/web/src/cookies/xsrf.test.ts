import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { mutationsOf, scrambled } from '../../test/fixtures/hostile-texts.ts';
import { ourVectors, tornadoVectors } from '../../test/fixtures/tornado-vectors.ts';
import {
  checkXsrf,
  decodeXsrfToken,
  encodeXsrfToken,
  makeXsrfToken,
  requiresXsrfToken,
  type XsrfRequest,
} from './xsrf.ts';

const NOW = 1_300_000_000_500;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const hexOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');

interface Given extends Partial<Omit<XsrfRequest, 'headers'>> {
  readonly headers?: Readonly<Record<string, string>>;
}

/** Which check refuses a POST; `undefined` if it may go on. */
function refusedBy({ headers = {}, ...request }: Given): string | undefined {
  const all = { method: 'POST', host: 'example.com', cookie: undefined, field: undefined, ...request };
  return checkXsrf({ ...all, headers: HTTPHeaders.from(headers) })?.check;
}

describe('makeXsrfToken', () => {
  it('makes 16 random bytes, with the time in seconds [XS-02]', () => {
    const tokens = Array.from({ length: 20 }, () => makeXsrfToken(NOW));
    expect(new Set(tokens.map(({ token }) => hexOf(token))).size).toBe(20);
    expect(tokens[0]).toEqual({ token: expect.objectContaining({ length: 16 }), seconds: 1_300_000_000 });
    expect(() => makeXsrfToken(Number.NaN)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});

describe('encodeXsrfToken', () => {
  it('makes what Tornado makes, byte for byte [XS-02]', () => {
    expect(tornadoVectors.xsrf.made.length).toBeGreaterThan(5);
    for (const { token, mask, seconds, text } of tornadoVectors.xsrf.made) {
      expect(encodeXsrfToken({ token: hex(token), seconds }, hex(mask))).toBe(text);
    }
  });

  it('makes what Tornado reads [XS-02]', () => {
    for (const [at, { token, mask, seconds, text }] of ourVectors.xsrf.entries()) {
      expect(encodeXsrfToken({ token: hex(token), seconds }, hex(mask))).toBe(text);
      expect(tornadoVectors.xsrf.ours[at]).toEqual({ text, token, seconds });
    }
  });

  it('makes another text each time, all of which are valid [XS-02, ATT-52]', () => {
    const token = makeXsrfToken();
    const cookie = encodeXsrfToken(token);
    const fields = Array.from({ length: 100 }, () => encodeXsrfToken(token));
    expect(new Set([cookie, ...fields]).size).toBe(101);
    expect(new Set(fields.map((text) => text.split('|')[2])).size).toBe(100);
    for (const field of fields) expect(refusedBy({ cookie, field })).toBeUndefined();
  });

  it('refuses a mask that is not 4 bytes long', () => {
    expect(() => encodeXsrfToken(makeXsrfToken(), new Uint8Array(3))).toThrow(/mask of 4 bytes/);
  });
});

describe('decodeXsrfToken', () => {
  it('reads what Tornado reads, but for masks that are not 4 bytes long [XS-02]', () => {
    for (const { text, token, seconds } of tornadoVectors.xsrf.decoded) {
      const isOtherMask = /^2\|(?:|.{0,7}|.{9,})\|[^|]*\|[^|]*$/.test(text);
      const expected = token === null || isOtherMask ? undefined : token;
      const read = decodeXsrfToken(text, NOW);
      expect(hexOf(read?.token), text).toBe(expected);
      if (read !== undefined) expect(read.seconds).toBe(seconds ?? 1_300_000_000);
    }
  });

  it('takes unknown versions as absent [XS-02]', () => {
    for (const text of [
      '1|00112233',
      '3|01020304|aabb|1',
      '99|a',
      '2|',
      '2|01020304|aabb',
      '2|01020304||1',
    ]) {
      expect(decodeXsrfToken(text)).toBeUndefined();
    }
  });

  it('reads a short cookie, and one that is not hexadecimal [XS-02]', () => {
    for (const cookie of ['a', 'ab', 'abc', 'not hex', 'größe', '__proto__']) {
      const token = decodeXsrfToken(cookie);
      expect(token).toBeDefined();
      expect(refusedBy({ cookie, field: cookie })).toBeUndefined();
      expect(
        refusedBy({ cookie, field: encodeXsrfToken(token as NonNullable<typeof token>) }),
      ).toBeUndefined();
    }
  });

  it('never throws because of the text, and does not look at long ones', () => {
    const text = encodeXsrfToken(makeXsrfToken(NOW));
    for (const other of [...mutationsOf(text), ...scrambled(text, 10_000, 52)]) decodeXsrfToken(other);
    for (const given of [undefined, null, 1, {}, '', 'a'.repeat(257), `2|01020304|${'00'.repeat(200)}|1`]) {
      expect(decodeXsrfToken(given as string)).toBeUndefined();
    }
  });
});

describe('checkXsrf', () => {
  const token = makeXsrfToken(NOW);
  const cookie = encodeXsrfToken(token);
  const field = encodeXsrfToken(token);

  it('refuses what Tornado refuses, and nothing else [XS-01, XS-02, ATT-51]', () => {
    for (const { cookie: set, submitted, place, status } of tornadoVectors.xsrf.checked) {
      const inField = place === 'field' ? (submitted ?? undefined) : undefined;
      const headers = place === 'field' || submitted === null ? {} : { [place]: submitted };
      const check = refusedBy({ cookie: set ?? undefined, field: inField, headers });
      expect(check === undefined ? null : 403, JSON.stringify({ set, submitted, place })).toBe(status);
    }
  });

  it('takes the token from the field, or else from a header [XS-01]', () => {
    expect(refusedBy({ cookie, field })).toBeUndefined();
    expect(refusedBy({ cookie, headers: { 'X-XSRFToken': field } })).toBeUndefined();
    expect(refusedBy({ cookie, field: '', headers: { 'X-CSRFToken': field } })).toBeUndefined();
    expect(refusedBy({ cookie, headers: { 'X-Xsrftoken': '', 'x-csrftoken': field } })).toBeUndefined();
  });

  it('says which check refuses a request [XS-01]', () => {
    const other = encodeXsrfToken(makeXsrfToken());
    expect(refusedBy({ cookie })).toBe('token-missing');
    expect(refusedBy({ cookie, field: '3|a' })).toBe('token-invalid');
    expect(refusedBy({ field })).toBe('cookie-missing');
    expect(refusedBy({ cookie: '2|x', field })).toBe('cookie-missing');
    expect(refusedBy({ cookie, field: other })).toBe('token-mismatch');
    expect(refusedBy({ cookie, field: field.slice(0, 40) + field.slice(42) })).toBe('token-mismatch');
  });

  it('takes no token that differs from a valid one in its mask or token [XS-01]', () => {
    for (const text of mutationsOf(field)) {
      const isSameToken = hexOf(decodeXsrfToken(text)?.token) === hexOf(token.token);
      expect(refusedBy({ cookie, field: text }) === undefined, text).toBe(isSameToken);
    }
  });

  it('asks no token of GET, HEAD and OPTIONS, and of every other method [XS-01]', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect(requiresXsrfToken(method)).toBe(false);
      expect(
        refusedBy({ method, headers: { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://evil' } }),
      ).toBeUndefined();
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'get', 'PROPFIND', '']) {
      expect(requiresXsrfToken(method)).toBe(true);
      expect(refusedBy({ method })).toBe('token-missing');
    }
  });

  it('does not take X-Requested-With in place of a token [ATT-51]', () => {
    expect(refusedBy({ cookie, headers: { 'X-Requested-With': 'XMLHttpRequest' } })).toBe('token-missing');
    expect(
      refusedBy({ cookie, headers: { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://example.com' } }),
    ).toBe('token-missing');
  });

  it('refuses another site whatever token it sends [XS-01]', () => {
    for (const site of ['cross-site', 'CROSS-SITE', 'same-origin,cross-site', 'other', '']) {
      expect(refusedBy({ cookie, field, headers: { 'Sec-Fetch-Site': site } }), site).toBe('site');
    }
    for (const site of ['same-origin', 'same-site', 'none']) {
      expect(refusedBy({ cookie, field, headers: { 'Sec-Fetch-Site': site } }), site).toBeUndefined();
    }
  });

  it.each([
    'http://evil.example',
    'http://example.com.evil',
    'http://sub.example.com',
    'http://example.com:81',
    'http://xexample.com',
    'http://example.com@evil',
    'file://example.com',
    'null',
    '',
    'example.com',
    'http://example.com, http://evil',
    'http://example.com\\@evil',
    'http://%',
  ])('refuses the origin %j', (origin) => {
    const headers = { Origin: origin };
    expect(refusedBy({ cookie, field, headers })).toBe('origin');
    expect(refusedBy({ cookie, field, headers, publicOrigins: ['http://example.com'] })).toBe('origin');
  });

  it('accepts the host of the request with either scheme, if no origins are given', () => {
    const from = (origin: string, host: string): string | undefined =>
      refusedBy({ cookie, field, host, headers: { Origin: origin } });
    expect(from('http://example.com', 'EXAMPLE.com:80')).toBeUndefined();
    expect(from('https://example.com', 'example.com')).toBeUndefined();
    expect(from('https://example.com:8443', 'example.com:8443')).toBeUndefined();
    expect(from('http://[::1]:8888', '[::1]:8888')).toBeUndefined();
    expect(from('http://example.com', 'example.com:81')).toBe('origin');
    expect(from('http://example.com', 'exa mple.com')).toBe('origin');
  });

  it('accepts only the origins that are given', () => {
    const publicOrigins = ['https://example.com', 'https://www.example.com:8443'];
    const from = (origin: string): string | undefined =>
      refusedBy({ cookie, field, publicOrigins, headers: { Origin: origin } });
    expect(from('https://EXAMPLE.com:443')).toBeUndefined();
    expect(from('https://www.example.com:8443')).toBeUndefined();
    expect(from('http://example.com')).toBe('origin');
    expect(refusedBy({ cookie, field, publicOrigins: [], headers: { Origin: 'http://example.com' } })).toBe(
      'origin',
    );
  });

  it('accepts the origin null of our own page, which a referrer policy causes', () => {
    const headers = { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' };
    expect(refusedBy({ cookie, field, headers })).toBeUndefined();
    expect(refusedBy({ cookie, field, headers: { ...headers, 'Sec-Fetch-Site': 'same-site' } })).toBe(
      'origin',
    );
  });

  it('has a sentence for the log, with the text of the client escaped', () => {
    const headers = HTTPHeaders.from({ Origin: `http://${'e'.repeat(300)}\x9b` });
    const refusal = checkXsrf({ method: 'POST', host: 'a', cookie, field, headers });
    expect(refusal?.message).toMatch(
      /^the request is refused as a possible forgery: a page of the origin "http:\/\/e+"… sent it, /,
    );
    expect(refusal?.message).toMatch(/^[\x20-\x7e…]{1,200}$/);
  });

  it('refuses unknown options', () => {
    const request = {
      method: 'POST',
      host: 'a',
      cookie,
      field,
      headers: new HTTPHeaders(),
      public_origins: [],
    };
    expect(() => checkXsrf(request as XsrfRequest)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});
