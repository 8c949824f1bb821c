import { describe, expect, it } from 'vitest';
import { Locales } from '../../src/index.ts';

function supporting(...codes: readonly string[]): Locales {
  return new Locales(Object.fromEntries(codes.map((code) => [code, {}])));
}

describe('Locales.get', () => {
  it.each([
    ['de_DE', 'de_DE'],
    ['de-de', 'de_DE'],
    ['DE_DE', 'de_DE'],
    ['fr', 'fr'],
    ['fr-CA', 'fr'],
    ['fr_be', 'fr'],
    ['FR', 'fr'],
    ['it', 'en_US'],
    ['', 'en_US'],
    ['de_DE_1996', 'de_DE'],
    ['xx-yy-zz', 'en_US'],
    ['__proto__', 'en_US'],
    ['constructor', 'en_US'],
    ['x'.repeat(100_000), 'en_US'],
  ])(
    'finds for %j the locale %s: with the region, or else the language, or else the default [LO-02]',
    (code, found) => {
      expect(supporting('de_DE', 'fr').get(code).code).toBe(found);
    },
  );

  it('tries the codes in order, and skips those that are missing [LO-02]', () => {
    const locales = supporting('de', 'fr_FR');
    expect(locales.get('it', 'fr-FR', 'de').code).toBe('fr_FR');
    expect(locales.get(undefined, '', 'de').code).toBe('de');
    expect(locales.get('it', 'es').code).toBe('en_US');
    expect(locales.get().code).toBe('en_US');
  });

  it.each([
    [['de_DE', 'en_US'], 'de', 'de_DE'],
    [['de_DE', 'en_US'], 'de-AT', 'de_DE'],
    [['pt_PT', 'pt_BR'], 'pt', 'pt_BR'],
    [['pt_PT', 'pt_BR'], 'pt-AO', 'pt_BR'],
    [['es_ES', 'es_LA'], 'es-MX', 'es_LA'],
    [['es_ES', 'es_LA'], 'es', 'es_ES'],
    [['fr_CA', 'fr_CH'], 'fr', 'fr_CA'],
    [['en_GB', 'de'], 'en-US', 'en_US'],
  ])('of %j finds for %s that of another region: %s', (codes, code, found) => {
    expect(supporting(...codes).get(code).code).toBe(found);
  });

  it.each([
    [['zh_CN', 'zh_TW'], 'zh-Hant-TW', 'zh_TW'],
    [['zh_CN', 'zh_TW'], 'zh-HK', 'zh_TW'],
    [['zh_CN', 'zh_TW'], 'zh-Hans', 'zh_CN'],
    [['zh_CN', 'zh_TW'], 'zh', 'zh_CN'],
    [['zh_Hans', 'zh_Hant'], 'zh-TW', 'zh_Hant'],
    [['zh_CN'], 'zh-TW', 'en_US'],
    [['sr', 'sr_Latn'], 'sr-Latn-RS', 'sr_Latn'],
    [['sr@latin'], 'sr-Latn', 'sr_Latn'],
    [['de_DE.UTF-8'], 'de', 'de_DE'],
  ])('of %j finds for %s one that is written in the same script: %s', (codes, code, found) => {
    expect(supporting(...codes).get(code).code).toBe(found);
  });

  it('has the default locale also without a catalogue [LO-01]', () => {
    const locales = new Locales({ fr: {} }, { defaultLocale: 'en-gb' });
    expect(locales.codes).toEqual(['en_GB', 'fr']);
    expect(locales.defaultLocale.code).toBe('en_GB');
    expect([...locales].map(String)).toEqual(['en_GB', 'fr']);
    expect([locales.has('fr'), locales.has('FR'), locales.size]).toEqual([true, false, 2]);
    expect(locales.get('xx').code).toBe('en_GB');
  });

  it('finds the same after many made-up codes', () => {
    const locales = supporting('de');
    for (let index = 0; index < 3_000; index += 1) locales.get(`de-${index % 1_000}`, `q${index}`);
    expect(locales.get('de-AT').code).toBe('de');
  });

  it('refuses values that are not codes', () => {
    expect(() => supporting().get(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});

describe('Locales.negotiate', () => {
  it.each([
    [undefined, 'en_US'],
    ['', 'en_US'],
    ['de', 'de'],
    ['de-AT,de;q=0.9,en-US;q=0.8', 'de'],
    ['fr;q=0.2, de;q=0.8', 'de'],
    ['de;q=0, fr;q=0.1', 'fr_FR'],
    ['de;q=0', 'en_US'],
    ['de;q=x, fr', 'fr_FR'],
    ['it, *;q=0.5, de;q=0.1', 'en_US'],
    ['*', 'en_US'],
    ['../../etc/passwd, de', 'de'],
  ])('finds for %j the locale %s [LO-02]', (header, code) => {
    expect(supporting('de', 'fr_FR').negotiate(header).code).toBe(code);
  });
});

describe('new Locales', () => {
  it.each([
    [{ german: {} }, {}, /codes of locales/],
    [{ d: {} }, {}, /codes of locales/],
    [{ de_DE: {}, 'de-de': {} }, {}, /one catalogue/],
    [{ de: 'x' }, {}, /de: an object of translations/],
    [{ de: { a: 1 } }, {}, /"a": a text/],
    [{ de: { a: { one: 'x' } } }, {}, /the plural category other/],
    [{ de: { a: { other: 'x', several: 'y' } } }, {}, /'zero' or 'one'/],
    [{ de: { a: { other: 1 } } }, {}, /other: a text/],
    [[], {}, /an object of catalogues/],
    [{}, { defaultLocale: 'english' }, /defaultLocale/],
    [{}, { timeZone: 'Mars/Base' }, /time zone/i],
    [{}, { onMissing: 1 }, /onMissing/],
    [{}, { clock: {} }, /a clock/],
    [{}, { contentLanguage: 'yes' }, /contentLanguage/],
    [{}, { defaultLocal: 'en' }, /did you mean "defaultLocale"/],
  ])('refuses %j with %j', (catalogues, options, message) => {
    expect(() => new Locales(catalogues as never, options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringMatching(message) }),
    );
  });
});
