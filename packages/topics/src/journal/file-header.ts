import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';

/** The version of the format that this package writes. */
export const FORMAT_VERSION = 1;
/** The oldest version of this package's format that can read what it writes. */
const READABLE_FROM = 1;
export const HEADER_BYTES = 64;
export const JOURNAL_ID_BYTES = 16;
const CHECKED_BYTES = HEADER_BYTES - 4;
const MAGIC = Buffer.from('lstopicj');

/** The start of each file of a journal. */
export interface FileHeader {
  readonly version: number;
  /** The oldest version that understands the file. */
  readonly readableFrom: number;
  readonly journalId: Uint8Array;
  readonly number: number;
  readonly part: number;
  /** Of a segment, the sequence number of its first item. Of a base, that of the first item that is not contained. */
  readonly firstSequence: number;
}

export function encodeHeader(header: Omit<FileHeader, 'version' | 'readableFrom'>): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(FORMAT_VERSION, 8);
  bytes.writeUInt16LE(READABLE_FROM, 10);
  bytes.set(header.journalId, 16);
  bytes.writeUInt32LE(header.number, 32);
  bytes.writeUInt32LE(header.part, 36);
  bytes.writeDoubleLE(header.firstSequence, 40);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  return bytes;
}

/** @returns undefined if the bytes are no header. */
export function decodeHeader(bytes: Buffer): FileHeader | undefined {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (crc32(bytes.subarray(0, CHECKED_BYTES)) !== bytes.readUInt32LE(CHECKED_BYTES)) return undefined;
  return {
    version: bytes.readUInt16LE(8),
    readableFrom: bytes.readUInt16LE(10),
    journalId: new Uint8Array(bytes.subarray(16, 16 + JOURNAL_ID_BYTES)),
    number: bytes.readUInt32LE(32),
    part: bytes.readUInt32LE(36),
    firstSequence: bytes.readDoubleLE(40),
  };
}

/** Where the checksums of a journal start. */
export function seedOf(journalId: Uint8Array): number {
  return crc32(journalId);
}
