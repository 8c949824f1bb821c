import { describe, expect, it } from 'vitest';
import { parseRange, splitList } from './list.ts';
import { Refusal } from './refusal.ts';

describe('splitList', () => {
  it.each([
    ['', []],
    [' ', []],
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [' a , b ', ['a', 'b']],
    ['a\\,b,c', ['a,b', 'c']],
    ['a,,b', ['a', '', 'b']],
    [',', ['', '']],
  ])('splits %j', (text, items) => {
    expect(splitList(text)).toEqual(items);
  });
});

describe('parseRange', () => {
  it.each([
    ['1:3', [1, 2, 3]],
    ['5:5', [5]],
    ['-1:1', [-1, 0, 1]],
    [' 1 : 2 ', [1, 2]],
  ])('reads %j with both ends [OP-01]', (text, numbers) => {
    expect(parseRange(text, 3)).toEqual(numbers);
  });

  it.each(['1', '1:', ':1', '1:2:3', 'a:b', '1.5:2', ''])('takes %j for no range', (text) => {
    expect(parseRange(text, 3)).toBeUndefined();
  });

  it.each(['3:1', '1:4', '0:1000000000000', '1:99999999999999999999'])('refuses %j', (text) => {
    expect(parseRange(text, 3)).toBeInstanceOf(Refusal);
  });
});
