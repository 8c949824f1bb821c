import { printable } from '@landspout/ioloop/errors';
import { BackplaneError } from '@landspout/topics';
import { ErrorReply } from '@redis/client';

/**
 * The first words of error replies of commands that were not executed, or of scripts that were refused before they wrote
 * anything. Redis, `server.c` and `script.c`: a script that has written is not refused for lack of memory.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'CROSSSLOT',
  'EXECABORT',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'NOSCRIPT',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'WRONGPASS',
]);

/** Returns the first word of an error reply, such as `OOM`; undefined if the error is no reply. */
export function replyCode(error: unknown): string | undefined {
  return error instanceof ErrorReply ? error.message.split(' ', 1)[0] : undefined;
}

/** A call whose outcome an error tells of. */
export interface FailedCall {
  /** What was to be done, such as the name of a script. */
  readonly operation: string;
  readonly address: string;
  /** Whether the server may have got it. */
  readonly wasSent: boolean;
  /** Of a script an error may come after it has written; of a command not. */
  readonly isScript: boolean;
}

/** Returns the error for a call that a server has replied to with an error, or whose connection was lost. */
export function failureOf(call: FailedCall, cause: unknown): BackplaneError {
  const { operation, address, wasSent, isScript } = call;
  const text = reasonOf(cause);
  const code = replyCode(cause);
  if (code !== undefined) {
    return isScript && !REFUSALS.has(code)
      ? unknownOutcome(`Redis at ${address} failed in the script ${operation}: ${text}`, cause)
      : unavailable(`Redis at ${address} refused ${operation}: ${refusalText(code, text)}`, cause);
  }
  return wasSent
    ? unknownOutcome(
        `the connection to Redis at ${address} was lost before the reply to ${operation}, which may have been done: ${text}`,
        cause,
      )
    : unavailable(
        `the connection to Redis at ${address} was lost, ${operation} was not sent; try again when it is back: ${text}`,
        cause,
      );
}

/** What Redis adds to a refusal in a script: which one, by its hash, and where. */
const PLACE_IN_SCRIPT = /\.?( script: \w+, on \S+)?$/;

/** Returns the text of a refusal without the place in the script, and with what can be done. */
function refusalText(code: string, text: string): string {
  if (code !== 'OOM') return text;
  const problem = text.replace(PLACE_IN_SCRIPT, '');
  return `${problem}; raise maxmemory of Redis, or let topics keep less (maxRecords, maxBytes, maxAgeMs)`;
}

/**
 * Returns the text of an error, which may come from a server that is not Redis. Errors of several addresses that were
 * tried in vain have only a code.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return printable(error.message || (error as NodeJS.ErrnoException).code || error.name);
}

/** Nothing was done. */
export function unavailable(message: string, cause?: unknown): BackplaneError {
  return new BackplaneError('ERR_TOPICS_UNAVAILABLE', message, { cause });
}

function unknownOutcome(message: string, cause: unknown): BackplaneError {
  return new BackplaneError('ERR_TOPICS_OUTCOME_UNKNOWN', message, { cause });
}

export function linkClosed(): BackplaneError {
  return new BackplaneError('ERR_TOPICS_CLOSED', 'the backplane is closed');
}
