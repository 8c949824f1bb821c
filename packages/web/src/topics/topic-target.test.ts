import { describe, expect, it } from 'vitest';
import { isName } from './topic-target.ts';

describe('isName', () => {
  it('accepts 1 to 256 bytes of UTF-8 without control characters', () => {
    for (const name of ['a', 'room:{1}/x y', 'ü'.repeat(128), '👍'.repeat(64), 'a'.repeat(256)])
      expect(isName(name)).toBe(true);
    for (const name of [
      '',
      'ü'.repeat(129),
      'a'.repeat(257),
      'a\u0000',
      '\u007f',
      '\u0085',
      '\udc00',
      1,
      null,
    ])
      expect(isName(name)).toBe(false);
  });
});
