import { describe, expect, it } from 'vitest';
import { expectLinear } from '../../../test/fixtures/expect-linear.ts';
import { randomText, seededRandom } from '../../../test/fixtures/seeded-random.ts';
import { canonicalOrigin, isOwnOrigin, isSameOrigin } from './origin.ts';

describe('canonicalOrigin', () => {
  it.each([
    ['http://example.com', 'http://example.com'],
    ['HTTPS://Example.COM:443/', 'https://example.com'],
    ['http://example.com:', 'http://example.com'],
    ['http://example.com:080', 'http://example.com'],
    ['https://example.com:80', 'https://example.com:80'],
    ['http://example.com:443', 'http://example.com:443'],
    ['http://example.com:8080', 'http://example.com:8080'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://BÜCHER.example:80/', 'https://xn--bcher-kva.example:80'],
    ['http://bücher.example:80', 'http://xn--bcher-kva.example'],
    ['http://127.0.0.1:8888', 'http://127.0.0.1:8888'],
    ['http://[::1]:80', 'http://[::1]'],
    ['http://[2001:DB8:0:0::0001]:8080', 'http://[2001:db8::1]:8080'],
    ['http://[::ffff:192.0.2.1]', 'http://[::ffff:c000:201]'],
    ['http://a_b.example', 'http://a_b.example'],
    // Browsers regard it as another host, and so does this.
    ['https://example.com.', 'https://example.com.'],
  ])('reads %s as %s', (text, expected) => {
    expect(canonicalOrigin(text)).toBe(expected);
  });

  it.each([
    '',
    'null',
    'example.com',
    '//example.com',
    'ftp://example.com',
    'ws://example.com',
    'file://',
    'blob:http://a',
    'http:a',
    'http:/a',
    'http:///a',
    'http://',
    'http:///',
    'http://:80',
    'http://a//',
    'http://a/b',
    'http://a?b',
    'http://a#b',
    'http://u@a',
    'http://u:p@a',
    'http://a b',
    'http://a\n',
    'http://a\t.example',
    'http://a\\b',
    'http://a,b',
    'http://a:99999',
    'http://a:0',
    'http://a:b',
    'http://::1',
    'http://[::1',
    'http://[fe80::1%25eth0]',
    'http://%',
    // Percent escapes: another parser might see the host behind them.
    'http://%65xample.com',
    'http://a%2eexample',
    'http://ä\u0000',
    'http://ä\u0085',
    'http://ä\ud800',
    'http://ä:99999',
    undefined,
    null,
    1,
    {},
  ])('does not take %j as an origin', (text) => {
    expect(canonicalOrigin(text as string)).toBeUndefined();
  });
});

describe('isSameOrigin', () => {
  it.each([
    ['http://example.com', 'example.com', undefined],
    ['https://example.com', 'example.com', undefined],
    ['http://example.com', 'Example.COM', undefined],
    ['HTTP://EXAMPLE.com', 'example.com', undefined],
    ['http://example.com', 'example.com:80', undefined],
    ['https://example.com', 'example.com:443', 'https'],
    ['https://example.com:443', 'example.com', 'https'],
    ['http://example.com', 'example.com:', 'http'],
    ['http://localhost:8888', 'localhost:8888', 'http'],
    ['http://[::1]:8888', '[::1]:8888', undefined],
    ['http://[2001:DB8::1]', '[2001:db8::1]:80', undefined],
    ['http://[2001:db8::1]', '[2001:db8:0:0:0:0:0:1]', undefined],
    ['https://example.com.', 'example.com.', undefined],
  ] as const)('lets %s pass to %s (%s) [ATT-55]', (origin, host, protocol) => {
    expect(isSameOrigin(origin, host, protocol)).toBe(true);
  });

  it.each([
    ['null', 'null', undefined],
    ['', '', undefined],
    ['http://evil.example', 'example.com', undefined],
    ['http://example.com.evil.example', 'example.com', undefined],
    ['http://sub.example.com', 'example.com', undefined],
    ['http://example.co', 'example.com', undefined],
    ['http://example.com@evil.example', 'evil.example', undefined],
    ['http://evil.example@example.com', 'example.com', undefined],
    ['http://example.com:8080', 'example.com', undefined],
    ['http://example.com', 'example.com:443', undefined],
    ['https://example.com', 'example.com:80', undefined],
    ['http://example.com', 'example.com', 'https'],
    ['https://example.com', 'example.com', 'http'],
    ['http://example.com.', 'example.com', undefined],
    ['http://example.com', 'example.com.', undefined],
    ['http://example.com/', 'example.com', undefined],
    ['http://example.com/path', 'example.com', undefined],
    ['http://example.com, http://example.com', 'example.com', undefined],
    ['http://example.com http://evil.example', 'example.com', undefined],
    ['http://%65xample.com', 'example.com', undefined],
    ['http://%65xample.com', '%65xample.com', undefined],
    ['http://b\u00fccher.example', 'xn--bcher-kva.example', undefined],
    ['file://', '', undefined],
    ['app://example.com', 'example.com', undefined],
    ['ws://example.com', 'example.com', undefined],
    ['//example.com', 'example.com', undefined],
    ['example.com', 'example.com', undefined],
    ['http://example.com\n', 'example.com', undefined],
    ['http://::1', '::1', undefined],
    ['http://example.com:999999', 'example.com:999999', undefined],
    ['http://example.com:0', 'example.com:0', undefined],
    ['http://', '', undefined],
    ['http://a', 'u@a', undefined],
    ['http://a', 'a,b', undefined],
  ] as const)('stops %j on its way to %j (%s) [ATT-55]', (origin, host, protocol) => {
    expect(isSameOrigin(origin, host, protocol)).toBe(false);
  });

  it('agrees with browsers, whose parser is that of URL, on random text, and never throws [ATT-55]', () => {
    const pieces = [...'abAZ019.-_:[]@/?#%\\ ,\u00e4', '::1', '127.0.0.1', '80', '443', 'example', 'http://'];
    for (let seed = 0; seed < 20_000; seed += 1) {
      const host = randomText(seededRandom(seed), pieces, 6);
      for (const scheme of ['http', 'https'] as const) {
        const origin = canonicalOrigin(`${scheme}://${host}`);
        if (origin === undefined) {
          expect(isSameOrigin(`${scheme}://${host}`, host), JSON.stringify(host)).toBe(false);
          continue;
        }
        expect(canonicalOrigin(origin), JSON.stringify(host)).toBe(origin);
        const authority = origin.slice(scheme.length + 3);
        expect(isSameOrigin(origin, authority, scheme), JSON.stringify(host)).toBe(true);
        expect(isSameOrigin(origin, `${authority}.evil.example`), JSON.stringify(host)).toBe(false);
        // A number such as 0x7f.1 is an address to a browser, which never sends it in that spelling.
        const url = URL.canParse(origin) ? new URL(origin) : undefined;
        if (url !== undefined && !/^[\d.]+$/.test(url.hostname)) expect(url.origin).toBe(origin);
      }
    }
  });

  it('works in linear time', () => {
    expectLinear((size) => {
      const hosts = [
        ':'.repeat(size),
        'a'.repeat(size),
        '['.repeat(size),
        '%'.repeat(size),
        'a.'.repeat(size),
      ];
      return () => hosts.map((host) => isSameOrigin(`http://${host}`, host));
    }, 100_000);
  });
});

describe('isOwnOrigin', () => {
  it('compares with the given origins, whatever the host of the request [XS-01]', () => {
    const own = ['https://a.example', 'http://localhost:8888'];
    expect(isOwnOrigin('https://a.example', own, 'b.example')).toBe(true);
    expect(isOwnOrigin('https://A.example:443', own, 'b.example')).toBe(true);
    expect(isOwnOrigin('http://localhost:8888', own, 'b.example')).toBe(true);
    for (const origin of ['https://b.example', 'http://a.example', 'https://a.example/', 'null']) {
      expect(isOwnOrigin(origin, own, 'b.example'), origin).toBe(false);
    }
    expect(isOwnOrigin('https://b.example', [], 'b.example')).toBe(false);
  });

  it('compares with the host of the request if there are none, with either scheme [XS-01]', () => {
    expect(isOwnOrigin('https://b.example', undefined, 'B.example:443')).toBe(true);
    expect(isOwnOrigin('http://b.example', undefined, 'b.example')).toBe(true);
    expect(isOwnOrigin('http://b.example', undefined, 'b.example:443')).toBe(false);
    expect(isOwnOrigin('null', undefined, 'null')).toBe(false);
  });
});
