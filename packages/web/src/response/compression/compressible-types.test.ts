import { describe, expect, it } from 'vitest';
import { CompressibleTypes, DEFAULT_COMPRESSED_TYPES, isTypePattern } from './compressible-types.ts';

describe('CompressibleTypes', () => {
  const types = new CompressibleTypes(DEFAULT_COMPRESSED_TYPES);

  it.each([
    'text/html',
    'text/html; charset=UTF-8',
    'TEXT/HTML;CHARSET=utf-8',
    ' text/plain ;x',
    'text/css',
    'text/javascript',
    'application/json',
    'application/json; charset=UTF-8',
    'application/problem+json',
    'application/ld+json',
    'application/geo+json;x=y',
    'application/javascript',
    'application/xml',
    'application/atom+xml',
    'application/xhtml+xml',
    'application/manifest+json',
    'application/wasm',
    'image/svg+xml',
    'font/ttf',
    'font/otf',
  ])('has %j by default [OUT-10]', (type) => {
    expect(types.has(type)).toBe(true);
    expect(types.has(type)).toBe(true);
  });

  it.each([
    '',
    ';',
    'text',
    '/html',
    'json',
    '+json',
    'image/png',
    'image/jpeg',
    'image/webp',
    'video/mp4',
    'font/woff2',
    'application/zip',
    'application/gzip',
    'application/octet-stream',
    'application/pdf',
    'multipart/form-data; boundary=text/html',
    'application/json-seq',
    'application/x+json+zip',
    'a+json/zip',
    '__proto__',
    'constructor/toString',
    'text/event-stream',
    'text/event-stream; charset=utf-8',
    'Text/Event-Stream',
  ])('does not have %j by default', (type) => {
    expect(types.has(type)).toBe(false);
    expect(types.has(type)).toBe(false);
  });

  it('has an event stream only if it is listed itself [OUT-10]', () => {
    expect(new CompressibleTypes(['text/*']).has('text/event-stream')).toBe(false);
    expect(new CompressibleTypes(['text/event-stream']).has('text/event-stream; charset=utf-8')).toBe(true);
    expect(new CompressibleTypes(['TEXT/Event-Stream']).has('text/event-stream')).toBe(true);
  });

  it('remembers few types, although a program has as many as it likes', () => {
    for (let n = 0; n < 1_000; n += 1) {
      expect(types.has(`text/x-${n}`)).toBe(true);
      expect(types.has(`image/x-${n}`)).toBe(false);
    }
    expect(types.has(`text/${'x'.repeat(100_000)}`)).toBe(true);
  });
});

describe('isTypePattern', () => {
  it('accepts types, whole types and suffixes', () => {
    for (const type of [...DEFAULT_COMPRESSED_TYPES, 'Application/JSON', 'model/*', '+cbor']) {
      expect(isTypePattern(type), type).toBe(true);
    }
  });

  it.each([
    '',
    '*',
    '*/*',
    'text',
    'text/',
    '/html',
    'text/html;q=1',
    'text/*html',
    ' text/html',
    '*+json',
    '+',
    1,
  ])('refuses %j', (type) => {
    expect(isTypePattern(type)).toBe(false);
  });
});
