import { describe, expect, it } from 'vitest';
import { ZstdFrames } from './zstd-frames.ts';

// Written by the zstd of Node 22, so that they are read by every Node, with zstd or without.
const FRAMES = {
  'one compressed block': '28b52ffd20176500003068656c6c6f200100994b11',
  'a checksum': '28b52ffd24176500003068656c6c6f200100994b11175eae0d',
  nothing: '28b52ffd2000010000',
  'three raw blocks and a window':
    '28b52ffd0058600000666972737420626c6f636b203000007365636f6e642900007468697264',
  'repeated bytes and a long size': '28b52ffda0e0930400540000107a7a0100fbff39c0020200107a039f047a',
  'what is to be skipped': '502a4d1803000000616263',
  'nothing to be skipped': '5f2a4d1800000000',
};

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** Where frames end in what comes in `chunks`, and whether the last one did. */
function ends(chunks: readonly Uint8Array[]): { ends: number[]; atEnd: boolean } {
  const frames = new ZstdFrames();
  const found: number[] = [];
  let before = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      at = frames.endOfFrame(chunk, at);
      if (frames.atEnd) found.push(before + at);
    }
    before += chunk.length;
  }
  return { ends: found, atEnd: frames.atEnd };
}

describe('ZstdFrames', () => {
  it.each(Object.entries(FRAMES))('finds the end of a frame with %s, however it is split', (_, hex) => {
    const bytes = bytesOf(hex);
    const whole = { ends: [bytes.length], atEnd: true };
    expect(ends([bytes])).toEqual(whole);
    expect(ends([...bytes].map((byte) => Buffer.of(byte)))).toEqual(whole);
    for (let at = 1; at < bytes.length; at += 1) {
      expect(ends([bytes.subarray(0, at), bytes.subarray(at)]), `split at ${at}`).toEqual(whole);
      expect(ends([bytes.subarray(0, at)]), `cut at ${at}`).toEqual({ ends: [], atEnd: false });
    }
  });

  it('finds the ends of frames that follow each other', () => {
    const all = Object.values(FRAMES).map(bytesOf);
    let sum = 0;
    const expected = all.map((bytes) => {
      sum += bytes.length;
      return sum;
    });
    const stream = Buffer.concat(all);
    expect(ends([stream])).toEqual({ ends: expected, atEnd: true });
    expect(ends([...stream].map((byte) => Buffer.of(byte)))).toEqual({ ends: expected, atEnd: true });
  });

  it('is not at the end before anything came', () => {
    expect(new ZstdFrames().atEnd).toBe(false);
  });

  it('refuses at the first byte that no frame begins with, and says whether one came before', () => {
    for (const wrong of ['00', '29', '28b400', '28b52ffc', '602a4d18', '502a4d19', '1f8b']) {
      expect(() => ends([bytesOf(wrong)]), wrong).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP_CODING_CORRUPT' }),
      );
      expect(() => ends([bytesOf(FRAMES['a checksum'] + wrong)]), wrong).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP_CODING_TRAILING' }),
      );
    }
  });
});
