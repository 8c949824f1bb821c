import { describe, expect, it } from 'vitest';
import { AllowedOrigins, allowedOriginsProblem } from './allowed-origins.ts';

const LIST = [
  'https://app.example.com',
  'http://Local.Example:8080/',
  'https://*.example.org',
  'HTTPS://*.Example.net:8443',
  'https://bücher.example',
  'app://localhost',
];

describe('AllowedOrigins', () => {
  it.each([
    'https://app.example.com',
    'https://APP.example.com',
    'https://app.example.com:443',
    'http://local.example:8080',
    'https://a.example.org',
    'https://a.b.example.org',
    'https://A.Example.ORG:443',
    'https://a-b_c.example.org',
    'https://a.example.net:8443',
    'https://xn--bcher-kva.example',
    'app://localhost',
  ])('allows %s [WS-02]', (origin) => {
    expect(new AllowedOrigins(LIST).allows(origin)).toBe(true);
  });

  it.each([
    '',
    'null',
    '*',
    'http://app.example.com',
    'https://app.example.com/',
    'https://app.example.com:444',
    'https://app.example.com.evil.example',
    'https://xapp.example.com',
    'https://sub.app.example.com',
    'https://user@app.example.com',
    'http://local.example',
    'https://example.org',
    'https://.example.org',
    'https://evilexample.org',
    'https://a..example.org',
    'https://*.example.org',
    'https://a.example.org.',
    'https://a.example.org:8443',
    'http://a.example.org',
    'https://evil.example#.example.org',
    'https://evil.example/.example.org',
    'https://evil.example?.example.org',
    'https://evil.example\\.example.org',
    'https://evil.example:80.example.org',
    'https://evil.example@a.example.org',
    'https://evil%2eexample.org',
    'https://[::1].example.org',
    'https://a.example.org, https://b.example.org',
    'https://a.example.org https://evil.example',
    'https://a.example.net',
    'https://bücher.example',
    'app://localhost2',
    'APP://localhost',
    'ws://app.example.com',
  ])('refuses %j [WS-02] [ATT-55]', (origin) => {
    expect(new AllowedOrigins(LIST).allows(origin)).toBe(false);
  });

  it('allows every origin with *, and none with an empty list [WS-02]', () => {
    for (const origin of ['https://evil.example', 'null', '']) {
      expect(new AllowedOrigins(['*']).allows(origin)).toBe(true);
      expect(new AllowedOrigins([]).allows(origin)).toBe(false);
    }
  });

  it('parses a list once', () => {
    expect(AllowedOrigins.of(LIST)).toBe(AllowedOrigins.of(LIST));
    expect(AllowedOrigins.of([...LIST])).not.toBe(AllowedOrigins.of(LIST));
  });
});

describe('allowedOriginsProblem', () => {
  it('finds nothing wrong with origins, subdomains and * [WS-02]', () => {
    expect(allowedOriginsProblem([...LIST, '*'])).toBeUndefined();
    expect(allowedOriginsProblem([])).toBeUndefined();
  });

  it.each([
    'example.com',
    '*.example.com',
    'https://',
    'https://*',
    'https://*.',
    'https://a.*.example.com',
    'https://*.*.example.com',
    'https://*example.com',
    'https://example.com/path',
    'https://user@example.com',
    'https://example.com:0',
    'https://*.example.com/path',
    '*://example.com',
    'https:example.com',
    'app://a/b',
    '',
    5,
    undefined,
    /https:/,
  ])('explains that %j is not an origin [WS-02]', (origin) => {
    expect(allowedOriginsProblem([origin])).toMatch(
      /^allowedOrigins: each element must be an origin such as 'https:\/\/example.com', .*, got /,
    );
  });

  it('explains why null is not accepted, and that a list is expected [WS-02]', () => {
    expect(allowedOriginsProblem(['null'])).toMatch(/sandboxed page sends; override checkOrigin/);
    expect(allowedOriginsProblem('https://example.com')).toMatch(
      /^allowedOrigins must be an array of origins, got "/,
    );
  });
});
