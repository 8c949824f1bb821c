// This room knows what a close frame says. It does not know when one is sent, or how long the response to it may take.

import { Buffer } from 'node:buffer';
import { WebSocketProtocolError, WebSocketUsageError } from '../errors.ts';
import { MAX_CONTROL_BYTES } from '../limits.ts';
import { decodeUtf8 } from '../utf8.ts';
import { CLOSE_CODES, isValidCloseCode } from './close-codes.ts';

/** What a close frame says. */
export interface CloseStatus {
  /** 1005 when the frame said nothing. */
  readonly code: number;
  readonly reason: string;
}

/** RFC 6455 §5.5.1: nothing, or a code in two bytes and a reason in UTF-8. */
export function readClosePayload(payload: Uint8Array): CloseStatus {
  if (payload.length === 0) return { code: CLOSE_CODES.noStatus, reason: '' };
  if (payload.length === 1) {
    throw new WebSocketProtocolError('ERR_WEBSOCKET_BAD_CLOSE_PAYLOAD', 'a close payload of one byte');
  }
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const code = bytes.readUInt16BE(0);
  if (!isValidCloseCode(code)) {
    throw new WebSocketProtocolError(
      'ERR_WEBSOCKET_BAD_CLOSE_CODE',
      `close code ${code} is not for the wire`,
    );
  }
  return { code, reason: decodeUtf8(bytes, 2, bytes.length) };
}

/**
 * Writes a close payload. Without a code and a reason it is empty; a reason alone means 1000.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE` when the code may not be on the wire (echo an
 * empty close, which was reported as 1005, by passing no code) or the reason is over 123 bytes of UTF-8.
 */
export function writeClosePayload(code: number | undefined, reason: string): Buffer {
  if (code === undefined && reason === '') return Buffer.alloc(0);
  const sent = code ?? CLOSE_CODES.normal;
  if (!isValidCloseCode(sent)) {
    throw new WebSocketUsageError('ERR_WEBSOCKET_UNSENDABLE_CLOSE', `close code ${sent} may not be sent`);
  }
  const reasonBytes = Buffer.byteLength(reason);
  if (reasonBytes > MAX_REASON_BYTES) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_UNSENDABLE_CLOSE',
      `a reason of ${reasonBytes} bytes, over 123`,
    );
  }
  const payload = Buffer.allocUnsafe(2 + reasonBytes);
  payload.writeUInt16BE(sent, 0);
  payload.write(reason, 2);
  return payload;
}

const MAX_REASON_BYTES = MAX_CONTROL_BYTES - 2;
