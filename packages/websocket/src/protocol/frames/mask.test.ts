import { describe, expect, it } from 'vitest';
import { applyMask, isAsciiLanes, maskInto } from './mask.ts';

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/** The algorithm exactly as RFC 6455 §5.3 describes it. */
function maskByTheBook(payload: Uint8Array, offset = 0): number[] {
  return Array.from(payload, (octet, i) => octet ^ (KEY[(i + offset) % 4] as number));
}

function countingBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 0xff);
}

describe('applyMask', () => {
  const lengths = [...Array.from({ length: 41 }, (_, i) => i), 127, 128, 129, 130, 131, 132, 255, 1000];

  it('is exact for every length, alignment and offset, and writes nothing beside its range [ATT-70]', () => {
    for (const length of lengths) {
      for (let skew = 0; skew < 4; skew += 1) {
        for (let offset = 0; offset < 5; offset += 1) {
          const source = new Uint8Array(new ArrayBuffer(length + 8), skew, length + 4 - skew);
          source.set(countingBytes(length), 1);
          const target = new Uint8Array(new ArrayBuffer(length + 16), 3 - skew, length + 8).fill(0xee);
          applyMask(source, 1, 1 + length, KEY, target, 2 + skew, offset);
          const expected = new Uint8Array(length + 8).fill(0xee);
          expected.set(maskByTheBook(countingBytes(length), offset), 2 + skew);
          expect(target, `${length} bytes, skew ${skew}, offset ${offset}`).toEqual(expected);
          expect(source.subarray(1, 1 + length)).toEqual(countingBytes(length));
        }
      }
    }
  });

  it.each([3, 40, 500])('masks %d bytes in place, and twice gives the bytes back [ATT-70]', (length) => {
    const bytes = countingBytes(length);
    applyMask(bytes, 0, length, KEY, bytes, 0);
    expect(Array.from(bytes)).toEqual(maskByTheBook(countingBytes(length)));
    applyMask(bytes, 0, length, KEY, bytes, 0);
    expect(bytes).toEqual(countingBytes(length));
  });

  it('gives the same bytes when a payload is masked in pieces', () => {
    const target = new Uint8Array(300);
    const pieces = [0, 1, 3, 7, 140, 141, 300];
    for (let i = 1; i < pieces.length; i += 1) {
      const from = pieces[i - 1] as number;
      applyMask(countingBytes(300), from, pieces[i] as number, KEY, target, from, from);
    }
    expect(Array.from(target)).toEqual(maskByTheBook(countingBytes(300)));
  });

  it.each([0, 1, 3, 5, 8])('refuses a key of %d bytes [ATT-70]', (length) => {
    const target = new Uint8Array(8);
    const mask = () => applyMask(countingBytes(8), 0, 8, new Uint8Array(length), target, 0);
    expect(mask).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_MASK', name: 'WebSocketUsageError' }),
    );
    expect(target).toEqual(new Uint8Array(8));
  });

  it.each([
    [-1, 4, 0, 0],
    [0, 9, 0, 0],
    [5, 4, 0, 0],
    [0, 4, 5, 0],
    [0, 4, -1, 0],
    [0.5, 4, 0, 0],
    [0, Number.NaN, 0, 0],
    [0, 4, 0, -1],
    [0, 4, 0, 0.5],
  ])('refuses the range %d to %d into %d at offset %d [ATT-70]', (start, end, targetStart, offset) => {
    const mask = () => applyMask(new Uint8Array(8), start, end, KEY, new Uint8Array(8), targetStart, offset);
    expect(mask).toThrow(expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_MASK' }));
  });
});

describe('maskInto', () => {
  it.each([1, 20, 127, 128, 200])('notices one byte that is not ASCII wherever it stands in %d', (length) => {
    const target = new Uint8Array(length);
    expect(isAsciiLanes(maskInto(new Uint8Array(length).fill(0x7f), 0, length, 0, target, 0))).toBe(true);
    for (let at = 0; at < length; at += 1) {
      const bytes = new Uint8Array(length);
      bytes[at] = 0x80;
      expect(isAsciiLanes(maskInto(bytes, 0, length, 0, target, 0)), `at ${at}`).toBe(false);
    }
  });
});
