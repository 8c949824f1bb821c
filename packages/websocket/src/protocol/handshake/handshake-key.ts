import { Buffer } from 'node:buffer';
import { WebSocketUsageError } from '../errors.ts';

/** RFC 6455 §1.3: appended to the key, so that only a server that knows WebSocket can compute the response. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Base64 of 16 bytes: 22 characters of data, then the padding. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether `value` is a valid Sec-WebSocket-Key: base64 that decodes to 16 bytes (RFC 6455 §4.1). */
export function isHandshakeKey(value: string): boolean {
  return KEY.test(value);
}

/**
 * Encodes a Sec-WebSocket-Key.
 *
 * @param nonce - 16 fresh random bytes.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if it does not have 16 bytes.
 */
export function handshakeKey(nonce: Uint8Array): string {
  if (nonce.length !== 16) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_BAD_OPTION',
      `handshakeKey: nonce must have 16 bytes, got ${nonce.length}`,
    );
  }
  return Buffer.from(nonce).toString('base64');
}

/**
 * Computes the Sec-WebSocket-Accept for `key` (RFC 6455 §4.2.2).
 *
 * @param sha1Base64 - hashes ASCII text with SHA-1 and returns base64; passed in, because `protocol/` contains no
 *   cryptography.
 */
export function acceptValue(key: string, sha1Base64: (text: string) => string): string {
  return sha1Base64(key + ACCEPT_SUFFIX);
}
