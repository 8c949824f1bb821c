import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { shownText, shownValue, similarName } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import { TemplateError } from '../templates/template-error.ts';

/** A template as it was read from its file. */
export interface TemplateSource {
  /** The path below the views folder, with `/` between segments. */
  readonly name: string;
  /** The absolute path, with links followed. */
  readonly file: string;
  readonly text: string;
  readonly stamp: string;
}

/** Maximum number of names among which a similar one is searched: names may come from clients. */
const MAX_SUGGESTIONS = 300;
/** Maximum number of templates of one folder, and of folders. */
const MAX_FILES = 100_000;
/** A larger file is probably not a template. */
const MAX_TEMPLATE_BYTES = 8 * 1024 * 1024;
/** A file that changed this recently may change again without a new time stamp. */
const SETTLED_MS = 2_000;

/** The folder of the templates, which is read synchronously: once per template, or for each use in development. */
export class TemplateFolder {
  /** The absolute path, with links followed. */
  readonly path: string;
  readonly #extension: string;
  #suggestions: readonly string[] | undefined;

  /** @throws WebUsageError `ERR_WEB_USAGE` if `views` is not the path of a folder that can be read. */
  constructor(operation: string, views: unknown, extension: string) {
    if (typeof views !== 'string' || views === '') {
      throw usage(`${operation}: views must be the path of a folder, got ${shownValue(views)}`);
    }
    this.#extension = extension;
    try {
      this.path = realpathSync(views);
      // Also fails if it is not a folder.
      readdirSync(this.path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const problem = `views must be the path of a folder that can be read, got ${shownText(path.resolve(views), 300)}`;
      throw usage(`${operation}: ${problem} (${code})`, { cause: error });
    }
  }

  /**
   * @param name - resolved; see `resolveTemplateName`.
   * @throws TemplateError `ERR_WEB_TEMPLATE` if there is no such file, or it is not below the folder or not readable.
   */
  read(name: string): TemplateSource {
    const file = this.#locate(name);
    const stamp = stampOf(file);
    try {
      const text = readFileSync(file, 'utf8');
      return { name, file, text: text.startsWith('\ufeff') ? text.slice(1) : text, stamp };
    } catch (error) {
      throw unreadable(name, error);
    }
  }

  /**
   * Whether the file is the same as when it was read. A file that changed within the last two seconds is never the same.
   *
   * @throws TemplateError `ERR_WEB_TEMPLATE` if the file is gone.
   */
  isCurrent({ name, file, stamp }: TemplateSource): boolean {
    return stamp !== '' && this.#locate(name) === file && stampOf(file) === stamp;
  }

  /** The names of all templates in the folder and the folders below it, sorted. Links to folders are not followed. */
  names(most: number = MAX_FILES): string[] {
    const names: string[] = [];
    const folders = [''];
    for (let at = 0; at < folders.length && folders.length <= MAX_FILES; at += 1) {
      const folder = folders[at] as string;
      for (const entry of readdirSync(path.join(this.path, folder), { withFileTypes: true })) {
        const name = folder + entry.name;
        if (entry.isDirectory()) folders.push(`${name}/`);
        else if (name.endsWith(this.#extension)) names.push(name);
        if (names.length >= most) return names.sort();
      }
    }
    return names.sort();
  }

  /** Looks for new files when a similar name is searched next. */
  forgetSuggestions(): void {
    this.#suggestions = undefined;
  }

  /** Follows links, which must not lead out of the folder. */
  #locate(name: string): string {
    let file: string;
    try {
      file = realpathSync(path.join(this.path, name));
    } catch (error) {
      throw this.#missing(name, error);
    }
    const below = path.relative(this.path, file);
    if (below === '' || below.split(path.sep)[0] === '..' || path.isAbsolute(below)) {
      throw new TemplateError(`the template ${shownText(name)} is a link out of the views folder`);
    }
    return file;
  }

  #missing(name: string, error: unknown): TemplateError {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ENAMETOOLONG') return unreadable(name, error);
    try {
      this.#suggestions ??= this.names(MAX_SUGGESTIONS);
    } catch {
      // The similar name is only a help.
    }
    return missingTemplate(name, `in ${shownText(this.path, 300)}`, this.#suggestions ?? [], error);
  }
}

/** @param where - such as `in "/srv/views"`. */
export function missingTemplate(
  name: string,
  where: string,
  names: readonly string[],
  cause?: unknown,
): TemplateError {
  const similar = similarName(name, names.slice(0, MAX_SUGGESTIONS));
  const remedy = similar === undefined ? '' : `: did you mean ${shownText(similar, 300)}?`;
  return new TemplateError(`there is no template ${shownText(name, 300)} ${where}${remedy}`, { cause });
}

/** Identifies the content of a file by its times and size; empty if they cannot show the next change. */
function stampOf(file: string): string {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return '';
  if (!stats.isFile()) throw new TemplateError(`${shownText(file, 300)} is not a regular file`);
  if (stats.size > MAX_TEMPLATE_BYTES) {
    throw new TemplateError(`${shownText(file, 300)} has more than ${MAX_TEMPLATE_BYTES} bytes`);
  }
  if (Math.abs(Date.now() - Number(stats.ctimeMs)) < SETTLED_MS) return '';
  return `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

function unreadable(name: string, error: unknown): TemplateError {
  const { code } = error as NodeJS.ErrnoException;
  return new TemplateError(`the template ${shownText(name)} cannot be read (${code})`, { cause: error });
}

function usage(problem: string, options?: ErrorOptions): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', problem, options);
}
