import { describe, expect, it } from 'vitest';
import { listsEntityTag } from './entity-tag.ts';

describe('listsEntityTag', () => {
  it.each(['"a"', 'W/"a"', '"x", "a"', ' "x" ,W/"a",', '*', 'garbage, "a"'])(
    'finds "a" in %s [OUT-11]',
    (field) => {
      expect(listsEntityTag(field, '"a"')).toBe(true);
    },
  );

  it.each(['', 'a', '"a', '"A"', '"aa"', '"b", *'])('finds no "a" in %s [OUT-11]', (field) => {
    expect(listsEntityTag(field, '"a"')).toBe(false);
  });

  it('compares weakly in both directions [OUT-11]', () => {
    expect(listsEntityTag('"a"', 'W/"a"')).toBe(true);
  });

  it('does not look into tags for commas or other tags [OUT-11]', () => {
    expect(listsEntityTag('"x,y"', '"x,y"')).toBe(true);
    expect(listsEntityTag('"b", "c"', '", "')).toBe(false);
  });

  it('takes linear time for a field of quotes', () => {
    expect(listsEntityTag('W/"'.repeat(100_000), '"a"')).toBe(false);
  });
});
