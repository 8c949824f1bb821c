import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { type FormatDateOptions, html, type Locale, Locales } from '../../src/index.ts';

/** Sunday, April 28, 2013, 18:35 UTC. */
const NOW = Date.UTC(2013, 3, 28, 18, 35);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const locales = new Locales(
  { de: {}, en_GB: {}, fr: {}, zh_CN: {}, ja: {}, vi: {}, ar: {}, he_IL: {}, fa_IR: {}, ur: {} },
  { clock: new VirtualClock(NOW) },
);
const english = locales.get('en_US');

/** Versions of ICU differ in the kind of space before AM and PM. */
function plain(text: string): string {
  return text.replace(/\s/g, ' ');
}

function ago(milliseconds: number, options: FormatDateOptions = {}, locale: Locale = english): string {
  return plain(locale.formatDate(NOW - milliseconds, options));
}

describe('Locale.formatDate', () => {
  it.each([
    [0, 'now'],
    [2 * SECOND, '2 seconds ago'],
    [SECOND, '1 second ago'],
    [49.9 * SECOND, '49 seconds ago'],
    [50 * SECOND, '1 minute ago'],
    [2 * MINUTE, '2 minutes ago'],
    [49 * MINUTE, '49 minutes ago'],
    [50 * MINUTE, '1 hour ago'],
    [2 * HOUR, '2 hours ago'],
    [DAY - SECOND, '24 hours ago'],
    [DAY, 'yesterday at 6:35 PM'],
    [1.5 * DAY, 'yesterday at 6:35 AM'],
    [1.9 * DAY, 'Friday at 8:59 PM'],
    [2 * DAY, 'Friday at 6:35 PM'],
    [5 * DAY - SECOND, 'Tuesday at 6:35 PM'],
    [5 * DAY, 'April 23 at 6:35 PM'],
    [333 * DAY, 'May 30 at 6:35 PM'],
    [334 * DAY, 'May 29, 2012 at 6:35 PM'],
    [500 * DAY, 'December 15, 2011 at 6:35 PM'],
  ])('shows a date that is %i ms ago as %s [LO-03]', (milliseconds, text) => {
    expect(ago(milliseconds)).toBe(text);
  });

  it.each([
    [DAY, 'yesterday'],
    [2 * DAY, 'Friday'],
    [300 * DAY, 'July 2'],
    [500 * DAY, 'December 15, 2011'],
  ])('can leave out the time of a date that is %i ms ago: %s [LO-03]', (milliseconds, text) => {
    expect(ago(milliseconds, { shorter: true })).toBe(text);
  });

  it('shows a date less than a minute in the future as now, and others in full [LO-03]', () => {
    expect(ago(-59 * SECOND)).toBe('now');
    expect(ago(-MINUTE)).toBe('April 28, 2013 at 6:36 PM');
    expect(ago(-MINUTE, { shorter: true })).toBe('April 28, 2013');
    expect(ago(-SECOND, { relative: false })).toBe('April 28, 2013 at 6:35 PM');
  });

  it('can be absolute, or full [LO-03]', () => {
    expect(ago(HOUR, { relative: false })).toBe('5:35 PM');
    expect(ago(DAY, { relative: false })).toBe('Saturday at 6:35 PM');
    expect(ago(0, { fullFormat: true })).toBe('April 28, 2013 at 6:35 PM');
    expect(ago(HOUR, { fullFormat: true, shorter: true })).toBe('April 28, 2013');
  });

  it('shows a date in a time zone, or at an offset to UTC [LO-03]', () => {
    const full = { fullFormat: true } as const;
    expect(ago(0, { ...full, timeZone: 'Asia/Tokyo' })).toBe('April 29, 2013 at 3:35 AM');
    expect(ago(0, { ...full, gmtOffset: -540 })).toBe('April 29, 2013 at 3:35 AM');
    expect(ago(0, { ...full, gmtOffset: 7 * 60 })).toBe('April 28, 2013 at 11:35 AM');
    const zoned = new Locales({}, { timeZone: 'Europe/Berlin', clock: new VirtualClock(NOW) }).defaultLocale;
    expect(ago(0, full, zoned)).toBe('April 28, 2013 at 8:35 PM');
    // Yesterday is that of the reader.
    expect(ago(30 * HOUR, { gmtOffset: -720 })).toBe('yesterday at 12:35 AM');
    expect(ago(30 * HOUR, { gmtOffset: -660 })).toBe('Saturday at 11:35 PM');
  });

  it('has a clock of twelve hours in English of the US and Chinese, and otherwise as usual [LO-03]', () => {
    const time = (code: string, options = {}): string =>
      ago(HOUR, { relative: false, ...options }, locales.get(code));
    expect(time('zh_CN')).toMatch(/^下午0?5:35$/);
    expect([time('de'), time('fr'), time('en_GB'), time('ja')]).toEqual(['17:35', '17:35', '17:35', '17:35']);
    expect(time('en_US', { hour12: false })).toBe('17:35');
    expect(time('de', { hour12: true })).toMatch(/^0?5:35 PM$/);
  });

  it('has the order and words of the language [LO-03]', () => {
    const inLanguage = (code: string, milliseconds: number): string =>
      ago(milliseconds, {}, locales.get(code));
    expect(inLanguage('de', 2 * MINUTE)).toBe('vor 2 Minuten');
    expect(inLanguage('de', DAY)).toBe('gestern um 18:35');
    expect(inLanguage('de', 500 * DAY)).toBe('15. Dezember 2011 um 18:35');
    expect(inLanguage('fr', 2 * DAY)).toMatch(/^vendredi (?:à )?18:35$/);
    expect(inLanguage('ja', 500 * DAY)).toBe('2011年12月15日 18:35');
    expect(inLanguage('vi', 500 * DAY)).toMatch(/18:35.*15 tháng 12/);
  });

  it('takes a Date or milliseconds, and refuses others', () => {
    expect(english.formatDate(new Date(NOW - MINUTE))).toBe('1 minute ago');
    for (const date of [Number.NaN, Infinity, 9e15, '2013-04-28', null, new Date('x')]) {
      expect(() => english.formatDate(date as never)).toThrow(
        expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
      );
    }
  });

  it.each([
    [{ timeZone: 'Mars/Base' }, /time zone/i],
    [{ timeZone: 'UTC', gmtOffset: 0 }, /either timeZone or gmtOffset/],
    [{ gmtOffset: 10_000 }, /gmtOffset/],
    [{ full: true }, /did you mean "fullFormat"/],
  ])('refuses the options %j', (options, problem) => {
    expect(() => english.formatDate(NOW - 2 * DAY, options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringMatching(problem) }),
    );
  });

  it('works with any number of time zones and formats', () => {
    for (let index = 0; index < 1_000; index += 1) {
      const text = english.formatNumber(1, {
        minimumFractionDigits: index % 20,
        minimumIntegerDigits: 1 + (index % 21),
      });
      expect(Number(text.replaceAll(',', ''))).toBe(1);
    }
    expect(english.formatNumber(1, { minimumFractionDigits: 2 })).toBe('1.00');
  });
});

describe('Locale.formatDay', () => {
  it('shows the day of the week and of the month [LO-03]', () => {
    expect(english.formatDay(NOW)).toBe('Sunday, April 28');
    expect(english.formatDay(NOW, { weekday: false })).toBe('April 28');
    expect(english.formatDay(new Date(NOW), { timeZone: 'Asia/Tokyo' })).toBe('Monday, April 29');
    expect(english.formatDay(NOW, { gmtOffset: -540 })).toBe('Monday, April 29');
    expect(locales.get('de').formatDay(NOW)).toBe('Sonntag, 28. April');
    expect(() => english.formatDay(Number.NaN)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});

describe('Locale.formatDateTime', () => {
  it('has the options of Intl, and the time zone of the locales [LO-03]', () => {
    const zoned = new Locales({ de: {} }, { timeZone: 'Asia/Tokyo' }).get('de');
    expect(zoned.formatDateTime(NOW, { dateStyle: 'short', timeStyle: 'short' })).toBe('29.04.13, 03:35');
    expect(zoned.formatDateTime(NOW)).toBe('29.4.2013');
    expect(() => zoned.formatDateTime(NOW, { dateStyle: 'tiny' as never })).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});

describe('Locale.list', () => {
  it('joins texts as the language does [LO-03]', () => {
    expect([[], ['A'], ['A', 'B'], ['A', 'B', 'C']].map((parts) => english.list(parts))).toEqual([
      '',
      'A',
      'A and B',
      'A, B, and C',
    ]);
    expect(locales.get('de').list(['A', 'B', 'C'])).toBe('A, B und C');
    expect(english.list(new Set(['A', 'B']), { type: 'disjunction' })).toBe('A or B');
    expect(() => english.list([1] as never)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
    expect(() => english.list([undefined] as never)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
    expect(() => english.list(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });

  it('joins HTML', () => {
    const links = ['<', html`<b>B</b>`, 3];
    expect(String(locales.get('de').listHtml(links))).toBe('&lt;, <b>B</b> und 3');
    expect(() => english.listHtml(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});

describe('Locale.friendlyNumber and Locale.formatNumber', () => {
  it('group digits as the language does [LO-03]', () => {
    expect(english.friendlyNumber(1_000_000)).toBe('1,000,000');
    expect(english.friendlyNumber(-1_234n)).toBe('-1,234');
    expect(locales.get('de').friendlyNumber(1_000_000)).toBe('1.000.000');
    expect(plain(locales.get('de').formatNumber(1.5, { style: 'currency', currency: 'EUR' }))).toBe('1,50 €');
    expect(() => english.friendlyNumber('5' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
    expect(() => english.formatNumber(1, { style: 'currency' })).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});

/** The codes that Tornado knows the names of. */
const TORNADO_CODES =
  'af_ZA am_ET ar_AR bg_BG bn_IN bs_BA ca_ES cs_CZ cy_GB da_DK de_DE el_GR en_GB en_US es_ES es_LA et_EE eu_ES fa_IR ' +
  'fi_FI fr_CA fr_FR ga_IE gl_ES he_IL hi_IN hr_HR hu_HU id_ID is_IS it_IT ja_JP ko_KR lt_LT lv_LV mk_MK ml_IN ms_MY ' +
  'nb_NO nl_NL nn_NO pa_IN pl_PL pt_BR pt_PT ro_RO ru_RU sk_SK sl_SI sq_AL sr_RS sv_SE sw_KE ta_IN te_IN th_TH tl_PH ' +
  'tr_TR uk_UA vi_VN zh_CN zh_TW';

describe('Locale.name', () => {
  const all = new Locales(Object.fromEntries(TORNADO_CODES.split(' ').map((code) => [code, {}])));

  it('is known for each of the 62 locales of Tornado, and different [LO-03]', () => {
    expect(all.size).toBe(62);
    const names = new Set([...all].map(({ name }) => name));
    expect(names.size).toBe(62);
    expect([...all].filter(({ code, name, englishName }) => name === code || englishName === code)).toEqual(
      [],
    );
  });

  it.each([
    ['de_DE', 'Deutsch', 'German'],
    ['en_US', 'English (US)', 'English (US)'],
    ['en_GB', 'English (UK)', 'English (UK)'],
    ['es_ES', 'Español (España)', 'Spanish (Spain)'],
    ['fr_CA', 'Français (Canada)', 'French (Canada)'],
    ['fr_FR', 'Français', 'French'],
    ['pt_BR', 'Português (Brasil)', 'Portuguese (Brazil)'],
    ['el_GR', 'Ελληνικά', 'Greek'],
    ['ru_RU', 'Русский', 'Russian'],
    ['ja_JP', '日本語', 'Japanese'],
    ['zh_TW', '繁體中文', 'Traditional Chinese'],
    ['he_IL', 'עברית', 'Hebrew'],
  ])('is for %s: %s, in English %s [LO-03]', (code, name, englishName) => {
    const locale = all.get(code);
    expect([locale.name, locale.englishName]).toEqual([name, englishName]);
  });

  it('is the code of a language that is not known', () => {
    expect(new Locales({ qqq: {} }).get('qqq').name).toBe('qqq');
  });
});

describe('a Locale', () => {
  it('knows its tag and direction [LO-03]', () => {
    expect(english).toMatchObject({ code: 'en_US', tag: 'en-US', isRtl: false, direction: 'ltr' });
    const rtl = [...locales].filter(({ isRtl }) => isRtl);
    expect(rtl.map(({ code, direction }) => [code, direction])).toEqual([
      ['ar', 'rtl'],
      ['he_IL', 'rtl'],
      ['fa_IR', 'rtl'],
      ['ur', 'rtl'],
    ]);
    expect([`${english}`, JSON.stringify({ english })]).toEqual(['en_US', '{"english":"en_US"}']);
  });
});
