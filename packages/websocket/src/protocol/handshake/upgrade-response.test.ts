import { describe, expect, it } from 'vitest';
import { checkUpgradeResponse } from './upgrade-response.ts';

const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const HEADERS: Record<string, string | undefined> = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': ACCEPT,
};

function check(
  headers: Record<string, string | undefined> = {},
  protocols: string[] = [],
  status = 101,
  version = 'HTTP/1.1',
) {
  const all = { ...HEADERS, ...headers };
  return checkUpgradeResponse(
    { version, status, header: (name) => all[name] },
    { accept: ACCEPT, protocols },
  );
}

describe('checkUpgradeResponse', () => {
  it('reads the response of RFC 6455 §1.2 [WS-20]', () => {
    expect(check({ 'sec-websocket-protocol': 'chat' }, ['chat', 'superchat'])).toEqual({ protocol: 'chat' });
  });

  it('accepts a server that chooses none of the subprotocols [WS-20]', () => {
    expect(check({}, ['chat'])).toEqual({ protocol: undefined });
  });

  it('compares Upgrade and Connection without regard to case', () => {
    expect(check({ upgrade: 'WebSocket', connection: 'keep-alive, upgrade' })).toEqual({
      protocol: undefined,
    });
  });

  it.each([200, 302, 401, 426, 500])('refuses status %d and keeps it [WS-20]', (status) => {
    expect(() => check({}, [], status)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEBSOCKET_UPGRADE_REFUSED',
        status,
        name: 'WebSocketHandshakeError',
      }),
    );
  });

  it('refuses a 101 of HTTP/1.0, which has no upgrade [WS-20]', () => {
    expect(() => check({}, [], 101, 'HTTP/1.0')).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_UPGRADE', status: 101 }),
    );
  });

  it.each([
    ['ERR_WEBSOCKET_BAD_UPGRADE', { upgrade: undefined }],
    ['ERR_WEBSOCKET_BAD_UPGRADE', { upgrade: 'h2c' }],
    ['ERR_WEBSOCKET_BAD_UPGRADE', { upgrade: 'websocket, h2c' }],
    ['ERR_WEBSOCKET_BAD_UPGRADE', { connection: undefined }],
    ['ERR_WEBSOCKET_BAD_UPGRADE', { connection: 'close' }],
    ['ERR_WEBSOCKET_BAD_ACCEPT', { 'sec-websocket-accept': undefined }],
    ['ERR_WEBSOCKET_BAD_ACCEPT', { 'sec-websocket-accept': `${ACCEPT}, ${ACCEPT}` }],
    ['ERR_WEBSOCKET_BAD_ACCEPT', { 'sec-websocket-accept': ACCEPT.toLowerCase() }],
    ['ERR_WEBSOCKET_UNOFFERED_EXTENSION', { 'sec-websocket-extensions': 'permessage-deflate' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': 'other' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': 'Chat' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': 'chat, chat' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': '' }],
  ])('throws %s for %j [WS-20]', (code, headers) => {
    expect(() => check(headers, ['chat'])).toThrow(expect.objectContaining({ code, status: 101 }));
  });
});
