import { describe, expect, it } from 'vitest';
import { cursorOf, isCursor, newEpoch, parseCursor, requireCursor } from './cursor.ts';

describe('isCursor', () => {
  it.each(['a', '0', '.', '-', '_', 'AZaz09._-', 'x'.repeat(64)])('accepts %s', (text) => {
    expect(isCursor(text)).toBe(true);
    expect(requireCursor('read', text)).toBe(text);
  });

  it.each([
    '',
    'x'.repeat(65),
    'a b',
    'a\n',
    '\na',
    'a\0b',
    'a/b',
    'a+b',
    'a=b',
    'a~b',
    'é',
    '😀',
    undefined,
    null,
    7,
    {},
    ['a'],
    { toString: () => 'a' },
  ])('does not accept %j', (value) => {
    expect(isCursor(value)).toBe(false);
    expect(() => requireCursor('read', value)).toThrow(
      expect.objectContaining({ name: 'TopicsUsageError', code: 'ERR_TOPICS_CURSOR' }),
    );
  });

  it('names the operation, what was expected, and what came', () => {
    expect(() => requireCursor('subscribe', 'a b')).toThrow(
      /^subscribe: a cursor of 1 to 64 .*, not "a b" .*; use /,
    );
  });

  it('shows only the beginning of a long text', () => {
    const error = (() => {
      try {
        return requireCursor('read', '?'.repeat(100_000));
      } catch (thrown) {
        return thrown as Error;
      }
    })() as Error;
    expect(error.message.length).toBeLessThan(500);
  });
});

describe('parseCursor', () => {
  it('returns the parts that cursorOf was given', () => {
    for (const position of [0, 1, 9, 10, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
      const epoch = newEpoch();
      expect(parseCursor(cursorOf(epoch, position))).toEqual({ epoch, position });
    }
  });

  it('takes the last dot as the separator', () => {
    expect(parseCursor('a.b.7')).toEqual({ epoch: 'a.b', position: 7 });
    expect(parseCursor('..7')).toEqual({ epoch: '.', position: 7 });
  });

  it.each([
    'x',
    '7',
    '.7',
    'a.',
    'a.-1',
    'a.+1',
    'a.01',
    'a.00',
    'a.1e3',
    'a.0x1',
    'a.1-0',
    'a.9007199254740992',
    'a.9999999999999999',
    `a.${'9'.repeat(60)}`,
    '.',
    '..',
    '',
    '1700000000000-0',
    'a.1\n',
  ])('does not take %j for one of these cursors', (cursor) => {
    expect(parseCursor(cursor)).toBeUndefined();
  });
});

describe('newEpoch', () => {
  it('makes epochs whose cursors are valid at any position', () => {
    for (let count = 0; count < 1_000; count += 1) {
      const epoch = newEpoch();
      expect(epoch).toMatch(/^[A-Za-z0-9_-]{12}$/);
      expect(isCursor(cursorOf(epoch, Number.MAX_SAFE_INTEGER))).toBe(true);
    }
  });

  it('never makes the same epoch twice', () => {
    const epochs = new Set(Array.from({ length: 10_000 }, newEpoch));
    expect(epochs.size).toBe(10_000);
  });
});
