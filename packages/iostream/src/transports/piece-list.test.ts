import { describe, expect, it } from 'vitest';
import { PieceList } from './piece-list.ts';

const contentOf = (list: PieceList): string =>
  list.pieces
    .map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1')))
    .join('');

/** A list so long that it copies small pieces, and its content. */
function longList(): { list: PieceList; content: string } {
  const list = new PieceList();
  for (let i = 0; i < 16; i += 1) list.push('.');
  return { list, content: '.'.repeat(16) };
}

describe('PieceList', () => {
  it('keeps a few pieces as they are', () => {
    const list = new PieceList();
    const bytes = Buffer.from('bytes');
    list.push('head');
    list.push(bytes);
    expect(list.pieces).toEqual(['head', bytes]);
    expect(list.pieces[1]).toBe(bytes);
  });

  it('copies many small pieces into few, text as latin1 [STR-16]', () => {
    const { list, content } = longList();
    let expected = content;
    for (let i = 0; i < 100_000; i += 1) {
      const piece = String.fromCharCode(i & 0xff);
      expected += piece;
      list.push(i % 2 === 0 ? piece : Buffer.from(piece, 'latin1'));
    }
    expect(contentOf(list)).toBe(expected);
    expect(list.pieces.length).toBeLessThanOrEqual(16 + Math.ceil(100_000 / 16_384));
  });

  it('keeps a large piece by reference, in its place [STR-16]', () => {
    const { list, content } = longList();
    const large = Buffer.alloc(2049, 'L');
    list.push('a');
    list.push(large);
    list.push('b');
    list.push('c');
    expect(contentOf(list)).toBe(`${content}a${large.toString()}bc`);
    expect(list.pieces).toContain(large);
    expect(list.pieces).toHaveLength(16 + 3);
  });

  it('does not touch a chunk that was taken away by its reader', () => {
    const { list } = longList();
    list.push('taken');
    const [taken] = list.pieces.splice(0).slice(-1);
    for (let i = 0; i < 16; i += 1) list.push('.');
    list.push('next');
    expect(Buffer.from(taken as Uint8Array).toString()).toBe('taken');
    expect(contentOf(list)).toBe(`${'.'.repeat(16)}next`);
  });

  it('starts another chunk where a piece does not fit', () => {
    const { list, content } = longList();
    const pieces = Array.from({ length: 20 }, (_, i) => String(i % 10).repeat(2000));
    for (const piece of pieces) list.push(piece);
    expect(contentOf(list)).toBe(content + pieces.join(''));
  });
});
