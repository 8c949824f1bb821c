import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import { compressionSettings } from './compression-settings.ts';
import { addVary, encodedEntityTag, encodeHeaders, mayCompress } from './encoded-response.ts';

const settings = compressionSettings(true);
const html = (more: Readonly<Record<string, string>> = {}) =>
  HTTPHeaders.from({ 'Content-Type': 'text/html; charset=UTF-8', ...more });

describe('mayCompress', () => {
  it.each([200, 201, 203, 400, 404, 500, 503])('allows status %d [OUT-10]', (status) => {
    expect(mayCompress(status, 'GET', html(), settings)).toBe(true);
    expect(mayCompress(status, 'HEAD', html(), settings)).toBe(true);
    expect(mayCompress(status, 'POST', html(), settings)).toBe(true);
  });

  it.each([100, 101, 103, 204, 205, 206, 304])('excludes status %d [OUT-10]', (status) => {
    expect(mayCompress(status, 'GET', html(), settings)).toBe(false);
  });

  it.each([
    ['Content-Encoding', 'gzip'],
    ['Content-Encoding', 'identity'],
    ['content-range', 'bytes 0-1/10'],
    ['Content-Digest', 'sha-256=:AA==:'],
    ['Repr-Digest', 'sha-256=:AA==:'],
    ['Content-MD5', 'AA=='],
    ['Cache-Control', 'no-transform'],
    ['Cache-Control', 'public, No-Transform, max-age=60'],
    ['Cache-Control', 'public,no-transform'],
  ])('excludes a response with %s: %s', (name, value) => {
    expect(mayCompress(200, 'GET', html({ [name]: value }), settings)).toBe(false);
  });

  it.each(['no-cache', 'x-no-transform', 'no-transform-please'])('allows Cache-Control: %s', (value) => {
    expect(mayCompress(200, 'GET', html({ 'Cache-Control': value }), settings)).toBe(true);
  });

  it('excludes CONNECT, and types that are not to be compressed or not known', () => {
    expect(mayCompress(200, 'CONNECT', html(), settings)).toBe(false);
    expect(mayCompress(200, 'GET', new HTTPHeaders(), settings)).toBe(false);
    for (const type of ['image/png', 'text/event-stream', '']) {
      expect(mayCompress(200, 'GET', html({ 'Content-Type': type }), settings), type).toBe(false);
    }
  });
});

describe('encodedEntityTag', () => {
  it.each([
    ['"abc"', 'gzip', 'W/"abc-gzip"'],
    ['W/"abc"', 'gzip', 'W/"abc-gzip"'],
    ['"abc"', 'zstd', 'W/"abc-zstd"'],
    ['""', 'br', 'W/"-br"'],
    ['"a,b\\"', 'br', 'W/"a,b\\-br"'],
  ] as const)('makes of %s with %s the weak tag %s [OUT-10]', (tag, coding, expected) => {
    expect(encodedEntityTag(tag, coding)).toBe(expected);
  });

  it.each(['abc', '"', '"abc', 'abc"', 'W/abc', 'W/"', 'w/"abc"', ''])(
    'leaves %j, which is no tag',
    (tag) => {
      expect(encodedEntityTag(tag, 'gzip')).toBe(tag);
    },
  );
});

describe('encodeHeaders', () => {
  it('names the coding, weakens the tag, and removes what describes the plain bytes', () => {
    const headers = html({ ETag: '"abc"', 'Content-Length': '9', 'Accept-Ranges': 'bytes', Vary: 'Cookie' });
    encodeHeaders(headers, 'br');
    expect(headers.getAll()).toEqual([
      ['Content-Type', 'text/html; charset=UTF-8'],
      ['ETag', 'W/"abc-br"'],
      ['Vary', 'Cookie'],
      ['Content-Encoding', 'br'],
    ]);
  });
});

describe('addVary', () => {
  it.each([
    [undefined, 'Accept-Encoding'],
    ['', 'Accept-Encoding'],
    ['Cookie', 'Cookie, Accept-Encoding'],
    ['Accept', 'Accept, Accept-Encoding'],
    ['Accept-Encoding', 'Accept-Encoding'],
    ['cookie,accept-ENCODING', 'cookie,accept-ENCODING'],
    ['*', '*'],
    ['Cookie, *', 'Cookie, *'],
    ['X-Accept-Encoding', 'X-Accept-Encoding, Accept-Encoding'],
  ])('makes of Vary %j %j [OUT-10]', (vary, expected) => {
    const headers = vary === undefined ? new HTTPHeaders() : HTTPHeaders.from({ Vary: vary });
    addVary(headers);
    addVary(headers);
    expect(headers.get('Vary')).toBe(expected);
  });

  it('keeps the names of several lines', () => {
    const headers = new HTTPHeaders().add('Vary', 'Cookie').add('Vary', 'Accept');
    addVary(headers);
    expect(headers.get('Vary')?.replaceAll(' ', '')).toBe('Cookie,Accept,Accept-Encoding');
  });
});
