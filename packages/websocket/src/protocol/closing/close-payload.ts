// The content of close frames. The code in `connection/` decides when one is sent and how long the peer may take to
// respond.

import { Buffer } from 'node:buffer';
import { shownValue } from '@landspout/ioloop/errors';
import { WebSocketProtocolError, WebSocketUsageError } from '../errors.ts';
import { MAX_CONTROL_BYTES } from '../limits.ts';
import { decodeUtf8 } from '../utf8.ts';
import { CLOSE_CODES, isValidCloseCode } from './close-codes.ts';

/** The content of a close frame. */
export interface CloseStatus {
  /** 1005 if the frame is empty. */
  readonly code: number;
  readonly reason: string;
}

/** Reads a close payload (RFC 6455 §5.5.1): empty, or a code of two bytes and a reason in UTF-8. */
export function readClosePayload(payload: Uint8Array): CloseStatus {
  if (payload.length === 0) return { code: CLOSE_CODES.noStatus, reason: '' };
  if (payload.length === 1) {
    throw new WebSocketProtocolError(
      'ERR_WEBSOCKET_BAD_CLOSE_PAYLOAD',
      'a close payload must be empty or have at least 2 bytes, got 1',
    );
  }
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const code = bytes.readUInt16BE(0);
  if (!isValidCloseCode(code)) {
    throw new WebSocketProtocolError('ERR_WEBSOCKET_BAD_CLOSE_CODE', `close code ${code} must not be sent`);
  }
  return { code, reason: decodeUtf8(bytes, 2, bytes.length) };
}

/**
 * Makes a close payload. Without code and reason, it is empty; with only a reason, the code is 1000.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE` if the code must not be sent, or the reason has more
 *   than 123 bytes of UTF-8. To respond to an empty close frame, which is reported as 1005, pass no code.
 */
export function writeClosePayload(code: number | undefined, reason: string): Buffer {
  if (typeof reason !== 'string') {
    const detail = `close reason must be a string, got ${shownValue(reason)}`;
    throw new WebSocketUsageError('ERR_WEBSOCKET_UNSENDABLE_CLOSE', detail);
  }
  if (code === undefined && reason === '') return Buffer.alloc(0);
  const sent = code ?? CLOSE_CODES.normal;
  if (!isValidCloseCode(sent)) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_UNSENDABLE_CLOSE',
      `close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, got ${shownValue(sent)}`,
    );
  }
  const reasonBytes = Buffer.byteLength(reason);
  if (reasonBytes > MAX_REASON_BYTES) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_UNSENDABLE_CLOSE',
      `close reason must have at most 123 bytes of UTF-8, got ${reasonBytes}`,
    );
  }
  const payload = Buffer.allocUnsafe(2 + reasonBytes);
  payload.writeUInt16BE(sent, 0);
  payload.write(reason, 2);
  return payload;
}

const MAX_REASON_BYTES = MAX_CONTROL_BYTES - 2;
