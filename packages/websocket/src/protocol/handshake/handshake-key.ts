import { Buffer } from 'node:buffer';
import { WebSocketUsageError } from '../errors.ts';

/** RFC 6455 §1.3: joined to the key, so that only a server that knows WebSocket can answer. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Base64 of 16 bytes: 22 characters that carry bits, then the padding. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether `value` can be a Sec-WebSocket-Key: base64 that decodes to 16 bytes (RFC 6455 §4.1). */
export function isHandshakeKey(value: string): boolean {
  return KEY.test(value);
}

/**
 * Writes a Sec-WebSocket-Key.
 *
 * @param nonce - 16 fresh random bytes.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` for any other number of bytes.
 */
export function handshakeKey(nonce: Uint8Array): string {
  if (nonce.length !== 16) {
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', `a nonce has 16 bytes, not ${nonce.length}`);
  }
  return Buffer.from(nonce).toString('base64');
}

/**
 * The Sec-WebSocket-Accept that answers `key` (RFC 6455 §4.2.2).
 *
 * @param sha1Base64 - hashes ASCII text with SHA-1 and returns base64; this floor has no cryptography of its own.
 */
export function acceptValue(key: string, sha1Base64: (text: string) => string): string {
  return sha1Base64(key + ACCEPT_SUFFIX);
}
