import { symlinkSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CatalogueError, Locales } from '../../src/index.ts';
import { mutationsOf } from '../fixtures/hostile-texts.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';
import { CatalogueFolder } from './catalogue-folder.ts';

const FRENCH = [
  '"school","école"',
  'Sign out,Se déconnecter',
  '"%(name)s liked this","%(name)s a aimé",singular',
  '"%(name)s liked this","%(name)s ont aimé",plural',
  '"Hello, you","Bonjour, ""toi""",unknown',
  'not yet,""',
  '',
].join('\r\n');

function withBom(bom: readonly number[], bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(bom), bytes]);
}

function utf16be(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16();
}

describe('Locales.fromCsv', () => {
  it('reads a file for each locale, with two or three columns [LO-01]', async () => {
    using folder = new CatalogueFolder({
      'fr_FR.csv': FRENCH,
      'de-at.csv': 'school,Schule',
      'README.md': 'x',
      '._x.csv': 'x',
    });
    const logger = new RecordingLogger();
    const locales = await Locales.fromCsv(folder.path, { logger });
    expect(locales.codes).toEqual(['en_US', 'de_AT', 'fr_FR']);
    const french = locales.get('fr_FR');
    expect(french.translate('school')).toBe('école');
    expect(french.translate('Sign out')).toBe('Se déconnecter');
    expect(french.translate('Hello, you')).toBe('Bonjour, "toi"');
    expect(locales.get('de').translate('school')).toBe('Schule');
    expect(locales.defaultLocale.translate('school')).toBe('school');
    expect(logger.records).toEqual([]);
  });

  it('has texts for a count of one, and for others [LO-01] [LO-03]', async () => {
    using folder = new CatalogueFolder({ 'fr.csv': FRENCH });
    const french = (await Locales.fromCsv(folder.path)).get('fr');
    const liked = (count: number): string =>
      french.translate('%(name)s liked this', '%(name)s liked this', count, { name: 'A' });
    expect([1, 0, 2].map(liked)).toEqual(['A a aimé', 'A ont aimé', 'A ont aimé']);
    expect(french.translate('%(name)s liked this', { name: 'A' })).toBe('A liked this');
  });

  it('has texts for the plural categories of Unicode [LO-01] [LO-03]', async () => {
    const rows =
      '%(count)s file,%(count)s plik,one\n%(count)s file,%(count)s pliki,few\n%(count)s file,%(count)s plików,other\n';
    using folder = new CatalogueFolder({ 'pl.csv': rows });
    const polish = (await Locales.fromCsv(folder.path)).get('pl');
    const files = (count: number): string => polish.translate('%(count)s file', '%(count)s files', count);
    expect([1, 3, 5, 22].map(files)).toEqual(['1 plik', '3 pliki', '5 plików', '22 pliki']);
  });

  it.each([
    ['UTF-8 with a byte order mark', withBom([0xef, 0xbb, 0xbf], Buffer.from(FRENCH))],
    ['UTF-16, little-endian', withBom([0xff, 0xfe], Buffer.from(FRENCH, 'utf16le'))],
    ['UTF-16, big-endian', withBom([0xfe, 0xff], utf16be(FRENCH))],
  ])('reads %s, whatever the option says [LO-01]', async (_, bytes) => {
    using folder = new CatalogueFolder({ 'fr.csv': bytes });
    for (const options of [{}, { encoding: 'windows-1252' }]) {
      const locales = await Locales.fromCsv(folder.path, options);
      expect(locales.get('fr').translate('school')).toBe('école');
    }
  });

  it('reads files without a byte order mark in the encoding of the option [LO-01]', async () => {
    using folder = new CatalogueFolder({ 'fr.csv': Buffer.from('school,école', 'latin1') });
    const locales = await Locales.fromCsv(folder.path, { encoding: 'latin1' });
    expect(locales.get('fr').translate('school')).toBe('école');
    await expect(Locales.fromCsv(folder.path)).rejects.toThrow(/fr\.csv:1: .*UTF-8/);
  });

  it.each([
    ['de.csv', 'a,b\n"c,d\n', 2, /not closed/],
    ['de.csv', 'a,b\nonly one\n', 2, /two or three cells .* has 1/],
    ['de.csv', 'Hello, %(name)s,Hallo\n', 1, /quotation marks/],
    ['de.csv', 'a,b,plurals\n', 1, /third cell must be .* got "plurals"/],
    ['de.csv', 'a,b,plural,x\n', 1, /has 4/],
    ['de.csv', ',b\n', 1, /the message, is empty/],
    ['de.csv', Buffer.from('a,b\nc,\xe9\n', 'latin1'), 2, /UTF-8/],
    ['de.csv', Buffer.from('a,b\nc,d', 'utf16le'), 1, /NUL/],
    ['german.csv', 'a,b', undefined, /name must be that of a locale/],
    ['de_DEU.csv', 'a,b', undefined, /name must be that of a locale/],
  ])('refuses %s with %j, with file and line [LO-01]', async (name, content, line, message) => {
    using folder = new CatalogueFolder({ [name]: content });
    const reading = Locales.fromCsv(folder.path);
    await expect(reading).rejects.toThrow(CatalogueError);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ code: 'ERR_WEB_CATALOGUE', file: folder.file(name), line });
  });

  it('refuses a folder that does not exist or has no catalogue, and two files of one locale [LO-01]', async () => {
    using folder = new CatalogueFolder({ 'de-DE.csv': '', 'de_DE.csv': '' });
    using empty = new CatalogueFolder({});
    await expect(Locales.fromCsv(empty.path)).rejects.toMatchObject({
      code: 'ERR_WEB_CATALOGUE',
      file: empty.path,
    });
    const missing = Locales.fromCsv(folder.file('nothing'));
    await expect(missing).rejects.toMatchObject({ code: 'ERR_WEB_CATALOGUE', cause: { code: 'ENOENT' } });
    await expect(Locales.fromCsv(folder.path)).rejects.toThrow(/two files for the locale de_DE/);
  });

  it('refuses a file that is too large without reading it, and what is no file', async () => {
    using folder = new CatalogueFolder({ 'de.csv': 'a,b' });
    await expect(Locales.fromCsv(folder.path, { maxBytes: 2 })).rejects.toThrow(/3 bytes, but at most 2/);
    truncateSync(folder.file('de.csv'), 1024 ** 4);
    await expect(Locales.fromCsv(folder.path)).rejects.toThrow(/maxBytes/);
    using other = new CatalogueFolder({ 'de.csv/x': '' });
    await expect(Locales.fromCsv(other.path)).rejects.toMatchObject({ code: 'ERR_WEB_CATALOGUE' });
    using special = new CatalogueFolder({});
    symlinkSync('/dev/zero', special.file('de.csv'));
    await expect(Locales.fromCsv(special.path)).rejects.toThrow(/not a file/);
  });

  it('warns of duplicate messages, of which the last is used, and of unknown placeholders', async () => {
    using folder = new CatalogueFolder({
      'de.csv': 'a,1\nb,2\na,3\n%(name)s,%(nmae)s\n%(n)s x,%(count)s x,plural\n',
    });
    const logger = new RecordingLogger();
    const locales = await Locales.fromCsv(folder.path, { logger });
    expect(locales.get('de').translate('a')).toBe('3');
    expect(logger.records.map(({ level, message }) => [level, message])).toEqual([
      ['warn', `${folder.file('de.csv')}:3: duplicate message "a"; the last translation is used`],
      [
        'warn',
        `${folder.file('de.csv')}:4: the translation has the placeholder "%(nmae)", which the message does not have`,
      ],
    ]);
  });

  it('limits the number of warnings', async () => {
    using folder = new CatalogueFolder({ 'de.csv': 'a,1\n'.repeat(500) });
    const logger = new RecordingLogger();
    await Locales.fromCsv(folder.path, { logger });
    expect(logger.records).toHaveLength(20);
    expect(logger.records.at(-1)?.message).toMatch(/not logged/);
  });

  it.each([
    [{ encoding: 'klingon' }, /encoding/],
    [{ maxBytes: 0 }, /maxBytes/],
    [{ logger: 1 }, /logger/],
    [{ maxByte: 1 }, /did you mean "maxBytes"/],
    [{ timeZone: 'x' }, /time zone/i],
  ])('refuses the options %j', async (options, message) => {
    using folder = new CatalogueFolder({ 'de.csv': '' });
    const reading = Locales.fromCsv(folder.path, options as never);
    await expect(reading).rejects.toThrow(message);
    await expect(Locales.fromCsv('')).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
  });

  it('reads each damaged file, or refuses it with a CatalogueError', async () => {
    const outcomes = new Set<string>();
    for (const text of mutationsOf('"a","%(b)s",plural\n"c ""d""",e\n')) {
      using folder = new CatalogueFolder({ 'de.csv': text });
      const logger = new RecordingLogger();
      const outcome = await Locales.fromCsv(folder.path, { logger }).catch((error: unknown) => error);
      expect(outcome instanceof Locales || outcome instanceof CatalogueError, text).toBe(true);
      outcomes.add((outcome as object).constructor.name);
    }
    expect(outcomes.size).toBe(2);
  });
});
