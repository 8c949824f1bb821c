import { describe, expect, it } from 'vitest';
import { wrap } from './wrap.ts';

describe('wrap', () => {
  it.each([
    ['one two three', 7, ['one two', 'three']],
    ['one two three', 100, ['one two three']],
    ['a-very-long-word b', 5, ['a-very-long-word', 'b']],
    ['one\ntwo  three', 100, ['one', 'two three']],
    ['', 10, ['']],
  ])('breaks %j after %d characters', (text, columns, lines) => {
    expect(wrap(text, columns)).toEqual(lines);
  });
});
