import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { acceptValue, handshakeKey, isHandshakeKey } from './handshake-key.ts';

describe('acceptValue', () => {
  it('answers the example of RFC 6455 §1.3 [WS-01]', () => {
    const sha1Base64 = (text: string) => createHash('sha1').update(text).digest('base64');
    expect(acceptValue('dGhlIHNhbXBsZSBub25jZQ==', sha1Base64)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });
});

describe('handshakeKey', () => {
  it('writes the key of RFC 6455 §1.3, which is a key [WS-20]', () => {
    const key = handshakeKey(Buffer.from('the sample nonce'));
    expect(key).toBe('dGhlIHNhbXBsZSBub25jZQ==');
    expect(isHandshakeKey(key)).toBe(true);
  });

  it.each([0, 15, 17])('refuses a nonce of %d bytes', (length) => {
    expect(() => handshakeKey(new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }),
    );
  });
});

describe('isHandshakeKey', () => {
  it.each([
    '',
    'dGhlIHNhbXBsZSBub25jZQ',
    'dGhlIHNhbXBsZSBub25jZQ==\n',
    'dGhlIHNhbXBsZSBub25jZQ== ',
    'dGhlIHNhbXBsZSBub25jZQAA',
    'dGhlIHNhbXBsZSBub25jZTE=',
    'dGhlIHNhbXBsZSBub25j',
    'dGhlIHNhbXBsZSBub25_ZQ==',
    'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==',
  ])('refuses %j [ATT-71]', (value) => {
    expect(isHandshakeKey(value)).toBe(false);
  });
});
