import { constants, type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import type { Catalogue } from './catalogue.ts';
import { CatalogueError } from './catalogue-error.ts';
import { CatalogueSource } from './catalogue-source.ts';
import { csvCatalogue } from './csv-catalogue.ts';
import { decodeText } from './decoded-text.ts';
import { type LocaleCode, parseLocaleCode } from './locale-code.ts';
import { moCatalogue } from './mo-file.ts';
import { poCatalogue } from './po-file.ts';

/** How the files of a folder are read. */
export interface FolderRules {
  /** Maximum number of bytes of one file. */
  readonly maxBytes: number;
  /** The encoding of CSV files without a byte order mark. */
  readonly encoding: string;
  /** Receives warnings. */
  readonly logger: Logger;
}

/** Maximum number of catalogues in a folder. There are about 200 languages with translations of any software. */
const MAX_CATALOGUES = 1_000;

/** A file with the translations of one locale. */
interface CatalogueFile {
  readonly code: LocaleCode;
  readonly file: string;
}

/** Reads the files `<locale>.csv` of a folder. @throws CatalogueError `ERR_WEB_CATALOGUE`. */
export async function csvCatalogues(folder: string, rules: FolderRules): Promise<Map<string, Catalogue>> {
  const names = (await namesIn(folder)).filter((name) => name.endsWith('.csv') && !name.startsWith('.'));
  const files = names.map((name) => {
    const file = path.join(folder, name);
    return { code: localeOf(name.slice(0, -'.csv'.length), file), file };
  });
  if (files.length === 0) {
    const problem = 'the folder has no files such as de_DE.csv; for no translations, use new Locales({})';
    throw new CatalogueError(problem, { file: folder });
  }
  return readAll(files, rules, (bytes, source, { tag }) =>
    csvCatalogue(tag, decodeText(bytes, rules.encoding, source), source),
  );
}

/**
 * Reads the files `<locale>/LC_MESSAGES/<domain>.mo` of a folder, or those with `.po` where there is no `.mo`.
 *
 * @throws CatalogueError `ERR_WEB_CATALOGUE`.
 */
export async function gettextCatalogues(
  folder: string,
  domain: string,
  rules: FolderRules,
): Promise<Map<string, Catalogue>> {
  const files: CatalogueFile[] = [];
  for (const name of await namesIn(folder)) {
    const messages = path.join(folder, name, 'LC_MESSAGES');
    const present: readonly string[] = await namesIn(messages).catch(() => []);
    const found = ['.mo', '.po'].map((ending) => domain + ending).find((file) => present.includes(file));
    if (found === undefined) continue;
    const file = path.join(messages, found);
    files.push({ code: localeOf(name, file), file });
  }
  if (files.length === 0) {
    const problem = `the folder has no files such as de_DE/LC_MESSAGES/${domain}.mo or ${domain}.po`;
    throw new CatalogueError(problem, { file: folder });
  }
  return readAll(files, rules, (bytes, source) =>
    source.file?.endsWith('.mo') === true ? moCatalogue(bytes, source) : poCatalogue(bytes, source),
  );
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    const problem = `the folder cannot be read: ${errorOf(cause).message}`;
    throw new CatalogueError(problem, { file: folder, cause });
  }
}

function localeOf(name: string, file: string): LocaleCode {
  const code = parseLocaleCode(name);
  if (code !== undefined) return code;
  const problem =
    'the name must be that of a locale: a language, and optionally a region, such as de or de_DE';
  throw new CatalogueError(problem, { file });
}

/** @param parse - makes the catalogue of the bytes of a file. */
async function readAll(
  files: readonly CatalogueFile[],
  rules: FolderRules,
  parse: (bytes: Uint8Array, source: CatalogueSource, code: LocaleCode) => Catalogue,
): Promise<Map<string, Catalogue>> {
  if (files.length > MAX_CATALOGUES) {
    const [first] = files;
    const problem = `there are ${files.length} catalogues, but at most ${MAX_CATALOGUES} are read`;
    throw new CatalogueError(problem, { file: path.dirname(first?.file ?? '') });
  }
  const catalogues = new Map<string, Catalogue>();
  for (const { code, file } of files) {
    const source = new CatalogueSource(file, rules.logger);
    if (catalogues.has(code.code)) throw source.error(`there are two files for the locale ${code.code}`);
    catalogues.set(code.code, parse(await bytesOf(file, rules.maxBytes, source), source, code));
  }
  return catalogues;
}

/** So that a named pipe does not wait for its writer. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** Reads one file completely. */
async function bytesOf(file: string, maxBytes: number, source: CatalogueSource): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, OPEN_FLAGS);
    const stat = await handle.stat();
    if (!stat.isFile()) throw source.error('this is not a file');
    const { size } = stat;
    if (size > maxBytes) {
      throw source.error(
        `the file has ${size} bytes, but at most ${maxBytes} are read; see the option maxBytes`,
      );
    }
    return await handle.readFile();
  } catch (cause) {
    if (cause instanceof CatalogueError) throw cause;
    throw source.error(`the file cannot be read: ${errorOf(cause).message}`, undefined, { cause });
  } finally {
    await handle?.close();
  }
}
