import { HTTPClosedError, Http1ProtocolError } from '@landspout/http1';
import { HTTPHeaders } from '@landspout/http1/protocol';
import { HTTPProxyError } from '@landspout/httpclient';
import { SystemError } from '@landspout/ioloop';
import { ConnectError, StreamConnectError, StreamTimeoutError } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { WebSocketLimitError, WebSocketTimeoutError } from '../connection/errors.ts';
import { WebSocketHandshakeError, WebSocketProtocolError, WebSocketUsageError } from '../protocol/index.ts';
import { isTemporaryClose, isTemporaryFailure, reconnectDelay, retryAfterMs } from './reconnect-policy.ts';

const refused = (status: number, headers: Record<string, string> = {}): WebSocketHandshakeError =>
  new WebSocketHandshakeError('ERR_WEBSOCKET_UPGRADE_REFUSED', status, 'refused', {
    response: { url: 'ws://a/', headers: HTTPHeaders.from(headers), body: new Uint8Array() },
  });

const tlsError = (cause?: unknown): StreamConnectError =>
  new StreamConnectError('ERR_STREAM_TLS', 'tls', cause === undefined ? {} : { cause });

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe('isTemporaryClose', () => {
  it.each([
    [true, [1001, 1005, 1006, 1011, 1012, 1013, 1014]],
    [false, [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4000, 4001, 4999]],
  ])('is %s for the close codes %j [WS-20]', (expected, codes) => {
    for (const code of codes) expect(isTemporaryClose(code, undefined), `${code}`).toBe(expected);
  });

  it('is false if the server has broken the protocol, and true if it was too slow [WS-20]', () => {
    expect(isTemporaryClose(1006, new WebSocketProtocolError('ERR_WEBSOCKET_BAD_UTF8', 'x'))).toBe(false);
    expect(isTemporaryClose(1006, new WebSocketTimeoutError('ERR_WEBSOCKET_PING_TIMEOUT', 'x'))).toBe(true);
    expect(isTemporaryClose(1006, new WebSocketLimitError('x'))).toBe(true);
  });
});

describe('isTemporaryFailure', () => {
  it.each([
    [true, [408, 425, 429, 500, 502, 503, 504, 599]],
    [false, [101, 200, 301, 400, 401, 403, 404, 407, 410, 426, 600]],
  ])('is %s for the statuses %j, of the server or a proxy [WS-20]', (expected, statuses) => {
    for (const status of statuses) {
      expect(isTemporaryFailure(refused(status)), `${status}`).toBe(expected);
      const ofProxy = new HTTPProxyError('a:1', 'x', { proxyStatus: status });
      expect(isTemporaryFailure(ofProxy), `proxy ${status}`).toBe(expected);
    }
  });

  it.each<[string, Error]>([
    ['a refused connection', new SystemError('ECONNREFUSED', 'connect')],
    ['several of them', new ConnectError('a', [], new SystemError('ENETUNREACH', 'connect'))],
    [
      'a name that is not found',
      new StreamConnectError('ERR_STREAM_RESOLVE', 'x', { cause: coded('ENOTFOUND') }),
    ],
    ['a connection lost during TLS', tlsError(coded('ECONNRESET'))],
    ['a connection ended during TLS', tlsError()],
    ['a timeout', new WebSocketTimeoutError('ERR_WEBSOCKET_CONNECT_TIMEOUT', 'x')],
    ['a timeout of TLS', new StreamTimeoutError('x')],
    ['a connection ended before the response', new HTTPClosedError('ERR_HTTP_PEER_ENDED', 'x')],
    ['a response that is cut', new Http1ProtocolError('ERR_HTTP1_TRUNCATED', 'x')],
    [
      'a proxy that is down',
      new HTTPProxyError('a:1', 'x', { cause: new SystemError('ECONNREFUSED', 'connect') }),
    ],
    ['a slow proxy', new HTTPProxyError('a:1', 'x')],
    ['a SOCKS5 proxy that does not reach the host', new HTTPProxyError('a:1', 'x', { reply: 4 })],
  ])('is true for %s [WS-20]', (_what, error) => {
    expect(isTemporaryFailure(error)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a certificate that is not trusted', tlsError(coded('DEPTH_ZERO_SELF_SIGNED_CERT'))],
    ['a certificate of another host', tlsError(coded('ERR_TLS_CERT_ALTNAME_INVALID'))],
    ['a TLS alert', tlsError(coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'))],
    [
      'a proxy with such a certificate',
      new HTTPProxyError('a:1', 'x', { cause: tlsError(coded('CERT_HAS_EXPIRED')) }),
    ],
    ['a SOCKS5 proxy with a rule', new HTTPProxyError('a:1', 'x', { reply: 2 })],
    ['a server of another protocol', new Http1ProtocolError('ERR_HTTP1_BAD_STATUS_LINE', 'x')],
    ['an invalid option', new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', 'x')],
    ['a fault of the program', new TypeError('x')],
    ['something that is no error', 'x'],
  ])('is false for %s [WS-20]', (_what, error) => {
    expect(isTemporaryFailure(error)).toBe(false);
  });
});

describe('retryAfterMs', () => {
  const now = Date.UTC(2024, 0, 31, 12, 0, 0);

  it.each([
    ['7', 7_000],
    [' 7 ', 7_000],
    ['0', 0],
    ['9'.repeat(400), Infinity],
    ['Wed, 31 Jan 2024 12:01:30 GMT', 90_000],
    ['Wed, 31 Jan 2024 11:00:00 GMT', 0],
    ['-5', 0],
    ['1.5', 0],
    ['soon', 0],
    ['', 0],
  ])('reads %j as %d ms (RFC 9110 §10.2.3) [WS-20]', (value, expected) => {
    expect(retryAfterMs(refused(503, { 'Retry-After': value }), now)).toBe(expected);
  });

  it('is 0 without the header, and for other errors [WS-20]', () => {
    expect(retryAfterMs(refused(503), now)).toBe(0);
    expect(retryAfterMs(new WebSocketHandshakeError('ERR_WEBSOCKET_UPGRADE_REFUSED', 503, 'x'), now)).toBe(0);
    expect(retryAfterMs(new Error('x'), now)).toBe(0);
  });
});

describe('reconnectDelay', () => {
  const delays = { minRetryMs: 1_000, maxRetryMs: 30_000, maxRetryAfterMs: 60_000, restartSpreadMs: 10_000 };
  const lost = { code: 1006, retryAfterMs: 0 };

  it('adds a random part whose limit doubles, up to the maximum [WS-20]', () => {
    const longest = [1, 2, 3, 4, 5, 6, 2_000].map((failures) => reconnectDelay(failures, delays, lost, 1));
    expect(longest).toEqual([2_000, 3_000, 5_000, 9_000, 17_000, 30_000, 30_000]);
    for (const failures of [1, 5, 50]) expect(reconnectDelay(failures, delays, lost, 0)).toBe(1_000);
  });

  it.each([1001, 1012, 1013])('spreads the clients that were all closed with %d [WS-20]', (code) => {
    const cause = { ...lost, code };
    expect([0, 0.5, 1].map((random) => reconnectDelay(1, delays, cause, random))).toEqual([
      1_000, 6_000, 11_000,
    ]);
    expect(reconnectDelay(5, delays, cause, 1)).toBe(17_000);
    expect(reconnectDelay(1, { ...delays, maxRetryMs: 4_000 }, cause, 1)).toBe(4_000);
  });

  it('waits for as long as the server asks, up to the limit, and adds the random part [WS-20]', () => {
    const asked = (retryAfterMs: number, random: number): number =>
      reconnectDelay(1, delays, { code: undefined, retryAfterMs }, random);
    expect([asked(500, 0), asked(45_000, 0), asked(45_000, 1)]).toEqual([1_000, 45_000, 46_000]);
    expect([asked(Infinity, 0), asked(Infinity, 1)]).toEqual([60_000, 61_000]);
  });

  it('never exceeds the longest delay of a timer [WS-20]', () => {
    const longest = 2 ** 31 - 1;
    const most = { minRetryMs: 1, maxRetryMs: longest, maxRetryAfterMs: longest, restartSpreadMs: longest };
    expect(reconnectDelay(2_000, most, { code: 1012, retryAfterMs: Infinity }, 1)).toBe(longest);
  });
});
