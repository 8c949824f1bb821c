import { describe, expect, it } from 'vitest';
import { type Catalogue, html, Locales, type MissingTranslation } from '../../src/index.ts';

const locales = new Locales({
  de: {
    'Sign out': 'Abmelden',
    'Hello, %(name)s': 'Hallo, %(name)s',
    '100% sure': '100 % sicher',
    '%(share)s%% of %(what)s': '%(share)s%% von %(what)s',
    '%(count)s file': { one: '%(count)s Datei', other: '%(count)s Dateien' },
    'menu\u0004Open': 'Öffnen',
    Open: 'Offen',
    'Read <the> %(link)s & go': 'Lies <die> %(link)s & geh',
    empty: '',
  },
  de_AT: { 'Sign out': 'Ausloggen' },
  pl: { '%(count)s file': { one: '%(count)s plik', few: '%(count)s pliki', other: '%(count)s plików' } },
});
const german = locales.get('de');
const invalid = expect.objectContaining({ code: 'ERR_WEB_TRANSLATION' });

describe('Locale.translate', () => {
  it('returns the translation, or else the message [LO-03]', () => {
    expect(german.translate('Sign out')).toBe('Abmelden');
    expect(german.translate('unknown')).toBe('unknown');
    expect(german.translate('empty')).toBe('empty');
    expect(german.translate('toString')).toBe('toString');
    expect(locales.defaultLocale.translate('Sign out')).toBe('Sign out');
  });

  it('looks in the more general catalogue too [LO-03]', () => {
    const austrian = locales.get('de_AT');
    expect(austrian.translate('Sign out')).toBe('Ausloggen');
    expect(austrian.translate('Open')).toBe('Offen');
    const mixed = new Locales({ zh: { a: '简' }, zh_TW: {}, zh_Hant: { b: '繁' } });
    expect([mixed.get('zh_TW').translate('a'), mixed.get('zh_TW').translate('b')]).toEqual(['a', '繁']);
  });

  it('selects the form by the count, also of messages without translation [LO-03]', () => {
    const files = (code: string, count: number): string =>
      locales.get(code).translate('%(count)s file', '%(count)s files', count);
    expect([1, 2].map((count) => files('de', count))).toEqual(['1 Datei', '2 Dateien']);
    expect([1, 2, 5, 1.5].map((count) => files('pl', count))).toEqual([
      '1 plik',
      '2 pliki',
      '5 plików',
      '1.5 plików',
    ]);
    expect([1, 0, 2, -1].map((count) => files('en', count))).toEqual([
      '1 file',
      '0 files',
      '2 files',
      '-1 files',
    ]);
  });

  it('fills in values, which may themselves look like placeholders [LO-03]', () => {
    expect(german.translate('Hello, %(name)s', { name: '%(name)s <&>' })).toBe('Hallo, %(name)s <&>');
    expect(german.translate('%(share)s%% of %(what)s', { share: 5, what: 'a' })).toBe('5% von a');
    expect(german.translate('%(a)d|%(a)i|%(b)d|%(a).2f|%(c)f', { a: -2.71, b: 10n ** 30n, c: 1n })).toBe(
      `-2|-2|1${'0'.repeat(30)}|-2.71|1.000000`,
    );
    expect(german.translate('%(a)d', { a: 1e21 })).toBe('1000000000000000000000');
    expect(german.translate('%(count)s', '%(count)s of %(all)s', 3, { all: 7 })).toBe('3 of 7');
    expect(german.translate('x', '%(count)s', 1234, { count: german.friendlyNumber(1234) })).toBe('1.234');
  });

  it('leaves percent signs alone that are no placeholders [LO-03]', () => {
    expect(german.translate('100% sure')).toBe('100 % sicher');
    expect(german.translate('5%% or 50 %(about), %s', undefined)).toBe('5%% or 50 %(about), %s');
    expect(german.translate('5%% or %d of %(a)s', { a: 1 })).toBe('5% or %d of 1');
  });

  it.each([
    ['Hello, %(name)s', undefined, /"Hallo, %\(name\)s" \(de\): there is no value for "%\(name\)s"/],
    ['Hello, %(name)s', {}, /no value/],
    ['Hello, %(name)s', { name: null }, /no value/],
    ['Hello, %(name)s', { name: undefined }, /no value/],
    ['%(constructor)s', {}, /no value/],
    ['%(name)s', { name: {} }, /must be text or a number, got an object/],
    ['%(name)s', { name: html`<b>` }, /call translateHtml/],
    ['%(name)s', { name: true }, /must be text or a number, got true/],
    ['%(n)d', { n: '5' }, /must be a number, got "5"/],
    ['%(n)d', { n: Number.NaN }, /must be a number, got NaN/],
    ['%(n)', { n: 1 }, /must be followed by s, d or .2f/],
    ['%(n)x', { n: 1 }, /must be followed by s, d or .2f/],
  ])('refuses to fill %j with %j [LO-03]', (message, values, problem) => {
    const translate = (): string => german.translate(message, values as never);
    expect(translate).toThrow(invalid);
    expect(translate).toThrow(problem);
  });

  it.each([
    [[1], /message: a text/],
    [[undefined], /message: a text/],
    [['a', 'b'], /count: a number/],
    [['a', 'b', '1'], /count: a number/],
    [['a', 'b', Number.NaN], /count: a number/],
    [['a', 5], /an object of values/],
    [['a', []], /an object of values/],
    [['a', null], /an object of values/],
  ])('refuses the arguments %j', (given, problem) => {
    const translate = german.translate.bind(german) as (...given: unknown[]) => string;
    expect(() => translate(...given)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringMatching(problem) }),
    );
  });

  it('takes linear time for a message of many percent signs', () => {
    const message = '%('.repeat(50_000);
    expect(german.translate(message, {})).toBe(message);
  });

  it('asks catalogues of the program', () => {
    const lookups: unknown[] = [];
    const catalogue: Catalogue = {
      find(lookup) {
        lookups.push(lookup);
        return lookup.message === 'a' ? 'A' : undefined;
      },
    };
    const locale = new Locales({ fr: catalogue }).get('fr');
    expect(locale.translate('a')).toBe('A');
    expect(locale.pgettext('x', 'b', 'bs', 2)).toBe('bs');
    expect(lookups).toEqual([
      { message: 'a', plural: undefined, count: 1, context: undefined },
      { message: 'b', plural: 'bs', count: 2, context: 'x' },
    ]);
  });
});

describe('Locale.pgettext', () => {
  it('distinguishes meanings, and otherwise translates like translate [LO-03]', () => {
    expect(german.pgettext('menu', 'Open')).toBe('Öffnen');
    expect(german.pgettext('state', 'Open')).toBe('Offen');
    expect(german.pgettext('x', '%(count)s file', '%(count)s files', 2)).toBe('2 Dateien');
    expect(german.pgettext('x', 'Hello, %(name)s', { name: 'A' })).toBe('Hallo, A');
    expect(() => german.pgettext(1 as never, 'a')).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE' }),
    );
  });
});

describe('Locale.translateHtml', () => {
  it('escapes the message and text, and keeps HTML', async () => {
    const link = html`<a href="/">${'<x>'}</a>`;
    expect(String(german.translateHtml('Read <the> %(link)s & go', { link }))).toBe(
      'Lies &lt;die&gt; <a href="/">&lt;x&gt;</a> &amp; geh',
    );
    expect(String(german.translateHtml('Hello, %(name)s', { name: '<b>' }))).toBe('Hallo, &lt;b&gt;');
    expect(String(german.translateHtml('%(count)s file', '<%(count)s>', 5))).toBe('5 Dateien');
    expect(String(german.translateHtml('<%(n)d %(parts)s>', { n: 1, parts: ['<', html`<i>`] }))).toBe(
      '&lt;1 &lt;<i>&gt;',
    );
    const later = german.translateHtml('Hello, %(name)s', { name: Promise.resolve('<b>') });
    expect(await later.toPromise()).toBe('Hallo, &lt;b&gt;');
  });

  it('refuses missing values, and values that cannot be printed', () => {
    const fill = (values: object) => () => german.translateHtml('%(a)s %(b)s', values as never);
    expect(fill({ a: html`x` })).toThrow(invalid);
    expect(fill({ a: 1, b: Symbol('s') })).toThrow(/"%\(a\)s %\(b\)s", the value of %\(b\)s: a symbol/);
    expect(fill({ a: Promise.reject(new Error('unhandled')), b: new Map() })).toThrow(/cannot be printed/);
  });
});

describe('Locale._', () => {
  it('needs no locale before it, and returns HTML only if a value is HTML', () => {
    const { _ } = german;
    expect(_('Sign out')).toBe('Abmelden');
    expect(_('Hello, %(name)s', { name: '<' })).toBe('Hallo, <');
    expect(_('%(count)s file', '%(count)s files', 2)).toBe('2 Dateien');
    expect(String(html`<p title="${_('Read <the> %(link)s & go', { link: 'a' })}">`)).toBe(
      '<p title="Lies &lt;die&gt; a &amp; geh">',
    );
    expect(String(html`<p>${_('Hello, %(name)s', { name: html`<b>A</b>` })}`)).toBe('<p>Hallo, <b>A</b>');
    expect(() => _('Hello, %(name)s')).toThrow(invalid);
  });
});

describe('the option onMissing', () => {
  function recording(): { readonly missing: string[]; onMissing(missing: MissingTranslation): void } {
    const missing: string[] = [];
    return {
      missing,
      onMissing: ({ locale, message, plural, context }) =>
        void missing.push(
          [locale.code, context, message, plural].filter((part) => part !== undefined).join(' '),
        ),
    };
  }

  it('is called once for each message that has no translation', () => {
    const { missing, onMissing } = recording();
    const some = new Locales({ de: { a: 'A' }, fr: {} }, { onMissing });
    for (const code of ['de', 'fr', 'de']) {
      some.get(code).translate('a');
      some.get(code).translate('b', 'bs', 2);
      some.get(code).pgettext('x', 'b');
    }
    expect(missing).toEqual(['de b bs', 'de x b', 'fr a', 'fr b bs', 'fr x b']);
  });

  it('is not called for the language of the program, and for at most 1,000 messages', () => {
    const { missing, onMissing } = recording();
    const some = new Locales({ en_GB: {}, fr: {} }, { onMissing });
    some.defaultLocale.translate('a');
    some.get('en_GB').translate('a');
    for (let index = 0; index < 1_100; index += 1) some.get('fr').translate(`message ${index}`);
    expect(missing).toHaveLength(1_000);
  });

  it('may throw, so that a test fails', () => {
    const some = new Locales(
      { fr: {} },
      {
        onMissing({ message }) {
          throw new Error(`missing: ${message}`);
        },
      },
    );
    expect(() => some.get('fr').translate('a')).toThrow('missing: a');
  });
});
