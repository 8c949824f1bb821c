import type { Buffer } from 'node:buffer';

import { WebSocketProtocolError } from '../errors.ts';
import { MAX_CONTROL_BYTES } from '../limits.ts';
import { packKeyAt } from './mask.ts';

/** Which side of the connection this is. A server receives masked frames, a client unmasked ones. */
export type WebSocketRole = 'server' | 'client';

/** The opcodes of RFC 6455 §5.2. Frames with an opcode of 8 or more are control frames. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Whether RFC 6455 defines `opcode`. */
export function isOpcode(opcode: number): boolean {
  const isKnown =
    (opcode >= 0 && opcode <= OPCODES.binary) || (opcode >= OPCODES.close && opcode <= OPCODES.pong);
  return isKnown && Number.isInteger(opcode);
}

const RESERVED_BITS = 0x70;
/** Set in the first frame of a compressed message (RFC 7692 §6). */
export const RSV1 = 0x40;

/** The maximum length of a head: two bytes, the longest extended length and the masking key. */
export const MAX_HEAD_BYTES = 14;

/** Everything before the payload of a frame. */
export interface FrameHead {
  readonly fin: boolean;
  /** Whether RSV1 is set: the frame begins a compressed message (RFC 7692 §6). */
  readonly isCompressed: boolean;
  readonly opcode: number;
  /** Exact up to 2^53. Larger values are rounded, but are far above every limit anyway. */
  readonly payloadBytes: number;
  /** The masking key as returned by `packKeyAt`. For an unmasked frame it is 0, which changes no bytes. */
  readonly key: number;
  readonly headBytes: number;
}

/**
 * Reads the head that begins at `start`, and checks everything that does not depend on other frames.
 *
 * @param mayCompress - whether permessage-deflate was negotiated, which uses RSV1.
 * @returns `undefined` while the head is incomplete; its first two bytes are checked as soon as they are received.
 * @throws WebSocketProtocolError with close code 1002.
 */
export function readFrameHead(
  bytes: Buffer,
  start: number,
  end: number,
  role: WebSocketRole,
  mayCompress: boolean,
): FrameHead | undefined {
  const available = end - start;
  if (available < 2) return undefined;
  const first = bytes[start] as number;
  const second = bytes[start + 1] as number;
  checkFirstBytes(first, second, role, mayCompress);
  const shortLength = second & 0x7f;
  const lengthBytes = shortLength < 126 ? 0 : shortLength === 126 ? 2 : 8;
  const headBytes = 2 + lengthBytes + (role === 'server' ? 4 : 0);
  if (available < headBytes) return undefined;
  return {
    fin: first >= 0x80,
    isCompressed: (first & RSV1) !== 0,
    opcode: first & 0x0f,
    payloadBytes: lengthBytes === 0 ? shortLength : readLongLength(bytes, start + 2, lengthBytes),
    key: role === 'server' ? packKeyAt(bytes, start + 2 + lengthBytes) : 0,
    headBytes,
  };
}

function checkFirstBytes(first: number, second: number, role: WebSocketRole, mayCompress: boolean): void {
  const opcode = first & 0x0f;
  if ((first & RESERVED_BITS) !== 0) checkReservedBits(first, mayCompress);
  if (!isOpcode(opcode)) {
    throw new WebSocketProtocolError('ERR_WEBSOCKET_RESERVED_OPCODE', `opcode ${opcode} is reserved`);
  }
  if (role === 'server' && second < 0x80) {
    throw new WebSocketProtocolError('ERR_WEBSOCKET_UNMASKED_FRAME', 'a frame of a client must be masked');
  }
  if (role === 'client' && second >= 0x80) {
    throw new WebSocketProtocolError('ERR_WEBSOCKET_MASKED_FRAME', 'a frame of a server must not be masked');
  }
  if (opcode < OPCODES.close) return;
  if (first < 0x80) {
    throw new WebSocketProtocolError(
      'ERR_WEBSOCKET_FRAGMENTED_CONTROL',
      'a control frame must not be fragmented',
    );
  }
  if ((second & 0x7f) > MAX_CONTROL_BYTES) {
    throw new WebSocketProtocolError(
      'ERR_WEBSOCKET_CONTROL_TOO_LONG',
      'a control frame must have at most 125 bytes of payload',
    );
  }
}

/** RFC 7692 §6: RSV1 marks the first frame of a compressed message. All else is reserved (RFC 6455 §5.2). */
function checkReservedBits(first: number, mayCompress: boolean): void {
  const opcode = first & 0x0f;
  if (mayCompress && (first & RESERVED_BITS) === RSV1) {
    if (opcode === OPCODES.text || opcode === OPCODES.binary) return;
    throw new WebSocketProtocolError(
      'ERR_WEBSOCKET_RESERVED_BITS',
      'RSV1 is only for the first frame of a message',
    );
  }
  const detail = mayCompress
    ? 'a reserved bit is set that no extension uses'
    : 'a reserved bit is set, but no extension was negotiated';
  throw new WebSocketProtocolError('ERR_WEBSOCKET_RESERVED_BITS', detail);
}

/** "The minimal number of bytes MUST be used", and the top bit of a 64-bit length must be 0 (RFC 6455 §5.2). */
function readLongLength(bytes: Buffer, at: number, lengthBytes: 2 | 8): number {
  if (lengthBytes === 2) {
    const length = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    if (length < 126) throw badLength(`length ${length} must not be encoded in 16 bits`);
    return length;
  }
  const high = bytes.readUInt32BE(at);
  if (high >= 0x80000000) throw badLength('the top bit of a 64-bit length must be 0');
  const length = high * 0x100000000 + bytes.readUInt32BE(at + 4);
  if (length < 0x10000) throw badLength(`length ${length} must not be encoded in 64 bits`);
  return length;
}

function badLength(detail: string): WebSocketProtocolError {
  return new WebSocketProtocolError('ERR_WEBSOCKET_BAD_LENGTH', detail);
}
