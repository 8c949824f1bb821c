import type { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { ByteReader } from '../codec/byte-reader.ts';
import type { ByteWriter } from '../codec/byte-writer.ts';
import { type JournalItem, readItem, writeItem } from './item-codec.ts';

// A frame: the CRC-32 of all that follows (4 bytes), a checksum of the next three numbers (4), the length of what follows
// the length (4), the sequence number (8), the stamp (8), and the item, which begins with its type (1). Both checksums
// start with one of the journal's id, so that neither what another journal left on the disk, nor what a client has
// published, looks like the head of a frame: a search for one reads no more than it has to.

const CHECK_AT = 4;
const LENGTH_AT = 8;
const SEQUENCE_AT = 12;
const STAMP_AT = 20;
const ITEM_AT = 28;
/** What the length does not count. */
const PREFIX_BYTES = SEQUENCE_AT;
const FIXED_BYTES = ITEM_AT - PREFIX_BYTES + 1;
/** The shortest frame: an item that consists of its type. */
export const MIN_FRAME_BYTES = ITEM_AT + 1;
/** Longest item. Records have a limit of their own, so only a program that raised it gets here. */
export const MAX_ITEM_BYTES = 256 * 1024 * 1024;

/** One entry of a file. */
export interface Frame {
  /** Grows by 1 with each item of a journal. In a base, that of the last item that is contained. */
  readonly sequence: number;
  /** When it was written, by a clock that never goes back and counts from one process to the next, in milliseconds. */
  readonly stamp: number;
  /** Undefined if its type is unknown. */
  readonly item: JournalItem | undefined;
  /** Where the next frame begins. */
  readonly end: number;
}

/** Why there is no frame: the bytes are of no frame, or of one that is longer than they are. */
export type NoFrame =
  | { readonly kind: 'invalid' }
  | {
      readonly kind: 'incomplete' /** Number of bytes of the frame, as far as is known. */;
      readonly bytes: number;
    };

/** Appends a frame. @throws RangeError if the item is too large; then nothing is appended. */
export function writeFrame(
  writer: ByteWriter,
  seed: number,
  sequence: number,
  stamp: number,
  item: JournalItem,
): void {
  const start = writer.length;
  writer.u32(0);
  writer.u32(0);
  writer.u32(0);
  writer.f64(sequence);
  writer.f64(stamp);
  writeItem(writer, item);
  const length = writer.length - start - PREFIX_BYTES;
  if (length > MAX_ITEM_BYTES) {
    writer.cutTo(start);
    throw new RangeError(`an entry has at most ${MAX_ITEM_BYTES} bytes, and this one has ${length}`);
  }
  writer.putU32(length, start + LENGTH_AT);
  writer.putU32(headCheck(writer.written(), start, seed), start + CHECK_AT);
  writer.putU32(crc32(writer.written().subarray(start + CHECK_AT), seed), start);
}

/** Reads a frame. @param end - where the bytes end that are there. */
export function readFrame(buffer: Buffer, start: number, end: number, seed: number): Frame | NoFrame {
  const limit = frameEnd(buffer, start, end, seed);
  if (typeof limit !== 'number') return limit;
  if (crc32(buffer.subarray(start + CHECK_AT, limit), seed) !== buffer.readUInt32LE(start))
    return { kind: 'invalid' };
  const sequence = buffer.readDoubleLE(start + SEQUENCE_AT);
  const stamp = buffer.readDoubleLE(start + STAMP_AT);
  try {
    return { sequence, stamp, item: readItem(new ByteReader(buffer, start + ITEM_AT, limit)), end: limit };
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'invalid' };
    throw error;
  }
}

/**
 * Finds the head of a frame with a sequence number in a range.
 *
 * @param from - where to begin.
 * @param after - the sequence number is greater.
 * @param most - the sequence number is at most that.
 * @returns where the frame starts; -1 if there is none.
 */
export function findHead(buffer: Buffer, from: number, after: number, most: number, seed: number): number {
  for (let at = from; at + MIN_FRAME_BYTES <= buffer.length; at += 1) {
    const sequence = buffer.readDoubleLE(at + SEQUENCE_AT);
    if (!(sequence > after && sequence <= most)) continue;
    if (buffer.readUInt32LE(at + CHECK_AT) === headCheck(buffer, at, seed)) return at;
  }
  return -1;
}

function frameEnd(buffer: Buffer, start: number, end: number, seed: number): number | NoFrame {
  if (end - start < ITEM_AT) return { kind: 'incomplete', bytes: MIN_FRAME_BYTES };
  if (buffer.readUInt32LE(start + CHECK_AT) !== headCheck(buffer, start, seed)) return { kind: 'invalid' };
  const length = buffer.readUInt32LE(start + LENGTH_AT);
  if (length < FIXED_BYTES || length > MAX_ITEM_BYTES) return { kind: 'invalid' };
  const bytes = PREFIX_BYTES + length;
  return end - start < bytes ? { kind: 'incomplete', bytes } : start + bytes;
}

/** The checksum of length, sequence number and stamp: MurmurHash3 (x86, 32 bits) of 20 bytes, without a native call. */
function headCheck(buffer: Buffer, start: number, seed: number): number {
  let hash = seed;
  for (let at = start + LENGTH_AT; at < start + ITEM_AT; at += 4) {
    const word = Math.imul(buffer.readInt32LE(at), 0xcc9e2d51);
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= ITEM_AT - LENGTH_AT;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
