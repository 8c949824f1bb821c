import { describe, expect, it } from 'vitest';
import { checkUpgradeRequest } from './upgrade-request.ts';

const HEADERS: Record<string, string | undefined> = {
  host: 'server.example.com',
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
};

function check(headers: Record<string, string | undefined> = {}, method = 'GET', version = 'HTTP/1.1') {
  const all = { ...HEADERS, ...headers };
  return checkUpgradeRequest({ method, version, header: (name) => all[name] });
}

describe('checkUpgradeRequest', () => {
  it('reads the request of RFC 6455 §1.2 [WS-01]', () => {
    expect(check({ 'sec-websocket-protocol': 'chat, superchat' })).toEqual({
      ok: true,
      key: 'dGhlIHNhbXBsZSBub25jZQ==',
      protocols: ['chat', 'superchat'],
      extensions: undefined,
      version: 13,
    });
  });

  it.each([
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_max_window_bits=8; unknown, foo',
    '',
  ])('passes the extensions %j on, whether or not they can be accepted [WS-17] [ATT-69]', (extensions) => {
    expect(check({ 'sec-websocket-extensions': extensions })).toMatchObject({ ok: true, extensions });
  });

  it.each([
    { upgrade: 'WebSocket' },
    { upgrade: 'h2c, websocket' },
    { connection: 'keep-alive, Upgrade' },
    { connection: 'UPGRADE,' },
    { 'sec-websocket-version': ' 13 ' },
    { 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits' },
  ])('accepts %j [WS-01]', (headers) => {
    expect(check(headers)).toMatchObject({ ok: true, protocols: [] });
  });

  it.each([
    { host: undefined },
    { host: ' ' },
    { upgrade: undefined },
    { upgrade: 'websocket2' },
    { upgrade: 'websocket/13' },
    { connection: undefined },
    { connection: 'keep-alive' },
    { 'sec-websocket-version': undefined },
    { 'sec-websocket-key': undefined },
    { 'sec-websocket-key': 'c2hvcnQ=' },
    { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZTE2Nw==' },
    { 'sec-websocket-protocol': 'a b' },
    { 'sec-websocket-extensions': 'a b' },
    { 'sec-websocket-extensions': 'permessage-deflate; server_max_window_bits=' },
    { 'sec-websocket-extensions': 'permessage-deflate; server_max_window_bits="10' },
  ])('refuses %j with 400 [WS-01 ATT-71]', (headers) => {
    expect(check(headers)).toMatchObject({ ok: false, status: 400 });
  });

  it.each(['', '7', '8', '14', '13, 8', '013', '13.0', '1e1'])(
    'refuses version %j with 426 and says which it speaks [WS-01 ATT-71]',
    (version) => {
      expect(check({ 'sec-websocket-version': version })).toMatchObject({
        ok: false,
        status: 426,
        headers: { 'Sec-WebSocket-Version': '13', Upgrade: 'websocket', Connection: 'Upgrade' },
      });
    },
  );

  it('refuses other methods with 405 [WS-01]', () => {
    expect(check({}, 'POST')).toMatchObject({ ok: false, status: 405, headers: { Allow: 'GET' } });
    expect(check({}, 'get')).toMatchObject({ ok: false, status: 405 });
  });

  it('refuses HTTP/1.0 [WS-01 ATT-71]', () => {
    expect(check({}, 'GET', 'HTTP/1.0')).toMatchObject({ ok: false, status: 400 });
  });
});
