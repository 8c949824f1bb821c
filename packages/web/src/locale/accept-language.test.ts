import { describe, expect, it } from 'vitest';
import { acceptedLanguages } from './accept-language.ts';

describe('acceptedLanguages', () => {
  it.each([
    [undefined, []],
    ['', []],
    ['de', ['de']],
    ['de-AT, de;q=0.9,en;q=0.8', ['de-AT', 'de', 'en']],
    ['en;q=0.5, fr ; q=0.9, de', ['de', 'fr', 'en']],
    ['*', ['*']],
    ['de;q=0.5, *;q=0.1', ['de', '*']],
    ['en;Q=0.3,de;q=1.000', ['de', 'en']],
    ['de;q=0.123456,en;q=0.2', ['en', 'de']],
  ])('lists %j with the most wanted first [LO-02]', (header, languages) => {
    expect(acceptedLanguages(header)).toEqual(languages);
  });

  it('keeps the order of languages of equal weight [LO-02]', () => {
    expect(acceptedLanguages('fr;q=0.5,de,it;q=0.5,en')).toEqual(['de', 'en', 'fr', 'it']);
  });

  it.each(['0', '0.', '0.000', '-1', '-0.1', 'x', '', '1.1', '2', 'NaN', 'Infinity', '1e-1', '0x1', '.5'])(
    'drops a language with the weight %j [LO-02]',
    (weight) => {
      expect(acceptedLanguages(`de;q=${weight}, en;q=0.1`)).toEqual(['en']);
    },
  );

  it.each(['de_DE', 'de DE', 'de;q', 'de;x=1', 'toolonglanguage', 'ü', '<b>', ';q=1', 'de;q=1;q=0.5'])(
    'skips the malformed member %j [LO-02]',
    (member) => {
      expect(acceptedLanguages(`${member},en`)).toEqual(['en']);
    },
  );

  it('ignores a header of more than 1,024 characters, and languages after the 32nd', () => {
    expect(acceptedLanguages(`de${' '.repeat(1_023)}`)).toEqual([]);
    expect(acceptedLanguages(Array.from({ length: 40 }, (_, index) => `x${index}`).join(','))).toHaveLength(
      32,
    );
  });
});
