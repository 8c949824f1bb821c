import { describe, expect, it } from 'vitest';
import { BodyPieces } from './body-pieces.ts';

const KIB = 1024;

/** Sends a body in parts of given sizes, from one buffer that is used again for each of them. */
function send(...sizes: number[]): { readonly pieces: Buffer[]; readonly whole: Buffer } {
  const length = sizes.reduce((sum, size) => sum + size, 0);
  const whole = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
  const lent = Buffer.alloc(Math.max(...sizes) + 7);
  const body = new BodyPieces(length);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    whole.copy(lent, 7, at, at + size);
    const piece = body.take(lent, 7, 7 + size);
    lent.fill(0);
    if (piece !== undefined) pieces.push(piece);
    at += size;
  }
  return { pieces, whole };
}

describe('BodyPieces', () => {
  it.each([
    ['all at once', [10 * KIB]],
    ['in two parts', [100, 900]],
    ['as fast as a stream is read', [20, 64 * KIB, 64 * KIB, 64 * KIB]],
    ['byte by byte', Array.from({ length: 16 }, () => 1)],
  ])('gives a body that comes %s in one piece', (_how, sizes) => {
    const { pieces, whole } = send(...sizes);
    expect(pieces).toHaveLength(1);
    expect(pieces[0]?.equals(whole)).toBe(true);
  });

  it.each([
    ['slowly', [1, ...Array.from({ length: 99 }, () => 1)]],
    ['slowly, and then fast', [1, 40, 60 * KIB, 64 * KIB, 64 * KIB]],
    ['in more bytes than one piece has', Array.from({ length: 40 }, () => 64 * KIB)],
    ['with an end that does not fit', [10, 155, 1]],
  ])('gives a body that comes %s whole and in order', (_how, sizes) => {
    const { pieces, whole } = send(...sizes);
    expect(Buffer.concat(pieces).equals(whole)).toBe(true);
  });

  it('makes no more room than sixteen times what has come', () => {
    const before = process.memoryUsage().arrayBuffers;
    const bodies = Array.from({ length: 1000 }, () => {
      const body = new BodyPieces(100 * KIB * KIB);
      body.take(Buffer.from('x'), 0, 1);
      return body;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1000 * KIB);
    expect(bodies).toHaveLength(1000);
  });
});
