// @ts-expect-error: the package has no types.
import gettextParser from 'gettext-parser';
import { describe, expect, it } from 'vitest';
import { parseMo, parsePo } from '../../src/gettext/index.ts';
import { CatalogueError, type Locale, Locales } from '../../src/index.ts';
import { mutationsOf, seededRandom } from '../fixtures/hostile-texts.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';
import { CatalogueFolder } from './catalogue-folder.ts';

const { po, mo } = gettextParser as {
  readonly po: { parse(text: string): object };
  readonly mo: { compile(table: object): Buffer };
};

const HEADER = `msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=n>1;\\n"
`;

const FRENCH = `# Translations of an example.
#, fuzzy
${HEADER}
#: page.ts:1
msgid "school"
msgstr "école"

msgctxt "law"
msgid "right"
msgstr "le droit"

msgctxt "good"
msgid "right"
msgstr "le bien"

#, python-format
msgid "%(count)s club"
msgid_plural "%(count)s clubs"
msgstr[0] "%(count)s club français"
msgstr[1] "%(count)s clubs français"

msgctxt "stick"
msgid "club"
msgid_plural "clubs"
msgstr[0] "le bâton"
msgstr[1] "les bâtons"

#, python-format, fuzzy
#| msgid "old"
msgid "unsure"
msgstr "pas sûr"

msgid "empty"
msgstr ""

msgid ""
"several\\t"
"lines\\n"
msgstr "plusieurs\\t\\"lignes\\"\\n"
"\\\\ \\303\\251 \\x41"

#, fuzzy
#~ msgid "old"
#~ msgstr "vieux"

msgid "__proto__"
msgstr "prototype"

msgid "constructor"
msgstr "constructeur"
`;

function compiled(text: string): Buffer {
  return mo.compile(po.parse(text));
}

function french(catalogue: ReturnType<typeof parsePo>): Locale {
  return new Locales({ fr: catalogue }).get('fr');
}

/** What the catalogue {@link FRENCH} says, in either format. */
function expectFrench(locale: Locale): void {
  expect(locale.translate('school')).toBe('école');
  expect(locale.pgettext('law', 'right')).toBe('le droit');
  expect(locale.pgettext('good', 'right')).toBe('le bien');
  expect(locale.pgettext('direction', 'right')).toBe('right');
  expect(locale.translate('right')).toBe('right');
  const clubs = (count: number): string => locale.translate('%(count)s club', '%(count)s clubs', count);
  expect([0, 1, 2].map(clubs)).toEqual(['0 club français', '1 club français', '2 clubs français']);
  expect(locale.translate('%(count)s club', { count: 5 })).toBe('5 club français');
  expect(locale.pgettext('stick', 'club', 'clubs', 1)).toBe('le bâton');
  expect(locale.pgettext('stick', 'club', 'clubs', 2)).toBe('les bâtons');
  expect(locale.pgettext('organization', 'club', 'clubs', 2)).toBe('clubs');
  expect(locale.translate('school', 'schools', 2)).toBe('schools');
  expect(locale.translate('empty')).toBe('empty');
  expect(locale.translate('old')).toBe('old');
  expect(locale.translate('constructor')).toBe('constructeur');
  expect(locale.translate('toString')).toBe('toString');
  expect(locale.translate('')).toBe('');
}

describe('Locales.fromGettext', () => {
  it('reads compiled catalogues, and others where there are none [LO-01] [LO-03]', async () => {
    using folder = new CatalogueFolder({
      'fr_FR/LC_MESSAGES/site.mo': compiled(FRENCH.replaceAll(/#, fuzzy\n#~.*\n#~.*\n/g, '')),
      'fr_FR/LC_MESSAGES/site.po': 'broken',
      'fr_FR/LC_MESSAGES/other.po': 'broken',
      'fr_CA/LC_MESSAGES/site.po': FRENCH,
      'templates/site.pot': 'broken',
      'site.po': 'broken',
    });
    const locales = await Locales.fromGettext(folder.path, 'site');
    expect(locales.codes).toEqual(['en_US', 'fr_CA', 'fr_FR']);
    expectFrench(locales.get('fr_FR'));
    expectFrench(locales.get('fr_CA'));
    expect(locales.get('fr_CA').translate('unsure')).toBe('unsure');
    expect(locales.get('fr_CA').translate('several\tlines\n')).toBe('plusieurs\t"lignes"\n\\ é A');
    expect(locales.get('fr_CA').translate('__proto__')).toBe('prototype');
  });

  it('refuses a folder without such files, a directory that is no locale, and a domain that is a path [LO-01]', async () => {
    using folder = new CatalogueFolder({ 'fr/LC_MESSAGES/site.po': FRENCH });
    const failing = (domain: string): Promise<Locales> => Locales.fromGettext(folder.path, domain);
    await expect(failing('sites')).rejects.toThrow(/de_DE\/LC_MESSAGES\/sites\.mo/);
    await expect(failing('../site')).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
    await expect(failing('')).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
    using french = new CatalogueFolder({ 'french/LC_MESSAGES/site.po': FRENCH });
    await expect(Locales.fromGettext(french.path, 'site')).rejects.toThrow(/name must be that of a locale/);
    await expect(Locales.fromGettext(folder.path, 'site', { maxBytes: 100 })).rejects.toThrow(/maxBytes/);
  });

  it('names the file and the line of what is wrong [LO-01]', async () => {
    using folder = new CatalogueFolder({ 'fr/LC_MESSAGES/site.po': `${FRENCH}\nmsgid "x" y\n` });
    const file = folder.file('fr/LC_MESSAGES/site.po');
    await expect(Locales.fromGettext(folder.path, 'site')).rejects.toMatchObject({ file, line: 56 });
  });
});

describe('parsePo', () => {
  it.each(['windows-1252', 'ISO-8859-15', 'CP1252'])('reads the charset %s of the header', (charset) => {
    const text = FRENCH.replace('charset=UTF-8', `charset=${charset}`);
    expect(french(parsePo(Buffer.from(text, 'latin1'))).translate('school')).toBe('école');
  });

  it('reads UTF-8 if the header names ASCII, the placeholder of new files, or nothing', () => {
    for (const charset of ['CHARSET', 'US-ASCII', '']) {
      const text = FRENCH.replace('UTF-8', charset);
      expectFrench(french(parsePo(Buffer.from(text))));
    }
    expect(french(parsePo('msgid "a"\nmsgstr "é"')).translate('a')).toBe('é');
    expect(french(parsePo('')).translate('a')).toBe('a');
  });

  it('uses two forms if there is no header, as gettext does [LO-03]', () => {
    const locale = french(parsePo('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "A"\nmsgstr[1] "B"\n'));
    expect([1, 0, 2].map((count) => locale.translate('a', 'b', count))).toEqual(['A', 'B', 'B']);
  });

  it('reads lines that end with CRLF or CR', () => {
    expectFrench(french(parsePo(FRENCH.replaceAll('\n', '\r\n'))));
    expectFrench(french(parsePo(FRENCH.replaceAll('\n', '\r'))));
  });

  it.each([
    ['msgid "a', 1, /must end with a quotation mark/],
    ['msgid "a"\nmsgstr "a"b"', 2, /quotation mark inside it is written/],
    ['msgid a', 1, /string in quotation marks/],
    ['msgid "a"\nmsgstr "b"\n<<<<<<< HEAD', 3, /was expected, got "<<<<<<< HEAD"/],
    ['msgid "a"\nmsgid "b"\nmsgstr "c"', 1, /followed by msgstr/],
    ['msgid "a"\n', 1, /followed by msgstr/],
    ['msgctxt "a"\nmsgstr "b"', 2, /misplaced/],
    ['msgctxt "a"\nmsgctxt "b"', 1, /followed by msgid/],
    ['msgstr "b"', 1, /misplaced/],
    ['"b"', 1, /misplaced/],
    ['msgid "a"\nmsgstr "b"\nmsgstr "c"', 3, /misplaced/],
    ['msgid "a"\nmsgstr[0] "b"', 2, /misplaced/],
    ['msgid "a"\nmsgid_plural "b"\nmsgstr "c"', 3, /msgstr\[0\] was expected/],
    ['msgid "a"\nmsgid_plural "b"\nmsgstr[1] "c"', 3, /msgstr\[0\] was expected, got msgstr\[1\]/],
    ['msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"', 1, /has 1 translation instead of 2/],
    ['msgid "a"\nmsgid_plural "b"\nmsgid_plural "c"', 3, /misplaced/],
    ['msgid[0] "a"', 1, /must not have a number/],
    ['msgid "a"\n#, fuzzy\nmsgstr "b"', 2, /before the entry/],
    ['\n\nmsgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=x;\\n"', 3, /Plural-Forms: unexpected "x"/],
  ])('refuses %j, with the line [LO-01]', (text, line, message) => {
    expect(() => parsePo(text, { file: 'fr.po' })).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_CATALOGUE',
        file: 'fr.po',
        line,
        message: expect.stringMatching(message),
      }),
    );
  });

  it('refuses a charset that is unknown, and bytes that are not valid in it', () => {
    const unknown = FRENCH.replace('UTF-8', 'KLINGON');
    expect(() => parsePo(Buffer.from(unknown))).toThrow(/the charset "klingon"/);
    const invalid = Buffer.concat([
      Buffer.from('msgid "a"\nmsgstr "'),
      Buffer.from([0xff]),
      Buffer.from('"\n'),
    ]);
    expect(() => parsePo(invalid)).toThrow(expect.objectContaining({ line: 2 }));
    expect(() => parsePo(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
    expect(() => parsePo('', { files: 'x' } as never)).toThrow(/did you mean "file"/);
  });

  it('reads each damaged text, or refuses it with a CatalogueError', () => {
    const outcomes = { read: 0, refused: 0 };
    const text = `${HEADER}msgctxt "a"\nmsgid "%(b)s"\nmsgid_plural "c"\nmsgstr[0] "\\"\\303\\251"\nmsgstr[1] "\\x41"\n`;
    for (const damaged of mutationsOf(text)) {
      try {
        parsePo(damaged);
        outcomes.read += 1;
      } catch (error) {
        expect(error, damaged).toBeInstanceOf(CatalogueError);
        outcomes.refused += 1;
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  });

  it('warns of duplicates and of unknown placeholders', () => {
    const logger = new RecordingLogger();
    const text = 'msgid "a"\nmsgstr "1"\nmsgid "a"\nmsgstr "2"\nmsgid "%(b)s"\nmsgstr "%(c)s %(d).2f"\n';
    expect(french(parsePo(text, { logger, file: 'fr.po' })).translate('a')).toBe('2');
    expect(logger.records.map(({ message }) => message)).toEqual([
      'fr.po:3: duplicate message "a"; the last translation is used',
      'fr.po:5: the translation has the placeholder "%(c)", which the message does not have',
    ]);
  });
});

describe('parseMo', () => {
  const bytes = compiled(FRENCH.replaceAll(/#, fuzzy\n#~.*\n#~.*\n/g, ''));

  it('reads what another program has compiled [LO-01] [LO-03]', () => {
    expectFrench(french(parseMo(bytes)));
  });

  it('reads both byte orders', () => {
    const swapped = Buffer.from(bytes);
    const count = bytes.readUInt32LE(8);
    const [messages, texts] = [bytes.readUInt32LE(12), bytes.readUInt32LE(16)];
    swapped.subarray(0, 28).swap32();
    swapped.subarray(messages, messages + 8 * count).swap32();
    swapped.subarray(texts, texts + 8 * count).swap32();
    expectFrench(french(parseMo(swapped)));
  });

  it.each([
    ['no bytes', Buffer.alloc(0), /not a compiled gettext catalogue/],
    ['text', Buffer.from(FRENCH), /not a compiled gettext catalogue/],
    ['half of it', bytes.subarray(0, bytes.length / 2), /damaged/],
    ['another revision', changed((copy) => copy.writeUInt32LE(0x20000, 4)), /revision/],
    ['a count that is too large', changed((copy) => copy.writeUInt32LE(0xffffffff, 8)), /damaged/],
    ['a table outside', changed((copy) => copy.writeUInt32LE(0xfffffff0, 12)), /damaged/],
    [
      'a string outside',
      changed((copy) => copy.writeUInt32LE(0x7fffffff, copy.readUInt32LE(16) + 12)),
      /damaged/,
    ],
  ])('refuses %s [LO-01]', (_, content, message) => {
    expect(() => parseMo(content, { file: 'fr.mo' })).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_CATALOGUE',
        file: 'fr.mo',
        message: expect.stringMatching(message),
      }),
    );
  });

  it('refuses strings that share bytes: a small file could describe gigabytes of text', () => {
    const count = 2_000;
    const copy = Buffer.alloc(28 + 16 * count + 1_000, 0x41);
    copy.writeUInt32LE(0x950412de, 0);
    copy.writeUInt32LE(0, 4);
    copy.writeUInt32LE(count, 8);
    copy.writeUInt32LE(28, 12);
    copy.writeUInt32LE(28 + 8 * count, 16);
    for (let index = 0; index < 2 * count; index += 1) {
      copy.writeUInt32LE(1_000, 28 + 8 * index);
      copy.writeUInt32LE(28 + 16 * count, 32 + 8 * index);
    }
    expect(() => parseMo(copy)).toThrow(/damaged/);
  });

  it('reads each damaged file, or refuses it with a CatalogueError', () => {
    const random = seededRandom(22);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < 2_000; round += 1) {
      const copy = Buffer.from(bytes);
      for (let left = 1 + random(3); left > 0; left -= 1) copy[random(copy.length)] = random(256);
      try {
        parseMo(copy);
        outcomes.read += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(CatalogueError);
        outcomes.refused += 1;
      }
    }
    expect(outcomes.read).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(100);
  });

  function changed(change: (copy: Buffer) => void): Buffer {
    const copy = Buffer.from(compiled(FRENCH));
    change(copy);
    return copy;
  }
});
