import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../codec/byte-writer.ts';
import { decodeHeader, encodeHeader, HEADER_BYTES, seedOf } from './file-header.ts';
import { findHead, MIN_FRAME_BYTES, readFrame, writeFrame } from './frame.ts';
import type { JournalItem } from './item-codec.ts';

const SEED = seedOf(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16));
const OTHER_SEED = seedOf(new Uint8Array(16));
const TOPIC = { kind: 'topic', name: 'röom:{1}/😀' } as const;
const RECORD = {
  type: 'record',
  log: TOPIC,
  position: 7,
  time: 1.5e12,
  key: undefined,
  id: undefined,
} as const;
const SETTINGS = {
  maxRecords: 1000,
  maxBytes: 2 ** 20,
  maxAgeMs: Infinity,
  dedupeMs: 120_000,
  maxDedupeIds: 1e4,
};
const RUN_SETTINGS = { maxRecords: 10, maxBytes: 2 ** 40, leaseMs: 15_000, ttlMs: 0.5, maxDurationMs: 1e6 };
const PAST = [
  { epoch: 'abc', to: 3 },
  { epoch: 'def', to: 2 ** 52 },
];

const ITEMS: readonly JournalItem[] = [
  { type: 'begin', topic: 'a', epoch: 'e', position: 0, past: [], isEpochOver: false, settings: SETTINGS },
  { type: 'begin', topic: 'a', epoch: 'e', position: 9, past: PAST, isEpochOver: true, settings: SETTINGS },
  { ...RECORD, payload: '{"a":"ä😀"}' },
  { ...RECORD, key: '', id: 'i', payload: '' },
  { ...RECORD, key: 'k', payload: Uint8Array.of(0, 255, 128) },
  { ...RECORD, log: { kind: 'run', name: 'r' }, id: 'i', payload: new Uint8Array() },
  { type: 'delete', topic: 'a' },
  {
    type: 'claim',
    id: 'r',
    epoch: 'e',
    past: PAST,
    isEpochOver: true,
    attempt: 2,
    owner: 'ada',
    input: '[1]',
    settings: RUN_SETTINGS,
    time: 5,
  },
  {
    type: 'claim',
    id: 'r',
    epoch: 'e',
    past: [],
    isEpochOver: false,
    attempt: 0,
    owner: 'ada',
    input: undefined,
    settings: RUN_SETTINGS,
    time: 5,
  },
  { type: 'continue', id: 'r', attempt: 3, epoch: undefined },
  { type: 'continue', id: 'r', attempt: 3, epoch: 'f' },
  { type: 'cancel', id: 'r' },
  { type: 'end', id: 'r', position: 4, time: 6, how: 'finished', result: '{"a":1}', error: undefined },
  {
    type: 'end',
    id: 'r',
    position: 4,
    time: 6,
    how: 'failed',
    result: undefined,
    error: { code: 'E', message: 'm' },
  },
  { type: 'end', id: 'r', position: 4, time: 6, how: 'cancelled', result: undefined, error: undefined },
  { type: 'end', id: 'r', position: 4, time: 6, how: 'interrupted', result: undefined, error: undefined },
  { type: 'ids', topic: 'a', ids: [] },
  { type: 'ids', topic: 'a', ids: [{ id: 'i', cursor: 'e.1', position: 1, at: 2.25 }] },
  { type: 'drop', topic: 'a', to: 2 ** 40 },
  { type: 'forget', log: { kind: 'topic', name: 'a' } },
  { type: 'forget', log: { kind: 'run', name: 'é' } },
  { type: 'open', wallTime: 1.7e12, isRecovered: true },
  { type: 'close' },
  { type: 'base-end', wallAhead: -3.5 },
];

function frameOf(item: JournalItem, sequence = 12, stamp = 34.5): Buffer {
  const writer = new ByteWriter();
  writeFrame(writer, SEED, sequence, stamp, item);
  return Buffer.from(writer.written());
}

const nameOf = (item: JournalItem) => JSON.stringify(item).slice(0, 60);

describe.each(ITEMS.map((item) => [nameOf(item), item] as const))('a frame of %s', (_, item) => {
  const bytes = frameOf(item);

  it('is read as it was written', () => {
    expect(readFrame(bytes, 0, bytes.length, SEED)).toEqual({
      sequence: 12,
      stamp: 34.5,
      item,
      end: bytes.length,
    });
  });

  it('is incomplete wherever it is cut', () => {
    for (let end = 0; end < bytes.length; end += 1) {
      expect(readFrame(bytes, 0, end, SEED), `cut at ${end}`).toMatchObject({ kind: 'incomplete' });
      expect(readFrame(Buffer.from(bytes.subarray(0, end)), 0, end, SEED)).toMatchObject({
        kind: 'incomplete',
      });
    }
  });

  it('is not read if any of its bits is another', () => {
    for (let at = 0; at < bytes.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ (1 << bit);
        expect(readFrame(damaged, 0, damaged.length, SEED), `bit ${bit} of byte ${at}`).toHaveProperty(
          'kind',
        );
      }
    }
  });

  it('is not one of another journal', () => {
    expect(readFrame(bytes, 0, bytes.length, OTHER_SEED)).toEqual({ kind: 'invalid' });
  });
});

describe('readFrame', () => {
  it('reads frames one after the other', () => {
    const all = Buffer.concat(ITEMS.map((item, index) => frameOf(item, index)));
    const read: unknown[] = [];
    for (let at = 0; at < all.length; ) {
      const frame = readFrame(all, at, all.length, SEED);
      if ('kind' in frame) throw new Error(`no frame at ${at}`);
      read.push(frame.item);
      at = frame.end;
    }
    expect(read).toEqual(ITEMS);
  });

  it('copies bytes, so that the buffer can be used again', () => {
    const payload = Uint8Array.of(1, 2, 3);
    const bytes = frameOf({ ...RECORD, payload });
    const frame = readFrame(bytes, 0, bytes.length, SEED);
    bytes.fill(0);
    expect(frame).toMatchObject({ item: { payload } });
  });

  it('passes over an item of a type that it does not know', () => {
    const bytes = frameOf({ type: 'close' });
    bytes[MIN_FRAME_BYTES - 1] = 200;
    bytes.writeUInt32LE(crcOf(bytes), 0);
    expect(readFrame(bytes, 0, bytes.length, SEED)).toMatchObject({ item: undefined, end: bytes.length });
  });

  it('refuses an item that is shorter than its type requires', () => {
    const bytes = frameOf({ type: 'close' });
    bytes[MIN_FRAME_BYTES - 1] = 3;
    bytes.writeUInt32LE(crcOf(bytes), 0);
    expect(readFrame(bytes, 0, bytes.length, SEED)).toEqual({ kind: 'invalid' });
  });
});

describe('findHead', () => {
  const find = (bytes: Buffer, after: number, most = 100) => findHead(bytes, 0, after, most, SEED);

  it('finds the head of a later frame after any garbage', () => {
    for (let garbage = 0; garbage < 40; garbage += 1) {
      const bytes = Buffer.concat([Buffer.alloc(garbage, garbage), frameOf({ type: 'close' }, 13)]);
      expect(find(bytes, 12), `${garbage} bytes before it`).toBe(garbage);
    }
  });

  it('finds none of an older frame, of one too new, of another journal, or that is cut', () => {
    const bytes = frameOf({ type: 'close' }, 12);
    expect(find(bytes, 12)).toBe(-1);
    expect(find(bytes, 10, 11)).toBe(-1);
    expect(findHead(bytes, 0, 11, 100, OTHER_SEED)).toBe(-1);
    expect(find(bytes.subarray(0, -1), 11)).toBe(-1);
    expect(find(bytes, 11)).toBe(0);
  });

  it('finds none if a bit of the head is another', () => {
    const bytes = frameOf({ type: 'close' }, 12);
    for (let bit = 4 * 8; bit < (MIN_FRAME_BYTES - 1) * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(find(damaged, 0), `bit ${bit}`).toBe(-1);
    }
  });
});

describe('the header of a file', () => {
  const header = { journalId: new Uint8Array(16).fill(7), number: 3, part: 2, firstSequence: 2 ** 40 };
  const bytes = encodeHeader(header);

  it('is read as it was written', () => {
    expect(decodeHeader(bytes)).toEqual({ ...header, version: 1, readableFrom: 1 });
  });

  it('is none if it is cut or any of its bytes is another', () => {
    for (let at = 0; at < HEADER_BYTES; at += 1) {
      expect(decodeHeader(bytes.subarray(0, at)), `cut at ${at}`).toBeUndefined();
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      expect(decodeHeader(damaged), `byte ${at}`).toBeUndefined();
    }
  });
});

/** The right checksum of a frame that was changed by hand: bit by bit, as RFC 1952 §8 defines CRC-32. */
function crcOf(frame: Buffer): number {
  let crc = ~SEED;
  for (const byte of frame.subarray(4)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
