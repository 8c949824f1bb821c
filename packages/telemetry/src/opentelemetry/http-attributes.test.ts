import { describe, expect, it } from 'vitest';
import {
  authorityAttributes,
  errorType,
  httpSpanName,
  methodAttributes,
  recordedQuery,
  recordedUrl,
  targetParts,
} from './http-attributes.ts';

describe('the method of a span', () => {
  it('is recorded if the conventions know it', () => {
    expect(methodAttributes('GET')).toEqual({ 'http.request.method': 'GET' });
    expect(httpSpanName('GET', '/user/:id')).toBe('GET /user/:id');
    expect(httpSpanName('POST', undefined)).toBe('POST');
  });

  it.each(['get', 'BREW', 'X'.repeat(5000), '__proto__', 'constructor'])(
    'is _OTHER for %.12j, which a client may send',
    (method) => {
      const attributes = methodAttributes(method);
      expect(attributes['http.request.method']).toBe('_OTHER');
      expect(attributes['http.request.method_original']).toBe(method.slice(0, 1024));
      expect(httpSpanName(method, '/x')).toBe('HTTP /x');
    },
  );
});

describe('targetParts', () => {
  it.each([
    ['/', '/', undefined],
    ['/a/b?c=d?e', '/a/b', 'c=d?e'],
    ['/a?', '/a', ''],
    ['*', '*', undefined],
    ['example.com:443', 'example.com:443', undefined],
    ['http://ada:secret@example.com/p?q=1', '/p', 'q=1'],
    ['HTTPS://example.com?q', '/', 'q'],
    ['http://example.com', '/', undefined],
    ['//user@host/p', '//user@host/p', undefined],
  ])('splits %j', (target, path, query) => {
    expect(targetParts(target)).toEqual({ path, query });
  });

  it('clips a long path', () => {
    expect(targetParts(`/${'a'.repeat(5000)}`).path).toHaveLength(1024);
  });
});

describe('authorityAttributes', () => {
  it.each([
    ['Example.com', 'http', 'example.com', 80],
    ['example.com', 'https', 'example.com', 443],
    ['example.com:8443', 'https', 'example.com', 8443],
    ['[::1]:8080', 'http', '::1', 8080],
    ['[::1]', 'https', '::1', 443],
    ['127.0.0.1:0', 'http', '127.0.0.1', 0],
  ])('splits %j of %s', (authority, scheme, address, port) => {
    expect(authorityAttributes(authority, scheme)).toEqual({
      'server.address': address,
      'server.port': port,
    });
  });

  it.each([undefined, '', ':80', 'a:b:c', 'user@host', 'a b', '[::1', 'host:123456'])(
    'records nothing of %j',
    (authority) => {
      expect(authorityAttributes(authority, 'http')).toEqual({});
    },
  );
});

describe('recordedUrl', () => {
  it.each([
    ['http://a/b', 'http://a/b'],
    ['http://a/b?token=1#c', 'http://a/b'],
    ['http://ada:secret@a/b#c', 'http://a/b'],
    ['http://a?x@y', 'http://a'],
    ['http://a/x@y', 'http://a/x@y'],
  ])('of %j is %j', (url, recorded) => {
    expect(recordedUrl(url, false)).toBe(recorded);
  });

  it('has the query that may be recorded', () => {
    expect(recordedUrl('http://ada:pw@a/b?page=2&token=x#f', true)).toBe('http://a/b?page=2&token=REDACTED');
  });
});

describe('recordedQuery', () => {
  it('is nothing by default', () => {
    expect(recordedQuery('a=1', false)).toBeUndefined();
  });

  it.each([
    'token',
    'access_token',
    'ID_TOKEN',
    'api-key',
    'apikey',
    'X-Amz-Signature',
    'sig',
    'code',
    'state',
    'client_secret',
    'user_password',
    'pass%77ord',
    'PHPSESSION',
  ])('has no value of %s, even if all is recorded', (name) => {
    expect(recordedQuery(`a=1&${name}=hunter2&b=2`, true)).toBe(`a=1&${name}=REDACTED&b=2`);
  });

  it('has only the values of the names in a list, and keeps no bare value', () => {
    expect(recordedQuery('page=2&q=private&secret&page=3', ['page'])).toBe(
      'page=2&q=REDACTED&REDACTED&page=3',
    );
  });

  it('survives names that cannot be decoded, and clips long queries', () => {
    expect(recordedQuery('%zz=1', true)).toBe('%zz=1');
    expect(recordedQuery('%zz=1', [])).toBe('%zz=REDACTED');
    expect(recordedQuery(`a=${'x'.repeat(9000)}`, true)).toHaveLength(1024);
  });
});

describe('errorType', () => {
  it.each([
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [new TypeError('x'), 'TypeError'],
    [new DOMException('x', 'AbortError'), 'AbortError'],
    ['text', '_OTHER'],
    [undefined, '_OTHER'],
    [{}, '_OTHER'],
  ])('of %o is %s', (error, type) => {
    expect(errorType(error)).toBe(type);
  });
});
