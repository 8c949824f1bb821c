import { describe, expect, it } from 'vitest';
import { formatSubprotocols, parseSubprotocols } from './subprotocols.ts';

const MANY = Array.from({ length: 65 }, (_, i) => `p${i}`);

describe('parseSubprotocols', () => {
  it('keeps the order and the case of the client [WS-01]', () => {
    expect(parseSubprotocols('chat , Superchat,v1.json')).toEqual(['chat', 'Superchat', 'v1.json']);
  });

  it('reads no header and an empty one as no offer', () => {
    expect([parseSubprotocols(undefined), parseSubprotocols(' ')]).toEqual([[], []]);
  });

  it.each(['a b', 'chat, chat', 'é', 'a;q=1', MANY.join()])('refuses %j', (value) => {
    expect(parseSubprotocols(value)).toBeUndefined();
  });

  it('takes up to 64', () => {
    expect(parseSubprotocols(MANY.slice(1).join())).toHaveLength(64);
  });
});

describe('formatSubprotocols', () => {
  it('writes what parseSubprotocols reads [WS-20]', () => {
    expect(formatSubprotocols(['chat', 'v2'])).toBe('chat, v2');
  });

  it.each([[['a,b']], [['']], [['a', 'a']], [['a\r\nX: y']], [MANY]])('refuses %j [WS-20]', (names) => {
    expect(() => formatSubprotocols(names)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_SUBPROTOCOL' }),
    );
  });
});
