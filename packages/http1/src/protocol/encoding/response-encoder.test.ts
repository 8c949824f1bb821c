import { describe, expect, it } from 'vitest';
import { HTTPHeaders } from '../fields/http-headers.ts';
import { encodeInterim, ResponseEncoder, ResponseLines } from './response-encoder.ts';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
type Version = 'HTTP/1.0' | 'HTTP/1.1';

function begun(method = 'GET', version: Version = 'HTTP/1.1', keepAlive = true): ResponseEncoder {
  const encoder = new ResponseEncoder();
  encoder.begin(method, version, keepAlive);
  return encoder;
}

/** The lines of a head after the status line, without Date. */
function fields(
  encoder: ResponseEncoder,
  status: number,
  headers: HTTPHeaders,
  whole: number,
  close = false,
): string[] {
  const lines = encoder.head(status, '', headers, DATE, whole, close).split('\r\n');
  expect(lines.slice(-2)).toEqual(['', '']);
  return lines.slice(1, -2).filter((line) => line !== `Date: ${DATE}`);
}

function code(name: string): unknown {
  return expect.objectContaining({ name: 'Http1UsageError', code: name });
}

describe('ResponseEncoder', () => {
  it('writes a usual answer', () => {
    const encoder = begun();
    const headers = new HTTPHeaders().set('Content-Type', 'text/plain');
    const wire = `${encoder.head(200, 'OK', headers, DATE, 5, false)}${encoder.dataPrefix(5)}hello${encoder.end()}`;
    expect(wire).toBe(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nDate: ${DATE}\r\n\r\nhello`,
    );
    expect([encoder.keepAlive, encoder.state, encoder.dataSuffix]).toEqual([true, 'idle', '']);
  });

  it('sets Date unless the program did, in both ways of making a head', () => {
    const own = new HTTPHeaders().set('date', 'then');
    expect(begun().head(200, '', own, DATE, 0, false)).toBe(
      'HTTP/1.1 200 OK\r\ndate: then\r\nContent-Length: 0\r\n\r\n',
    );
    expect(begun().head(200, '', new HTTPHeaders(), DATE, -1, false)).toContain(`Date: ${DATE}\r\n`);
  });

  it('writes the present date and the length of each response with lines that encoders share', () => {
    const lines = new ResponseLines();
    const later = DATE.replace('37', '38');
    for (const [date, length] of [
      [DATE, 5],
      [later, 5],
      [later, 1023],
      [later, 1024],
      [DATE, 0],
    ] as const) {
      const encoder = new ResponseEncoder(lines);
      encoder.begin('GET', 'HTTP/1.1', true);
      expect(encoder.head(200, '', new HTTPHeaders(), date, length, false)).toBe(
        `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nDate: ${date}\r\n\r\n`,
      );
    }
  });

  it('chunks a body of unknown length for HTTP/1.1 [H1-11]', () => {
    const encoder = begun();
    expect(fields(encoder, 200, new HTTPHeaders(), -1)).toEqual(['Transfer-Encoding: chunked']);
    expect([encoder.dataPrefix(26), encoder.dataSuffix]).toEqual(['1a\r\n', '\r\n']);
    expect(encoder.end()).toBe('0\r\n\r\n');
    expect(encoder.keepAlive).toBe(true);
  });

  it('makes nothing of an empty write, so that no chunk ends the body by accident [H1-11]', () => {
    const encoder = begun();
    encoder.head(200, '', new HTTPHeaders(), DATE, -1, false);
    encoder.dataPrefix(3);
    expect([encoder.dataPrefix(0), encoder.dataSuffix]).toEqual(['', '']);
  });

  it('puts trailers behind a chunked body, and drops them elsewhere', () => {
    const trailers = new HTTPHeaders().set('X-Sum', '1');
    const chunked = begun();
    chunked.head(200, '', new HTTPHeaders(), DATE, -1, false);
    expect(chunked.end(trailers)).toBe('0\r\nX-Sum: 1\r\n\r\n');
    const sized = begun();
    sized.head(200, '', new HTTPHeaders(), DATE, 0, false);
    expect(sized.end(trailers)).toBe('');
  });

  it.each([
    'Content-Length',
    'host',
    'Transfer-Encoding',
    'Set-Cookie',
    'authorization',
    'Content-Type',
    'Trailer',
  ])('refuses %s as a trailer, behind one that may be sent (RFC 9110 §6.5.1) [H1-13]', (name) => {
    const encoder = begun();
    encoder.head(200, '', new HTTPHeaders(), DATE, -1, false);
    const trailers = new HTTPHeaders().set('X-Sum', '1').set(name, '1');
    expect(() => encoder.end(trailers)).toThrow(code('ERR_HTTP1_USAGE'));
  });

  it.each(['a\r\nSet-Cookie: x', 'a\rb', 'a\n', '\0', '\x7f', '\ud83d'])(
    'never comes to write the Location %j [H1-13, ATT-35, ATT-77]',
    (value) => {
      const encoder = begun();
      const redirect = (): string =>
        encoder.head(302, '', new HTTPHeaders().set('Location', value), DATE, 0, false);
      expect(redirect).toThrow(code('ERR_HTTP1_HEADER_VALUE'));
      expect(encoder.state).toBe('head');
    },
  );

  it('ends a body of unknown length by closing for HTTP/1.0 [H1-11]', () => {
    const encoder = begun('GET', 'HTTP/1.0', true);
    expect(fields(encoder, 200, new HTTPHeaders(), -1)).toEqual(['Connection: close']);
    expect([encoder.dataPrefix(3), encoder.end(), encoder.keepAlive]).toEqual(['', '', false]);
  });

  it('tells an HTTP/1.0 client that the connection persists [H1-08]', () => {
    const encoder = begun('GET', 'HTTP/1.0', true);
    expect(fields(encoder, 200, new HTTPHeaders(), 2)).toEqual([
      'Content-Length: 2',
      'Connection: keep-alive',
    ]);
    expect(encoder.keepAlive).toBe(true);
  });

  it.each([
    ['the request wants it', false, false, new HTTPHeaders()],
    ['the server wants it', true, true, new HTTPHeaders()],
    ['the program wants it', true, false, new HTTPHeaders().set('Connection', 'Close')],
  ])('says that it closes when %s [H1-09]', (_why, requestKeepAlive, close, headers) => {
    const encoder = begun('GET', 'HTTP/1.1', requestKeepAlive);
    expect(fields(encoder, 200, headers, 0, close)).toEqual(['Content-Length: 0', 'Connection: close']);
    expect(encoder.keepAlive).toBe(false);
  });

  it('keeps other options of Connection', () => {
    const headers = HTTPHeaders.from({ Upgrade: 'h2c', Connection: 'upgrade, keep-alive' });
    expect(fields(begun(), 426, headers, 0, true)).toEqual([
      'Upgrade: h2c',
      'Content-Length: 0',
      'Connection: close, upgrade',
    ]);
  });

  it('takes NBSP around an option of Connection for a part of it [HU-04]', () => {
    const encoder = begun();
    const head = encoder.head(
      200,
      '',
      HTTPHeaders.from({ Connection: '\xa0close,\t close\xa0 ' }),
      DATE,
      0,
      false,
    );
    expect(head).toContain('Connection: \xa0close, close\xa0\r\n');
    expect(encoder.keepAlive).toBe(true);
  });

  it('sends a 205 without content, whatever the program set (RFC 9110 §15.3.6) [H1-11, ATT-15]', () => {
    for (const [headers, length] of [
      [{}, -1],
      [{}, 5],
      [{ 'Content-Length': '5' }, -1],
    ] as const) {
      const encoder = begun();
      const head = encoder.head(205, '', HTTPHeaders.from(headers), DATE, length, false);
      expect(head.match(/Content-Length: \d+/g)).toEqual(['Content-Length: 0']);
      expect([encoder.sendsBody, encoder.dataPrefix(5), encoder.end()]).toEqual([false, '', '']);
      expect(encoder.keepAlive).toBe(true);
    }
  });

  it('sends no body for HEAD, but its length [H1-11, ATT-15]', () => {
    const encoder = begun('HEAD');
    expect(fields(encoder, 200, new HTTPHeaders(), 5)).toEqual(['Content-Length: 5']);
    expect([encoder.sendsBody, encoder.dataPrefix(5), encoder.dataSuffix, encoder.end()]).toEqual([
      false,
      '',
      '',
      '',
    ]);
    expect(encoder.keepAlive).toBe(true);
  });

  it('frames nothing for a HEAD of unknown length [H1-11, ATT-15]', () => {
    expect(fields(begun('HEAD'), 200, new HTTPHeaders(), -1)).toEqual([]);
    expect(fields(begun('HEAD', 'HTTP/1.0'), 200, new HTTPHeaders(), -1)).toEqual(['Connection: keep-alive']);
  });

  it('keeps the length that the program set for HEAD and 304', () => {
    const headers = new HTTPHeaders().set('Content-Length', '500');
    expect(fields(begun('HEAD'), 200, headers, 0)).toEqual(['Content-Length: 500']);
    expect(fields(begun(), 304, headers, 0)).toEqual(['Content-Length: 500']);
    expect(fields(begun(), 304, new HTTPHeaders(), 0)).toEqual([]);
  });

  it.each([0, -1, 3])('never frames a 204, whose whole body has %i bytes [H1-11, ATT-15]', (whole) => {
    const encoder = begun();
    const headers = whole > 0 ? new HTTPHeaders().set('Content-Length', '3') : new HTTPHeaders();
    expect(fields(encoder, 204, headers, whole)).toEqual([]);
    expect([encoder.sendsBody, encoder.dataPrefix(3), encoder.end()]).toEqual([false, '', '']);
    expect(encoder.keepAlive).toBe(true);
  });

  it('lets 101 through as the program made it, and ends HTTP', () => {
    const encoder = begun();
    const headers = HTTPHeaders.from({ Upgrade: 'websocket', Connection: 'Upgrade' });
    expect(fields(encoder, 101, headers, -1)).toEqual(['Upgrade: websocket', 'Connection: Upgrade']);
    expect([encoder.sendsBody, encoder.keepAlive]).toEqual([false, false]);
  });

  it('opens a tunnel for CONNECT without framing', () => {
    const encoder = begun('CONNECT');
    expect(fields(encoder, 200, new HTTPHeaders(), 0)).toEqual([]);
    expect([encoder.sendsBody, encoder.keepAlive]).toEqual([false, false]);
  });

  it('holds the body to a length that the program set [H1-13, ATT-16]', () => {
    const long = begun();
    expect(fields(long, 200, new HTTPHeaders().set('content-length', '10'), -1)).toEqual([
      'content-length: 10',
    ]);
    expect(long.dataPrefix(8)).toBe('');
    expect(() => long.dataPrefix(4)).toThrow(code('ERR_HTTP1_BODY_LONG'));
    expect([long.keepAlive, long.state]).toEqual([false, 'failed']);
    const short = begun();
    short.head(200, '', new HTTPHeaders().set('Content-Length', '10'), DATE, -1, false);
    short.dataPrefix(3);
    expect(() => short.end()).toThrow(code('ERR_HTTP1_BODY_SHORT'));
    expect([short.keepAlive, short.state]).toEqual([false, 'failed']);
  });

  it('refuses a length that contradicts the whole body, and still owes the head', () => {
    const encoder = begun();
    const headers = new HTTPHeaders().set('Content-Length', '4');
    expect(() => encoder.head(200, '', headers, DATE, 5, false)).toThrow(code('ERR_HTTP1_LENGTH_MISMATCH'));
    expect(encoder.state).toBe('head');
    expect(encoder.head(500, '', new HTTPHeaders(), DATE, 0, true)).toContain('500');
  });

  it.each(['', '+1', '1, 1', '0x1', '99999999999999999'])('refuses the length %j', (length) => {
    const headers = new HTTPHeaders().set('Content-Length', length);
    expect(() => begun().head(200, '', headers, DATE, -1, false)).toThrow(code('ERR_HTTP1_LENGTH_MISMATCH'));
  });

  it('sees the length in headers that were received, copied or changed', () => {
    const block = 'Content-Length: 4\r\nX: y\r\n';
    const received = HTTPHeaders.fromRaw(block, 0, block.length);
    expect(fields(begun(), 200, received, 4)).toEqual(['Content-Length: 4', 'X: y']);
    const copy = received.copy();
    expect(fields(begun(), 200, copy, 4)).toEqual(['Content-Length: 4', 'X: y']);
    copy.delete('content-length');
    expect(fields(begun(), 200, copy, 5)).toEqual(['X: y', 'Content-Length: 5']);
  });

  it('refuses a Transfer-Encoding of the program', () => {
    const headers = new HTTPHeaders().set('Transfer-Encoding', 'chunked');
    expect(() => begun().head(200, '', headers, DATE, -1, false)).toThrow(code('ERR_HTTP1_USAGE'));
  });

  it.each([100, 103, 199, 99, 600, 200.5, Number.NaN])('refuses %s as a final status', (status) => {
    expect(() => begun().head(status, '', new HTTPHeaders(), DATE, 0, false)).toThrow(
      code('ERR_HTTP1_USAGE'),
    );
  });

  it.each([-2, 1.5, Number.NaN])('refuses %s as a length', (whole) => {
    expect(() => begun().head(200, '', new HTTPHeaders(), DATE, whole, false)).toThrow(
      code('ERR_HTTP1_USAGE'),
    );
    const encoder = begun();
    encoder.head(200, '', new HTTPHeaders(), DATE, -1, false);
    expect(() => encoder.dataPrefix(whole)).toThrow(code('ERR_HTTP1_USAGE'));
  });

  it('refuses calls out of order', () => {
    const encoder = new ResponseEncoder();
    expect(() => encoder.head(200, '', new HTTPHeaders(), DATE, 0, false)).toThrow(code('ERR_HTTP1_USAGE'));
    expect(() => encoder.end()).toThrow(code('ERR_HTTP1_USAGE'));
    encoder.begin('GET', 'HTTP/1.1', true);
    expect(() => encoder.begin('GET', 'HTTP/1.1', true)).toThrow(code('ERR_HTTP1_USAGE'));
    expect(() => encoder.dataPrefix(1)).toThrow(code('ERR_HTTP1_USAGE'));
    encoder.head(200, '', new HTTPHeaders(), DATE, 0, false);
    expect(() => encoder.head(200, '', new HTTPHeaders(), DATE, 0, false)).toThrow(code('ERR_HTTP1_USAGE'));
  });

  it.each(['a\r\nX: y', '<script>', 'a\0', '\u0100', '\ud800', 'a&b', 'x'.repeat(201), '\x85'])(
    'sends the neutral phrase for the reason %j [ATT-36, ATT-77]',
    (reason) => {
      expect(begun().head(400, reason, new HTTPHeaders(), DATE, 0, false)).toMatch(
        /^HTTP\/1\.1 400 Bad Request\r\n/,
      );
      expect(begun().head(299, reason, new HTTPHeaders(), DATE, 0, false)).toMatch(
        /^HTTP\/1\.1 299 Unknown\r\n/,
      );
    },
  );

  it('sends a harmless reason as it is', () => {
    expect(begun().head(200, "It's fine", new HTTPHeaders(), DATE, 0, false)).toMatch(
      /^HTTP\/1\.1 200 It's fine\r\n/,
    );
  });
});

describe('encodeInterim', () => {
  it('writes 100 and 103', () => {
    expect(encodeInterim(100)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    const headers = new HTTPHeaders().add('Link', '</a.css>');
    expect(encodeInterim(103, headers)).toBe('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
  });

  it.each([101, 200, 99, Number.NaN])('refuses %s', (status) => {
    expect(() => encodeInterim(status)).toThrow(code('ERR_HTTP1_USAGE'));
  });

  it('refuses framing', () => {
    expect(() => encodeInterim(103, new HTTPHeaders().set('Content-Length', '0'))).toThrow(
      code('ERR_HTTP1_USAGE'),
    );
  });
});
