import { CodedError } from '@landspout/ioloop/errors';
import { topicsChecks } from '../errors.ts';
import type { PublicError } from '../record.ts';

const CODE = /^[A-Za-z0-9_.-]{1,64}$/;
/** Enough for a sentence or two; the details belong in the log of the server. */
const MAX_MESSAGE_CHARS = 1000;

/**
 * What a producer throws to end its run as failed with a code and a message that all readers of the run may see.
 *
 * Readers learn nothing of any other error: its end has the code `ERR_RUN_FAILED`, and the details are only logged.
 *
 * @example
 * throw new RunFailure('MODEL_OVERLOADED', 'The model is busy. Try again in a minute.', { cause: error });
 */
export class RunFailure extends CodedError<string> {
  override readonly name = 'RunFailure';

  /**
   * @param code - for programs: 1 to 64 characters of `A-Z a-z 0-9 _ - .`.
   * @param message - for people: 1 to 1,000 characters. It is sent to all readers, so it must not contain secrets.
   * @param options - its `cause` is logged, and never sent.
   * @throws TopicsUsageError `ERR_TOPICS_USAGE` if the code or message is invalid.
   */
  constructor(code: string, message: string, options: ErrorOptions = {}) {
    if (typeof code !== 'string' || !CODE.test(code)) {
      throw topicsChecks.wrong('RunFailure', 'code: 1 to 64 characters of A-Z a-z 0-9 _ - .', code);
    }
    if (typeof message !== 'string' || message.length === 0 || message.length > MAX_MESSAGE_CHARS) {
      throw topicsChecks.wrong(
        'RunFailure',
        `message: a text of 1 to ${MAX_MESSAGE_CHARS} characters`,
        message,
      );
    }
    super(code, message, options);
  }
}

const UNSPECIFIED: PublicError = Object.freeze({ code: 'ERR_RUN_FAILED', message: 'the run failed' });

/** Returns what readers may know of an error of the producer. */
export function publicErrorOf(error: unknown): PublicError {
  return error instanceof RunFailure ? { code: error.code, message: error.message } : UNSPECIFIED;
}
