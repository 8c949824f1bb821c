import { describe, expect, it } from 'vitest';
import { CatalogueSource } from './catalogue-source.ts';
import { type PluralForms, parsePluralForms } from './plural-forms.ts';

function parse(header: string): PluralForms {
  return parsePluralForms(header, new CatalogueSource('de.po'), 3);
}

/** The headers of GNU gettext for some languages, and the categories of their forms. */
const LANGUAGES = [
  ['de', 'nplurals=2; plural=(n != 1);', ['one', 'other']],
  ['fr', 'nplurals=2; plural=n>1;', ['one', 'other']],
  ['ja', 'nplurals=1; plural=0', ['other']],
  [
    'ru',
    'nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);',
    ['one', 'few', 'many'],
  ],
  [
    'pl',
    'nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);',
    ['one', 'few', 'many'],
  ],
  ['cs', 'nplurals=3; plural=(n==1) ? 0 : (n>=2 && n<=4) ? 1 : 2;', ['one', 'few', 'other']],
  [
    'lt',
    'nplurals=3; plural=n%10==1 && n%100!=11 ? 0 : n%10>=2 && (n%100<10 || n%100>=20) ? 1 : 2;',
    ['one', 'few', 'other'],
  ],
  [
    'sl',
    'nplurals=4; plural=n%100==1 ? 0 : n%100==2 ? 1 : n%100==3 || n%100==4 ? 2 : 3;',
    ['one', 'two', 'few', 'other'],
  ],
  [
    'ar',
    'nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);',
    ['zero', 'one', 'two', 'few', 'many', 'other'],
  ],
  [
    'ga',
    'nplurals=5; plural=(n==1 ? 0 : n==2 ? 1 : n<7 && n>2 ? 2 : n<11 && n>6 ? 3 : 4)',
    ['one', 'two', 'few', 'many', 'other'],
  ],
] as const;

describe('parsePluralForms', () => {
  it.each(LANGUAGES)('counts in %s as Unicode does [LO-03]', (language, header, categories) => {
    const forms = parse(header);
    const rules = new Intl.PluralRules(language);
    expect(forms.count).toBe(categories.length);
    for (let count = 0; count <= 1_000; count += 1) {
      expect(categories[forms.indexFor(count)], `${count}`).toBe(rules.select(count));
    }
  });

  it.each([
    ['1 + 2 * 3 == 7', 1],
    ['10 - 4 - 3 == 3', 1],
    ['7 / 2 == 3', 1],
    ['100 / 10 / 5 == 2', 1],
    ['1 || 0 && 0', 1],
    ['(1 || 0) && 0', 0],
    ['1 == 1 == 1', 1],
    ['2 == 2 != 0', 1],
    ['1 < 2 == 1', 1],
    ['3 > 2 > 1', 0],
    ['!0 + !5', 1],
    ['!!7', 1],
    ['!(1 - 1)', 1],
    ['0 ? 1 : 1 ? 0 : 1', 0],
    ['1 ? 0 ? 0 : 1 : 0', 1],
    ['5 && 7', 1],
    ['0 || 9', 1],
    ['n * 0 + 1 >= 1', 1],
    ['n <= n', 1],
  ])('evaluates %s as C does', (expression, value) => {
    expect(parse(`nplurals=2; plural=${expression};`).indexFor(5)).toBe(value);
  });

  it('uses the amount of a negative count, and accepts fractions', () => {
    const { indexFor } = parse('nplurals=2; plural=n != 1;');
    expect([-1, 1.5, -2].map(indexFor)).toEqual([0, 1, 1]);
  });

  it.each([
    ['', /was expected/],
    ['nplurals=2', /was expected/],
    ['nplurals=x; plural=0;', /was expected/],
    ['nplurals=INTEGER; plural=EXPRESSION;', /was expected/],
    ['nplurals=0; plural=0;', /from 1 to 20/],
    ['nplurals=999; plural=0;', /from 1 to 20/],
    ['nplurals=2; plural=;', /unexpected "the end"/],
    ['nplurals=2; plural=n n;', /unexpected "n"/],
    ['nplurals=2; plural=(n;', /unexpected "the end"/],
    ['nplurals=2; plural=n);', /unexpected "\)"/],
    ['nplurals=2; plural=n ? 1;', /unexpected/],
    ['nplurals=2; plural=n == ;', /unexpected/],
    ['nplurals=2; plural=n = 1;', /unexpected "="/],
    ['nplurals=2; plural=process.exit();', /unexpected "p"/],
    ['nplurals=2; plural=constructor;', /unexpected "c"/],
    ['nplurals=2; plural=n;', /for 2, the form 2 of 2/],
    ['nplurals=2; plural=0 - 1;', /the form -1 of 2/],
    ['nplurals=2; plural=n / 0;', /the form NaN of 2/],
    ['nplurals=2; plural=n % 0;', /the form NaN of 2/],
    [`nplurals=2; plural=${'('.repeat(150)}1${')'.repeat(150)};`, /100 levels/],
    [`nplurals=2; plural=${'1+'.repeat(600)}1;`, /1000 characters/],
  ])('refuses %j, with the line', (header, message) => {
    expect(() => parse(header)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_CATALOGUE',
        line: 3,
        message: expect.stringMatching(message),
      }),
    );
  });

  it('never evaluates code', () => {
    expect(() => parse('nplurals=1; plural=globalThis.hacked = 1;')).toThrow(/Plural-Forms/);
    expect('hacked' in globalThis).toBe(false);
  });
});
