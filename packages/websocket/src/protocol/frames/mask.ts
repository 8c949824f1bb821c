import { WebSocketUsageError } from '../errors.ts';

/**
 * Masking (RFC 6455 §5.3): byte i of the payload is XORed with byte i modulo 4 of the frame's key. The same
 * operation masks and unmasks.
 */

/**
 * Masks or unmasks `source[sourceStart, sourceEnd)` into `target` from `targetStart` on. The source stays as it is,
 * unless it is the target too: then both ranges must be the same one, or not overlap.
 *
 * @param key - the frame's four bytes.
 * @param offset - how many bytes of the same frame's payload came before; default 0.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_MASK` when the key is not four bytes long or a range does not lie
 * within its array; nothing has been written then.
 */
export function applyMask(
  source: Uint8Array,
  sourceStart: number,
  sourceEnd: number,
  key: Uint8Array,
  target: Uint8Array,
  targetStart: number,
  offset = 0,
): void {
  const length = sourceEnd - sourceStart;
  if (!isRange(sourceStart, sourceEnd, source) || !isRange(targetStart, targetStart + length, target)) {
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_MASK', `the range to mask lies outside its array`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_BAD_MASK',
      `the offset must be a whole number, not ${offset}`,
    );
  }
  maskInto(source, sourceStart, sourceEnd, rotateKey(packKey(key), offset), target, targetStart);
}

/** Reads a key of exactly four bytes as the number that {@link maskInto} takes. */
export function packKey(key: Uint8Array): number {
  if (key.length !== 4) {
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_MASK', `a masking key has 4 bytes, not ${key.length}`);
  }
  return packKeyAt(key, 0);
}

/** Reads the four bytes at `at`, which the caller knows to be there. The first byte is the lowest. */
export function packKeyAt(bytes: Uint8Array, at: number): number {
  return (
    byteAt(bytes, at) |
    (byteAt(bytes, at + 1) << 8) |
    (byteAt(bytes, at + 2) << 16) |
    (byteAt(bytes, at + 3) << 24)
  );
}

/** Turns the key so that it begins with the byte that payload byte `offset` meets. */
export function rotateKey(key: number, offset: number): number {
  const bits = (offset % 4) * 8;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/**
 * The loop itself, without checks: for callers in this folder that have made them. A key of 0 copies.
 *
 * @returns all bytes written, ORed together in four lanes: bit 7 of a lane is set exactly when some byte is not
 * ASCII, see {@link isAsciiLanes}. Text needs to know, and here the answer costs nothing.
 */
export function maskInto(
  source: Uint8Array,
  sourceStart: number,
  sourceEnd: number,
  key: number,
  target: Uint8Array,
  targetStart: number,
): number {
  if (sourceEnd - sourceStart < WORDS_FROM_BYTES) {
    return maskBytes(source, sourceStart, sourceEnd, key, target, targetStart);
  }
  // Bytes before the first aligned word of the target, then words in place on a native copy, then the last bytes.
  const lead = -(target.byteOffset + targetStart) & 3;
  let lanes = maskBytes(source, sourceStart, sourceStart + lead, key, target, targetStart);
  const turned = rotateKey(key, lead);
  const start = sourceStart + lead;
  const wordCount = (sourceEnd - start) >>> 2;
  const wordsEnd = start + wordCount * 4;
  const at = targetStart + lead;
  target.set(source.subarray(start, wordsEnd), at);
  lanes |= maskWords(new Uint32Array(target.buffer, target.byteOffset + at, wordCount), turned);
  return lanes | maskBytes(source, wordsEnd, sourceEnd, turned, target, at + wordCount * 4);
}

/** Whether bytes with these ORed lanes were all below 0x80. */
export function isAsciiLanes(lanes: number): boolean {
  return (lanes & 0x80808080) === 0;
}

/** Below this, making the views costs more than it saves (measured on Node 20 and 24). */
const WORDS_FROM_BYTES = 128;

/** The key is packed with its first byte lowest, which is a word in memory only where memory is little-endian. */
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function maskWords(words: Uint32Array, key: number): number {
  const wordKey = LITTLE_ENDIAN ? key : swapBytes(key);
  let lanes = 0;
  for (let i = 0; i < words.length; i += 1) {
    const word = (words[i] as number) ^ wordKey;
    words[i] = word;
    lanes |= word;
  }
  return lanes;
}

function maskBytes(
  source: Uint8Array,
  sourceStart: number,
  sourceEnd: number,
  key: number,
  target: Uint8Array,
  targetStart: number,
): number {
  const shift = targetStart - sourceStart;
  let turning = key;
  let seen = 0;
  for (let i = sourceStart; i < sourceEnd; i += 1) {
    const byte = byteAt(source, i) ^ (turning & 0xff);
    turning = (turning >>> 8) | (turning << 24);
    target[i + shift] = byte;
    seen |= byte;
  }
  return seen;
}

function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function isRange(start: number, end: number, bytes: Uint8Array): boolean {
  return (
    Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= bytes.length
  );
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}
