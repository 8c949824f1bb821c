import { describe, expect, it } from 'vitest';
import { HTTPHeaders } from '../fields/http-headers.ts';
import { RequestEncoder } from './request-encoder.ts';

const host = (): HTTPHeaders => new HTTPHeaders().set('Host', 'a');

function code(name: string): unknown {
  return expect.objectContaining({ name: 'Http1UsageError', code: name });
}

describe('RequestEncoder', () => {
  it('writes a request without a body, one after the other', () => {
    const encoder = new RequestEncoder();
    for (let count = 0; count < 2; count += 1) {
      expect(encoder.head('GET', '/x', host(), 0)).toBe('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(encoder.end()).toBe('');
    }
  });

  it.each(['POST', 'PUT', 'PATCH'])('announces an empty body of %s (RFC 9110 §8.6) [H1-12]', (method) => {
    expect(new RequestEncoder().head(method, '/', host(), 0)).toContain('Content-Length: 0\r\n');
  });

  it('chunks a body of unknown length [H1-12]', () => {
    const encoder = new RequestEncoder();
    expect(encoder.head('POST', '/', host(), -1)).toContain('Transfer-Encoding: chunked\r\n');
    expect([encoder.dataPrefix(255), encoder.dataSuffix, encoder.end()]).toEqual([
      'ff\r\n',
      '\r\n',
      '0\r\n\r\n',
    ]);
  });

  it('holds the body to its length [H1-13]', () => {
    const encoder = new RequestEncoder();
    expect(encoder.head('POST', '/', host().set('Content-Length', '3'), -1)).not.toContain('chunked');
    expect(() => encoder.dataPrefix(4)).toThrow(code('ERR_HTTP1_BODY_LONG'));
    expect(encoder.state).toBe('failed');
    const short = new RequestEncoder();
    short.head('POST', '/', host(), 3);
    expect(() => short.end()).toThrow(code('ERR_HTTP1_BODY_SHORT'));
  });

  it.each(['', ' /', '/a b', '/\r\nX: y', '/\0', '/ä', '/\x7f', '/a#b', '#', '/\ud800'])(
    'refuses the target %j [H1-13, ATT-38, ATT-77]',
    (target) => {
      const encoder = new RequestEncoder();
      expect(() => encoder.head('GET', target, host(), 0)).toThrow(code('ERR_HTTP1_USAGE'));
      expect(encoder.state).toBe('idle');
    },
  );

  it.each(['', 'G T', 'GET\r\n', 'G{T'])('refuses the method %j [H1-13]', (method) => {
    expect(() => new RequestEncoder().head(method, '/', host(), 0)).toThrow(code('ERR_HTTP1_USAGE'));
  });

  it.each(['a\r\nX: y', 'a\n', 'a\0', '\ud800', '\u0100'])(
    'never comes to write the header value %j [H1-13, ATT-38, ATT-77]',
    (value) => {
      expect(() => new RequestEncoder().head('GET', '/', host().set('X', value), 0)).toThrow(
        code('ERR_HTTP1_HEADER_VALUE'),
      );
    },
  );

  it('refuses content of a CONNECT, which has none (RFC 9110 §9.3.6)', () => {
    for (const [headers, length] of [
      [host(), 1],
      [host(), -1],
      [host().set('Content-Length', '1'), -1],
    ] as const) {
      expect(() => new RequestEncoder().head('CONNECT', 'a:443', headers, length)).toThrow(
        code('ERR_HTTP1_USAGE'),
      );
    }
    expect(new RequestEncoder().head('CONNECT', 'a:443', host(), 0)).toBe(
      'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n',
    );
  });

  it('refuses a request without exactly one Host, and a Transfer-Encoding', () => {
    const twice = host().add('Host', 'a');
    const coded = host().set('Transfer-Encoding', 'chunked');
    for (const headers of [new HTTPHeaders(), twice, coded]) {
      expect(() => new RequestEncoder().head('GET', '/', headers, 0)).toThrow(code('ERR_HTTP1_USAGE'));
    }
  });

  it('refuses a length that contradicts the body, and lengths that are none', () => {
    const encoder = new RequestEncoder();
    const headers = host().set('Content-Length', '3');
    expect(() => encoder.head('POST', '/', headers, 4)).toThrow(code('ERR_HTTP1_LENGTH_MISMATCH'));
    for (const length of [-2, 1.5, Number.NaN]) {
      expect(() => encoder.head('POST', '/', host(), length)).toThrow(code('ERR_HTTP1_USAGE'));
    }
  });

  it('refuses calls out of order', () => {
    const encoder = new RequestEncoder();
    expect(() => encoder.end()).toThrow(code('ERR_HTTP1_USAGE'));
    encoder.head('GET', '/', host(), 0);
    expect(() => encoder.head('GET', '/', host(), 0)).toThrow(code('ERR_HTTP1_USAGE'));
  });
});
