import { Buffer } from 'node:buffer';
import { shownValue } from '@landspout/ioloop/errors';
import { writeClosePayload } from '../closing/close-payload.ts';
import { WebSocketUsageError } from '../errors.ts';
import { MAX_CONTROL_BYTES } from '../limits.ts';
import { isOpcode, OPCODES, RSV1 } from './frame-head.ts';
import { applyMask, packKey } from './mask.ts';

/**
 * Encodes frames that are ready to send (RFC 6455 §5). Each function returns a new buffer that is not modified
 * afterwards, so a broadcast can encode once and queue the same bytes for every peer. A server passes no masking key; a
 * client passes four new unpredictable bytes for every frame (RFC 6455 §5.3, §10.3).
 */

export interface FrameOptions {
  /** Whether this is the last frame of its message. Default: true. */
  readonly fin?: boolean;
  /** Whether the payload begins a compressed message, which sets RSV1 (RFC 7692 §6). Default: false. */
  readonly isCompressed?: boolean;
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
  return encodeFrame(typeof message === 'string' ? OPCODES.text : OPCODES.binary, message, { maskKey });
}

/**
 * Encodes an ASCII text as an unmasked frame in a latin1 string: each character is one byte. This takes less time than a
 * buffer, and streams send short strings for many connections in one native call.
 *
 * @returns undefined if the text is longer than 128 Ki characters or not ASCII: use {@link encodeMessage}.
 */
export function encodeAsciiText(text: string): string | undefined {
  const { length } = text;
  if (length > ASCII_TEXT_CHARS || !isAscii(text)) return undefined;
  if (length < 126) return (SHORT_HEADS[length] as string) + text;
  if (length < 0x10000)
    return String.fromCharCode(FIN | OPCODES.text, 126, length >>> 8, length & 0xff) + text;
  const { fromCharCode } = String;
  return (
    fromCharCode(
      FIN | OPCODES.text,
      127,
      0,
      0,
      0,
      0,
      0,
      length >>> 16,
      (length >>> 8) & 0xff,
      length & 0xff,
    ) + text
  );
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
  const { fin = true, isCompressed = false, maskKey } = options;
  const payloadBytes = byteLengthOf(payload);
  const headBytes = headLength(payloadBytes, maskKey);
  const frame = Buffer.allocUnsafe(headBytes + payloadBytes);
  writeHead(frame, opcode, fin, isCompressed, payloadBytes, maskKey);
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
  const { fin = true, isCompressed = false, maskKey } = options;
  if (!Number.isSafeInteger(payloadBytes) || payloadBytes < 0) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_UNSENDABLE_DATA',
      `encodeFrameHead: payloadBytes must be an integer of 0 or more, got ${payloadBytes}`,
    );
  }
  const head = Buffer.allocUnsafe(headLength(payloadBytes, maskKey));
  writeHead(head, opcode, fin, isCompressed, payloadBytes, maskKey);
  return head;
}

function isAscii(text: string): boolean {
  const { length } = text;
  // One native call takes as long as a loop over about 50 characters.
  if (length > 48) return Buffer.byteLength(text) === length;
  for (let i = 0; i < length; i += 1) {
    if (text.charCodeAt(i) >= 0x80) return false;
  }
  return true;
}

/** The number of bytes of a payload. @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` for anything else. */
export function byteLengthOf(payload: string | Uint8Array): number {
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
  isCompressed: boolean,
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
  if (isCompressed) checkCompressed(opcode);
  target[0] = (fin ? FIN : 0) | (isCompressed ? RSV1 : 0) | opcode;
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

/** RFC 7692 §6: only the first frame of a message says that the message is compressed. */
function checkCompressed(opcode: number): void {
  if (opcode === OPCODES.text || opcode === OPCODES.binary) return;
  throw new WebSocketUsageError(
    'ERR_WEBSOCKET_UNSENDABLE_DATA',
    `isCompressed: opcode must be 1 or 2, got ${opcode}`,
  );
}

const FIN = 0x80;

/** Streams convert longer strings in several steps. */
const ASCII_TEXT_CHARS = 128 * 1024;

/** The heads of unmasked texts with less than 126 bytes, by length. */
const SHORT_HEADS = Array.from({ length: 126 }, (_, length) =>
  String.fromCharCode(FIN | OPCODES.text, length),
);
