import { Buffer } from 'node:buffer';
import { shownValue } from '@landspout/ioloop/errors';
import { writeClosePayload } from '../closing/close-payload.ts';
import { WebSocketUsageError } from '../errors.ts';
import { MAX_CONTROL_BYTES } from '../limits.ts';
import { isOpcode, OPCODES } from './frame-head.ts';
import { applyMask, packKey } from './mask.ts';

/**
 * Encodes frames that are ready to send (RFC 6455 §5). Each function returns a new buffer that is not modified
 * afterwards, so a broadcast can encode once and queue the same bytes for every peer. A server passes no masking key; a
 * client passes four new unpredictable bytes for every frame (RFC 6455 §5.3, §10.3).
 */

export interface FrameOptions {
  /** Whether this is the last frame of its message. Default: true. */
  readonly fin?: boolean;
  /** The masking key: four bytes. Only for clients. */
  readonly maskKey?: Uint8Array | undefined;
}

/**
 * Encodes a whole message: a string as text, bytes as binary. A lone surrogate, which has no UTF-8 encoding, is
 * replaced by U+FFFD.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` if `message` is neither a string nor a Uint8Array;
 *   `ERR_WEBSOCKET_BAD_MASK` if the key does not have four bytes.
 */
export function encodeMessage(message: string | Uint8Array, maskKey?: Uint8Array): Buffer {
  if (typeof message !== 'string') return encodeFrame(OPCODES.binary, message, { maskKey });
  if (maskKey === undefined && message.length <= SHORT_TEXT_CHARS) {
    const frame = encodeShortAscii(message);
    if (frame !== undefined) return frame;
  }
  return encodeFrame(OPCODES.text, message, { maskKey });
}

/** @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CONTROL` if the payload has more than 125 bytes. */
export function encodePing(payload: string | Uint8Array = '', maskKey?: Uint8Array): Buffer {
  return encodeFrame(OPCODES.ping, payload, { maskKey });
}

/** @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CONTROL` if the payload has more than 125 bytes. */
export function encodePong(payload: string | Uint8Array = '', maskKey?: Uint8Array): Buffer {
  return encodeFrame(OPCODES.pong, payload, { maskKey });
}

/**
 * Encodes a close frame. Without code and reason, it is empty; with only a reason, the code is 1000.
 *
 * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE` if the code must not be sent, such as 1005 and 1006, or
 *   the reason has more than 123 bytes of UTF-8. To respond to an empty close frame, pass `undefined`.
 */
export function encodeClose(code?: number, reason = '', maskKey?: Uint8Array): Buffer {
  return encodeFrame(OPCODES.close, writeClosePayload(code, reason), { maskKey });
}

/**
 * Encodes one frame of any kind, such as a fragment. The caller must ensure that it may follow the frames before it.
 */
export function encodeFrame(
  opcode: number,
  payload: string | Uint8Array,
  options: FrameOptions = {},
): Buffer {
  const { fin = true, maskKey } = options;
  const payloadBytes = byteLengthOf(payload);
  const headBytes = headLength(payloadBytes, maskKey);
  const frame = Buffer.allocUnsafe(headBytes + payloadBytes);
  writeHead(frame, opcode, fin, payloadBytes, maskKey);
  if (typeof payload === 'string') {
    frame.write(payload, headBytes);
    if (maskKey !== undefined) applyMask(frame, headBytes, frame.length, maskKey, frame, headBytes);
  } else if (maskKey === undefined) {
    frame.set(payload, headBytes);
  } else {
    applyMask(payload, 0, payloadBytes, maskKey, frame, headBytes);
  }
  return frame;
}

/** Encodes only the head of a frame, for a caller that sends a large payload without copying it. */
export function encodeFrameHead(opcode: number, payloadBytes: number, options: FrameOptions = {}): Buffer {
  const { fin = true, maskKey } = options;
  if (!Number.isSafeInteger(payloadBytes) || payloadBytes < 0) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_UNSENDABLE_DATA',
      `encodeFrameHead: payloadBytes must be an integer of 0 or more, got ${payloadBytes}`,
    );
  }
  const head = Buffer.allocUnsafe(headLength(payloadBytes, maskKey));
  writeHead(head, opcode, fin, payloadBytes, maskKey);
  return head;
}

/**
 * Up to this length, writing the bytes one by one is faster than two native calls: 40 ns instead of 125 ns for 16
 * characters.
 */
const SHORT_TEXT_CHARS = 48;

function encodeShortAscii(text: string): Buffer | undefined {
  const length = text.length;
  const frame = Buffer.allocUnsafe(2 + length);
  frame[0] = FIN | OPCODES.text;
  frame[1] = length;
  for (let i = 0; i < length; i += 1) {
    const char = text.charCodeAt(i);
    if (char >= 0x80) return undefined;
    frame[2 + i] = char;
  }
  return frame;
}

function byteLengthOf(payload: string | Uint8Array): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  if (payload instanceof Uint8Array) return payload.length;
  throw new WebSocketUsageError(
    'ERR_WEBSOCKET_UNSENDABLE_DATA',
    `the payload must be a string or a Uint8Array, got ${shownValue(payload)}`,
  );
}

function headLength(payloadBytes: number, maskKey: Uint8Array | undefined): number {
  const lengthBytes = payloadBytes < 126 ? 0 : payloadBytes < 0x10000 ? 2 : 8;
  return 2 + lengthBytes + (maskKey === undefined ? 0 : 4);
}

function writeHead(
  target: Buffer,
  opcode: number,
  fin: boolean,
  payloadBytes: number,
  maskKey: Uint8Array | undefined,
): void {
  if (!isOpcode(opcode)) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_UNSENDABLE_DATA',
      `opcode must be 0, 1, 2, 8, 9 or 10, got ${opcode}`,
    );
  }
  if (opcode >= OPCODES.close) checkControl(fin, payloadBytes);
  target[0] = (fin ? FIN : 0) | opcode;
  const maskBit = maskKey === undefined ? 0 : 0x80;
  let at = 2;
  if (payloadBytes < 126) {
    target[1] = maskBit | payloadBytes;
  } else if (payloadBytes < 0x10000) {
    target[1] = maskBit | 126;
    at = target.writeUInt16BE(payloadBytes, 2);
  } else {
    target[1] = maskBit | 127;
    target.writeUInt32BE(Math.floor(payloadBytes / 0x100000000), 2);
    at = target.writeUInt32BE(payloadBytes % 0x100000000, 6);
  }
  if (maskKey === undefined) return;
  packKey(maskKey); // Only to check the length of the key.
  target.set(maskKey, at);
}

function checkControl(fin: boolean, payloadBytes: number): void {
  if (fin && payloadBytes <= MAX_CONTROL_BYTES) return;
  const detail = fin
    ? `a control frame must have at most 125 bytes of payload, got ${payloadBytes}`
    : 'a control frame must not be fragmented';
  throw new WebSocketUsageError('ERR_WEBSOCKET_UNSENDABLE_CONTROL', detail);
}

const FIN = 0x80;
