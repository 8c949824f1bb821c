import { describe, expect, it } from 'vitest';
import { closeReference, decodeReferences } from './character-references.ts';

describe('closeReference', () => {
  it.each([
    ['', ''],
    ['a', 'a'],
    ['?a=1&b=', '?a=1&b='],
    ['&amp;', '&amp;'],
    ['& ', '& '],
    ['&;', '&;'],
    ['&#x;', '&#x;'],
    ['&#12a', '&#12a'],
    ['&#g', '&#g'],
    ['&', '&amp;'],
    ['&&', '&&amp;'],
    ['a&lt;&', 'a&lt;&amp;'],
    ['?a=1&', '?a=1&amp;'],
    ['&#', '&amp;#'],
    ['&#x', '&amp;#x'],
    ['&#X', '&amp;#X'],
    ['&#106', '&#106;'],
    ['&#x6', '&#x6;'],
    ['&#X6a', '&#X6a;'],
    ['&Tab', '&amp;Tab'],
    ['&colon', '&amp;colon'],
    ['R&D', 'R&amp;D'],
    ['&b2', '&amp;b2'],
    ['&AMp', '&amp;AMp'],
  ])('completes %j: %j', (text, closed) => {
    expect(closeReference(text)).toEqual({ text: closed });
    // What follows does not change what the text means.
    for (const next of ['106;', '#106;', 'x6a;', ';', 'amp;', 'a']) {
      expect(decodeReferences(closed + next).text).toBe(decodeReferences(closed).text + next);
    }
  });

  it.each(['&lt', 'a&copy', '&copyright', '&notin', '&amp', '&frac12', '&AMP'])(
    'does not decide what %j means, which depends on what follows',
    (text) => {
      expect(closeReference(text)).toEqual({ text, ambiguous: text.slice(text.indexOf('&')) });
    },
  );

  it('takes linear time: quadratic time would exceed the time limit of the test', () => {
    for (const piece of ['&', '&#', '&#x', '&a', '&#1', 'a', '1'])
      closeReference(`${piece.repeat(400_000)} `);
    closeReference(`&${'a'.repeat(400_000)}-`);
  });
});
