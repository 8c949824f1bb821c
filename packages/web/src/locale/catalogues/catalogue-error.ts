import { CodedError } from '@landspout/ioloop/errors';

export interface CatalogueErrorOptions extends ErrorOptions {
  /** The path of the file, or what the catalogue was read from. */
  readonly file?: string | undefined;
  /** The number of the line, from 1. */
  readonly line?: number | undefined;
}

/**
 * A catalogue of translations cannot be read or is invalid. The message starts with the file and the line; `cause` is
 * the error of the file system, if there is one.
 */
export class CatalogueError extends CodedError<'ERR_WEB_CATALOGUE'> {
  override readonly name = 'CatalogueError';

  /** What is wrong, without the place. */
  readonly problem: string;
  /** The path of the file or folder; undefined if the catalogue was not read from a file. */
  readonly file: string | undefined;
  /** The number of the line, from 1; undefined if it is not known, or the file has no lines. */
  readonly line: number | undefined;

  constructor(problem: string, { file, line, ...options }: CatalogueErrorOptions = {}) {
    const place = line === undefined ? file : `${file ?? 'line '}${file === undefined ? '' : ':'}${line}`;
    super('ERR_WEB_CATALOGUE', place === undefined ? problem : `${place}: ${problem}`, options);
    this.problem = problem;
    this.file = file;
    this.line = line;
  }
}
