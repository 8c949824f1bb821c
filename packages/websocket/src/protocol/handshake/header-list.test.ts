import { describe, expect, it } from 'vitest';
import { isToken, listHas, splitList, trimBlanks } from './header-list.ts';

describe('splitList', () => {
  it('trims members and leaves out empty ones (RFC 9110 §5.6.1)', () => {
    expect(splitList(' a ,, \tb\t,c,')).toEqual(['a', 'b', 'c']);
    expect(splitList(' , ')).toEqual([]);
  });

  it('takes only SP and HTAB for blanks', () => {
    expect(splitList('\u00a0a')).toEqual(['\u00a0a']);
  });
});

describe('trimBlanks', () => {
  it('is linear in the blanks', () => {
    expect(trimBlanks(`${' '.repeat(1_000_000)}x${'\t'.repeat(1_000_000)}`)).toBe('x');
  });
});

describe('listHas', () => {
  it('finds a whole member whatever its case', () => {
    expect(listHas('keep-alive, UPGRADE', 'upgrade')).toBe(true);
    expect(listHas('upgrades, no-upgrade', 'upgrade')).toBe(false);
    expect(listHas(undefined, 'upgrade')).toBe(false);
  });
});

describe('isToken', () => {
  it('knows the characters of a token', () => {
    expect(["!#$%&'*+-.^_`|~", 'azAZ09'].every(isToken)).toBe(true);
    expect(['', 'a b', 'a,b', 'a/b', '(', '"a"', 'é', 'a\n', 'a\u0000'].some(isToken)).toBe(false);
  });
});
