import type { Logger } from '@landspout/ioloop';
import { shownText } from '@landspout/ioloop/errors';
import { CatalogueError } from './catalogue-error.ts';
import { placeholdersOf } from './placeholders.ts';

/** Maximum number of warnings about one file: a file with a mistake in every line must not fill the log. */
const MAX_WARNINGS = 20;

/** What a catalogue is read from, for errors and warnings about it. */
export class CatalogueSource {
  /** The path of the file; undefined if the program passed the content. */
  readonly file: string | undefined;
  readonly #logger: Logger | undefined;
  #warnings = 0;

  /** @param logger - receives warnings. Default: none. */
  constructor(file: string | undefined, logger?: Logger) {
    this.file = file;
    this.#logger = logger;
  }

  /** Makes an error about a line; the caller throws it. */
  error(problem: string, line?: number, options?: ErrorOptions): CatalogueError {
    return new CatalogueError(problem, { file: this.file, line, ...options });
  }

  /** Logs a mistake that leaves the catalogue usable. */
  warn(problem: string, line: number | undefined): void {
    this.#warnings += 1;
    if (this.#warnings > MAX_WARNINGS) return;
    const more = this.#warnings === MAX_WARNINGS ? ' (further warnings about this file are not logged)' : '';
    const place = `${this.file ?? 'catalogue'}${line === undefined ? '' : `:${line}`}`;
    this.#logger?.warn({ file: this.file, line }, `${place}: ${problem}${more}`);
  }

  /** Logs that the file has a message more than once. */
  warnDuplicate(message: string, line: number | undefined): void {
    this.warn(`duplicate message ${shownText(message)}; the last translation is used`, line);
  }

  /** Logs placeholders of a translation that the message does not have: the program has no values for them. */
  warnPlaceholders(translation: string, messages: readonly string[], line: number | undefined): void {
    const names = placeholdersOf(translation);
    if (names.length === 0) return;
    const known = new Set(['count', ...messages.flatMap(placeholdersOf)]);
    const unknown = names.find((name) => !known.has(name));
    if (unknown === undefined) return;
    const shown = shownText(`%(${unknown})`);
    this.warn(`the translation has the placeholder ${shown}, which the message does not have`, line);
  }
}
