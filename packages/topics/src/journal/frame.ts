import type { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { ByteReader } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';
import { type JournalItem, readItem, writeItem } from './item-codec.ts';

// A frame: the CRC-32 of all that follows (4 bytes), the length of what follows the length (4), the sequence number (8),
// the stamp (8), and the item, which begins with its type (1). The checksum starts with one of the journal's id, so that
// what another journal left on the disk is no frame of this one.

const PREFIX_BYTES = 8;
const FIXED_BYTES = 17;
/** The shortest frame: an item that consists of its type. */
export const MIN_FRAME_BYTES = PREFIX_BYTES + FIXED_BYTES;
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
  writer.f64(sequence);
  writer.f64(stamp);
  writeItem(writer, item);
  const length = writer.length - start - PREFIX_BYTES;
  if (length > MAX_ITEM_BYTES) {
    writer.cutTo(start);
    throw new RangeError(`an entry has at most ${MAX_ITEM_BYTES} bytes, and this one has ${length}`);
  }
  writer.putU32(length, start + 4);
  writer.putU32(crc32(writer.written().subarray(start + 4), seed), start);
}

/** Reads a frame. @param end - where the bytes end that are there. */
export function readFrame(buffer: Buffer, start: number, end: number, seed: number): Frame | NoFrame {
  const limit = frameEnd(buffer, start, end);
  if (typeof limit !== 'number') return limit;
  if (crc32(buffer.subarray(start + 4, limit), seed) !== buffer.readUInt32LE(start))
    return { kind: 'invalid' };
  const reader = new ByteReader(buffer, start + PREFIX_BYTES, limit);
  const sequence = reader.f64();
  const stamp = reader.f64();
  try {
    return { sequence, stamp, item: readItem(reader), end: limit };
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'invalid' };
    throw error;
  }
}

/** Finds a frame with a sequence number after `sequence`. @returns whether there is one. */
export function hasFrameAfter(buffer: Buffer, sequence: number, seed: number): boolean {
  const most = sequence + buffer.length / MIN_FRAME_BYTES + 1;
  for (let at = 0; at + MIN_FRAME_BYTES <= buffer.length; at += 1) {
    const found = buffer.readDoubleLE(at + PREFIX_BYTES);
    if (!(found > sequence && found <= most)) continue;
    if ('sequence' in readFrame(buffer, at, buffer.length, seed)) return true;
  }
  return false;
}

function frameEnd(buffer: Buffer, start: number, end: number): number | NoFrame {
  if (end - start < PREFIX_BYTES) return { kind: 'incomplete', bytes: PREFIX_BYTES };
  const length = buffer.readUInt32LE(start + 4);
  if (length < FIXED_BYTES || length > MAX_ITEM_BYTES) return { kind: 'invalid' };
  const bytes = PREFIX_BYTES + length;
  return end - start < bytes ? { kind: 'incomplete', bytes } : start + bytes;
}
