import type { Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { webChecks } from '../errors.ts';
import type { Catalogue } from '../locale/catalogues/catalogue.ts';
import { CatalogueSource } from '../locale/catalogues/catalogue-source.ts';
import { moCatalogue } from '../locale/catalogues/mo-file.ts';
import { poCatalogue } from '../locale/catalogues/po-file.ts';

export interface ParseCatalogueOptions {
  /** The path or another name of what is parsed, for errors and warnings. Default: none. */
  readonly file?: string;
  /** Receives warnings, such as duplicate messages. Default: none. */
  readonly logger?: Logger;
}

const OPTIONS: OptionNames<ParseCatalogueOptions> = { file: true, logger: true };

/**
 * Parses a gettext catalogue in its text format (`.po`). Entries that are fuzzy or obsolete are left out.
 *
 * @param content - text, or bytes in the charset of the catalogue's header; UTF-8 if it has none.
 * @returns a catalogue for `new Locales`.
 * @throws CatalogueError `ERR_WEB_CATALOGUE`, with the line, if it is malformed. WebUsageError `ERR_WEB_USAGE` if an
 *   argument is invalid.
 *
 * @example
 * const locales = new Locales({ de: parsePo(await readFile('de.po')) });
 */
export function parsePo(content: string | Uint8Array, options: ParseCatalogueOptions = {}): Catalogue {
  const source = sourceOf('parsePo', options);
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
    throw webChecks.wrong('parsePo', 'text or bytes', content);
  }
  return poCatalogue(content, source);
}

/**
 * Parses a compiled gettext catalogue (`.mo`). Throws like {@link parsePo}, but without a line.
 *
 * @returns a catalogue for `new Locales`.
 */
export function parseMo(content: Uint8Array, options: ParseCatalogueOptions = {}): Catalogue {
  const source = sourceOf('parseMo', options);
  if (!(content instanceof Uint8Array)) throw webChecks.wrong('parseMo', 'bytes', content);
  return moCatalogue(content, source);
}

function sourceOf(operation: string, options: ParseCatalogueOptions): CatalogueSource {
  webChecks.options(operation, options, OPTIONS);
  const { file, logger } = options;
  if (logger === undefined) return new CatalogueSource(file);
  return new CatalogueSource(
    file,
    acceptLogger(webChecks.withMethods(operation, 'a logger', logger, 'warn')),
  );
}
