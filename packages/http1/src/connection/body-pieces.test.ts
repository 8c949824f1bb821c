import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { BodyPieces, PIECE_BYTES, PiecePool } from './body-pieces.ts';

const KIB = 1024;
const clock = new VirtualClock();
const pool = new PiecePool(clock);

/** Sends a body in parts of given sizes, from one buffer that is used again for each of them. */
function send(...sizes: number[]): { readonly pieces: Buffer[]; readonly whole: Buffer } {
  const length = sizes.reduce((sum, size) => sum + size, 0);
  const whole = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
  const lent = Buffer.alloc(Math.max(...sizes) + 7);
  const body = new BodyPieces(length, pool);
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
    ['slowly', Array.from({ length: 100 }, () => 1)],
    ['slowly, and then fast', [1, 40, 60 * KIB, 64 * KIB, 64 * KIB]],
    ['slowly, and then fast, and is large', [1, 40, 3 * KIB, ...Array.from({ length: 20 }, () => 64 * KIB)]],
    ['in more bytes than one piece has', Array.from({ length: 40 }, () => 64 * KIB)],
    ['in as many bytes as one piece has', Array.from({ length: 4 }, () => 64 * KIB)],
    ['in one byte more than a piece has', [...Array.from({ length: 4 }, () => 64 * KIB), 1]],
    ['in parts that fit no piece', Array.from({ length: 50 }, (_, at) => 20_000 + at * 777)],
    ['at once, and is larger than a piece', [700 * KIB]],
    ['with an end that does not fit', [10, 155, 1]],
  ])('gives a body that comes %s whole, in one piece', (_how, sizes) => {
    const { pieces, whole } = send(...sizes);
    expect(pieces).toHaveLength(1);
    expect(pieces[0]?.equals(whole)).toBe(true);
  });

  it('gives bodies of their own, although the same memory has served them', () => {
    const sizes = Array.from({ length: 12 }, () => 64 * KIB);
    const first = send(...sizes);
    const other = new BodyPieces(12 * 64 * KIB, pool);
    let second: Buffer | undefined;
    for (let i = 0; i < 12; i += 1) second = other.take(Buffer.alloc(64 * KIB, 'x'), 0, 64 * KIB);
    expect(first.pieces[0]?.equals(first.whole)).toBe(true);
    expect(second?.every((byte) => byte === 0x78)).toBe(true);
  });

  it('makes no more memory for a large body that comes fast than the body has', () => {
    const sizes = Array.from({ length: 16 }, () => 64 * KIB);
    send(...sizes);
    const before = process.memoryUsage().arrayBuffers;
    const body = new BodyPieces(16 * 64 * KIB, pool);
    const lent = Buffer.alloc(64 * KIB);
    for (let i = 0; i < 15; i += 1) body.take(lent, 0, lent.length);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(18 * lent.length);
    expect(body.take(lent, 0, lent.length)).toHaveLength(16 * 64 * KIB);
  });

  it('makes no memory of its own before a sixteenth of a large body has come, and then returns the pieces', () => {
    const own = new PiecePool(clock);
    const lent = Buffer.alloc(64 * KIB, 'x');
    const warm = [own.take(), own.take()];
    for (const piece of warm) own.give(piece);
    const length = 128 * lent.length;
    const body = new BodyPieces(length, own);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 8; i += 1) body.take(lent, 0, lent.length);
    expect(own.size).toBe(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(lent.length);
    body.take(lent, 0, lent.length);
    expect(own.size).toBe(2);
    let whole: Buffer | undefined;
    for (let i = 9; i < 128; i += 1) whole = body.take(lent, 0, lent.length);
    expect(whole?.equals(Buffer.alloc(length, 'x'))).toBe(true);
  });

  it('makes no more room than sixteen times what has come', () => {
    const before = process.memoryUsage().arrayBuffers;
    const bodies = Array.from({ length: 1000 }, () => {
      const body = new BodyPieces(100 * KIB * KIB, pool);
      body.take(Buffer.from('x'), 0, 1);
      return body;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1000 * KIB);
    expect(bodies).toHaveLength(1000);
  });

  it('gives its memory back when the rest will not come', () => {
    const before = pool.size;
    const body = new BodyPieces(16 * (before + 11) * PIECE_BYTES, pool);
    const lent = Buffer.alloc(64 * KIB);
    for (let i = 0; i < 4 * before + 40; i += 1) body.take(lent, 0, lent.length);
    expect(pool.size).toBe(0);
    body.release();
    expect(pool.size).toBe(before + 10);
  });
});

describe('PiecePool', () => {
  it('lets go what was not needed for some seconds, and keeps what is in use', async () => {
    const busy = new PiecePool(clock);
    const taken = Array.from({ length: 10 }, () => busy.take());
    for (const piece of taken) busy.give(piece);
    expect(busy.size).toBe(10);
    for (let second = 0; second < 20; second += 1) {
      const pieces = [busy.take(), busy.take(), busy.take()];
      for (const piece of pieces) busy.give(piece);
      await clock.advance(1000);
    }
    expect(busy.size).toBe(3);
    await clock.advance(5000);
    expect(busy.size).toBe(0);
  });

  it('keeps 64 MiB at most', () => {
    const full = new PiecePool(clock);
    for (let i = 0; i < 300; i += 1) full.give(Buffer.alloc(0));
    expect(full.size * PIECE_BYTES).toBe(64 * KIB * KIB);
  });
});
