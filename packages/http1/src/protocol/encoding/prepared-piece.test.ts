import { describe, expect, it } from 'vitest';
import { PreparedPiece } from './prepared-piece.ts';

const bytesOf = (piece: PreparedPiece): string => Buffer.from(piece.bytes).toString('latin1');

describe('PreparedPiece', () => {
  it.each<[string, string | Uint8Array, string]>([
    ['ASCII text', 'id: 1\n\n', '7\r\nid: 1\n\n\r\n'],
    ['text in UTF-8', 'é€', '5\r\n\xc3\xa9\xe2\x82\xac\r\n'],
    ['a half of a surrogate pair as U+FFFD', '\ud800', '3\r\n\xef\xbf\xbd\r\n'],
    ['bytes', new Uint8Array([0, 13, 10, 255]), '4\r\n\0\r\n\xff\r\n'],
    ['bytes within a larger buffer', new Uint8Array([1, 65, 66, 1]).subarray(1, 3), '2\r\nAB\r\n'],
  ])('is a chunk with %s', (_, content, chunk) => {
    const piece = new PreparedPiece(content);
    expect(piece.chunk).toBe(chunk);
    expect(piece.byteLength).toBe(piece.bytes.length);
    expect(bytesOf(piece)).toBe(chunk.slice(chunk.indexOf('\n') + 1, -2));
  });

  it.each<[string, string | Uint8Array]>([
    ['an empty text, whose chunk would end the body', ''],
    ['no bytes', new Uint8Array(0)],
    ['a long text', 'x'.repeat(16 * 1024)],
    ['a text that is long in UTF-8', '€'.repeat(6 * 1024)],
    ['many bytes', new Uint8Array(16 * 1024)],
  ])('is not a chunk with %s', (_, content) => {
    const piece = new PreparedPiece(content);
    expect(piece.chunk).toBeUndefined();
    expect(bytesOf(piece)).toBe(Buffer.from(content as string).toString('latin1'));
    expect(piece.byteLength).toBe(piece.bytes.length);
  });

  it('refuses other values', () => {
    const usage = expect.objectContaining({ code: 'ERR_HTTP1_USAGE' });
    expect(() => new PreparedPiece(1 as never)).toThrow(usage);
  });
});
