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

const DEFLATE = { contextTakeover: true, maxWindowBits: 15, peerMaxWindowBits: 15 };

/** Checks a response to an offer of permessage-deflate. */
function checkExtensions(value: string | undefined) {
  const all: typeof HEADERS = { ...HEADERS, 'sec-websocket-extensions': value };
  return checkUpgradeResponse(
    { version: 'HTTP/1.1', status: 101, header: (name) => all[name] },
    { accept: ACCEPT, protocols: [], deflate: DEFLATE },
  );
}

describe('checkUpgradeResponse', () => {
  it('reads the response of RFC 6455 §1.2 [WS-20]', () => {
    expect(check({ 'sec-websocket-protocol': 'chat' }, ['chat', 'superchat'])).toEqual({ protocol: 'chat' });
  });

  it('accepts a server that chooses none of the subprotocols [WS-20]', () => {
    expect(check({}, ['chat'])).toEqual({ protocol: undefined });
  });

  it('returns how messages are compressed, if the server accepts the offer [WS-17] [WS-20]', () => {
    expect(checkExtensions('permessage-deflate; server_no_context_takeover').deflate).toEqual({
      sendWindowBits: 15,
      receiveWindowBits: 15,
      sendTakeover: true,
      receiveTakeover: false,
    });
    expect(checkExtensions(undefined).deflate).toBeUndefined();
  });

  it('refuses parameters of permessage-deflate that are invalid, and other extensions [WS-17] [WS-20]', () => {
    expect(() => checkExtensions('permessage-deflate; server_max_window_bits=16')).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_EXTENSION', status: 101 }),
    );
    expect(() => checkExtensions('foo')).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_UNOFFERED_EXTENSION', status: 101 }),
    );
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
    ['ERR_WEBSOCKET_BAD_EXTENSION', { 'sec-websocket-extensions': 'permessage-deflate;' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': 'other' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': 'Chat' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': 'chat, chat' }],
    ['ERR_WEBSOCKET_UNOFFERED_PROTOCOL', { 'sec-websocket-protocol': '' }],
  ])('throws %s for %j [WS-20]', (code, headers) => {
    expect(() => check(headers, ['chat'])).toThrow(expect.objectContaining({ code, status: 101 }));
  });
});
