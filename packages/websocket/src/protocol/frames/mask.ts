import { WebSocketUsageError } from '../errors.ts';

/**
 * Masking (RFC 6455 §5.3): byte i of the payload is XORed with byte i modulo 4 of the frame's key. The same
 * operation masks and unmasks.
 */

/**
 * Masks or unmasks `source[sourceStart, sourceEnd)` into `target`, starting at `targetStart`. The source is not
 * modified, unless it is also the target; then the two ranges must be equal or must not overlap.
 *
 * @param key - the four bytes of the frame's key.
 * @param offset - the number of bytes of the same payload before `sourceStart`. Default: 0.
 * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_MASK` if the key does not have four bytes, or a range is outside its
 *   array; nothing has been written then.
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
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_MASK', `applyMask: the range is outside its array`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_BAD_MASK',
      `applyMask: offset must be an integer of 0 or more, got ${offset}`,
    );
  }
  maskInto(source, sourceStart, sourceEnd, rotateKey(packKey(key), offset), target, targetStart);
}

/** Packs a key of exactly four bytes into a number, for {@link maskInto}. */
export function packKey(key: Uint8Array): number {
  if (key.length !== 4) {
    throw new WebSocketUsageError(
      'ERR_WEBSOCKET_BAD_MASK',
      `a masking key must have 4 bytes, got ${key.length}`,
    );
  }
  return packKeyAt(key, 0);
}

/**
 * Packs the four bytes at `at`; the caller must ensure that they exist. The first byte becomes the lowest byte of the
 * number.
 */
export function packKeyAt(bytes: Uint8Array, at: number): number {
  return (
    byteAt(bytes, at) |
    (byteAt(bytes, at + 1) << 8) |
    (byteAt(bytes, at + 2) << 16) |
    (byteAt(bytes, at + 3) << 24)
  );
}

/** Rotates the key so that it begins with the byte that applies to payload byte `offset`. */
export function rotateKey(key: number, offset: number): number {
  const bits = (offset % 4) * 8;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/**
 * Masks without checking the arguments, for callers in this folder that have checked them. A key of 0 only copies.
 *
 * @returns all written bytes, ORed together in four lanes: bit 7 of a lane is set if and only if some byte is not
 *   ASCII; see {@link isAsciiLanes}. Text messages need this, and computing it here costs nothing.
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
  // First the bytes before the first aligned word of the target; then whole words, copied natively and masked in place;
  // then the last bytes.
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

/** Whether all bytes that were ORed into these lanes are below 0x80. */
export function isAsciiLanes(lanes: number): boolean {
  return (lanes & 0x80808080) === 0;
}

/** Below this length, creating the word views takes longer than it saves (measured on Node 20 and 24). */
const WORDS_FROM_BYTES = 128;

/**
 * The first byte of a packed key is the lowest. Only on a little-endian machine does this match the byte order in
 * memory.
 */
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
