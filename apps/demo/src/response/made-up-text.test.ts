import { describe, expect, it } from 'vitest';
import { madeUpText } from './made-up-text.ts';

describe('madeUpText', () => {
  it('is the same for the same question, and another one for another', () => {
    expect(madeUpText('why?')).toEqual(madeUpText('why?'));
    expect(madeUpText('why?')).not.toEqual(madeUpText('why not?'));
  });

  it.each(['', 'why?', '😀'])('is a few hundred words in pieces of one word for %j', (question) => {
    const pieces = madeUpText(question);
    expect(pieces.length).toBeGreaterThan(300);
    for (const piece of pieces) expect(piece).toMatch(/^\S+\s*$/);
    expect(pieces.join('').split('\n\n')).toHaveLength(7);
  });
});
