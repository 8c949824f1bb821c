import { describe, expect, it } from 'vitest';
import { ownOriginsOf, publicOriginOf, publicOriginsOf } from './public-origins.ts';

const site = (host: string, protocol: 'http' | 'https' = 'http') => ({ host, protocol });

describe('publicOriginsOf', () => {
  it('reads one or several origins, in the form that browsers send', () => {
    expect(publicOriginsOf('https://Example.com:443/')).toEqual(['https://example.com']);
    expect(publicOriginsOf(['https://a.example', 'http://localhost:8888'])).toEqual([
      'https://a.example',
      'http://localhost:8888',
    ]);
    expect(publicOriginsOf('forwarded')).toBe('forwarded');
    expect(publicOriginsOf(undefined)).toBeUndefined();
  });

  it.each([
    'example.com',
    'https://example.com/app',
    'https://*.example.com',
    'null',
    '',
    [],
    ['https://a.example', 'forwarded'],
    ['https://a.example', undefined],
    null,
    true,
    {},
  ])('refuses %j', (setting) => {
    expect(() => publicOriginsOf(setting)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_USAGE',
        message: expect.stringContaining('publicOrigin: an origin such as https://example.com'),
      }),
    );
  });
});

describe('publicOriginOf', () => {
  it('is the only one, whatever the client says', () => {
    expect(publicOriginOf(['https://a.example'], site('evil.example'))).toBe('https://a.example');
  });

  it('is of several the one with the host and scheme of the request, then with its host, then the first', () => {
    const origins = ['https://a.example', 'http://localhost:8888', 'http://b.example', 'https://b.example'];
    expect(publicOriginOf(origins, site('localhost:8888'))).toBe('http://localhost:8888');
    expect(publicOriginOf(origins, site('A.example'))).toBe('https://a.example');
    expect(publicOriginOf(origins, site('b.example'))).toBe('http://b.example');
    expect(publicOriginOf(origins, site('b.example', 'https'))).toBe('https://b.example');
    expect(publicOriginOf(origins, site('a.example:8443'))).toBe('https://a.example');
    expect(publicOriginOf(origins, site('evil.example'))).toBe('https://a.example');
  });

  it.each([undefined, 'forwarded'] as const)('is that of the request, with the setting %s', (origins) => {
    expect(publicOriginOf(origins, site('a.example:8080'))).toBe('http://a.example:8080');
    expect(publicOriginOf(origins, site('a.example', 'https'))).toBe('https://a.example');
  });
});

describe('ownOriginsOf', () => {
  it('is the list, or the scheme and host of the request, or undefined for its host alone', () => {
    expect(ownOriginsOf(['https://a.example'], site('b.example'))).toEqual(['https://a.example']);
    expect(ownOriginsOf('forwarded', site('B.example:80'))).toEqual(['http://b.example']);
    expect(ownOriginsOf(undefined, site('b.example'))).toBeUndefined();
  });

  it('is empty for a host that no origin has', () => {
    expect(ownOriginsOf('forwarded', site('a%2eexample'))).toEqual([]);
  });
});
