import { errorOf } from '@landspout/ioloop/errors';
import { BackplaneError, RunError, TopicsLimitError, TopicsUsageError } from '../errors.ts';
import { JournalError } from '../journal/journal-error.ts';

/** An error as it is sent to a child. */
interface WireError {
  readonly name: string;
  readonly code?: string | undefined;
  readonly message: string;
  /** Only of a {@link JournalError}. */
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
  /** The error of the system, for example. */
  readonly cause?: WireError | undefined;
}

/** Longest message; the errors of this package are far shorter. */
const MAX_MESSAGE_LENGTH = 4096;

/** What a child gets for an error. */
export function wireErrorOf(error: unknown): WireError {
  const { name, message, cause, ...own } = errorOf(error) as Error & Partial<WireError>;
  const { code, file, offset } = own;
  return {
    name,
    code: typeof code === 'string' ? code : undefined,
    message: message.slice(0, MAX_MESSAGE_LENGTH),
    ...(error instanceof JournalError ? { file, offset } : {}),
    cause: cause === undefined ? undefined : { ...wireErrorOf(cause), cause: undefined },
  };
}

/** The error that a parent has sent: of the same class, with the same code and message. */
export function errorOfWire(wire: unknown): Error {
  const { name, code, message, file, offset, cause } = wire as WireError;
  const options = cause === undefined ? {} : { cause: causeOf(cause) };
  switch (name) {
    case 'BackplaneError':
      return new BackplaneError(code as BackplaneError['code'], message, options);
    case 'RunError':
      return new RunError(code as RunError['code'], message, options);
    case 'TopicsLimitError':
      return new TopicsLimitError(code as TopicsLimitError['code'], message, options);
    case 'TopicsUsageError':
      return new TopicsUsageError(code as TopicsUsageError['code'], message, options);
    case 'JournalError':
      return new JournalError(code as JournalError['code'], message, { ...options, file, offset });
    default:
      return new BackplaneError('ERR_TOPICS_OUTCOME_UNKNOWN', `the call failed in the parent: ${message}`, {
        cause: causeOf({ name, code, message }),
      });
  }
}

function causeOf({ name, code, message }: WireError): Error {
  return Object.assign(new Error(message), { name }, code === undefined ? {} : { code });
}
