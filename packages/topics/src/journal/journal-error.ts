import { CodedError } from '@landspout/ioloop/errors';

/** Where in a journal a problem is. */
export interface JournalErrorOptions extends ErrorOptions {
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
}

/** A journal cannot be opened, or not be written to because a newer version has written it. */
export class JournalError extends CodedError<
  | 'ERR_TOPICS_JOURNAL_IN_USE'
  | 'ERR_TOPICS_JOURNAL_OPEN'
  | 'ERR_TOPICS_JOURNAL_CORRUPT'
  | 'ERR_TOPICS_JOURNAL_VERSION'
> {
  override readonly name = 'JournalError';
  /** The path of the file, if the problem is in one. */
  readonly file: string | undefined;
  /** Where the problem starts in that file, in bytes. */
  readonly offset: number | undefined;

  constructor(code: JournalError['code'], message: string, options: JournalErrorOptions = {}) {
    super(code, message, options);
    this.file = options.file;
    this.offset = options.offset;
  }
}
