import { HTTPError } from '../errors.ts';

/** Seconds after which a client may try again. */
const RETRY_SECONDS = 2;

/** The statuses of errors of topics and runs, which are known only by their codes. */
const STATUSES: Readonly<Record<string, number>> = {
  ERR_TOPICS_CURSOR: 400,
  ERR_RUN_NOT_FOUND: 404,
  ERR_TOPICS_BUSY: 503,
  ERR_TOPICS_CLOSED: 503,
  ERR_TOPICS_JOURNAL_WRITE: 503,
  ERR_TOPICS_OUTCOME_UNKNOWN: 503,
  ERR_TOPICS_TOO_MANY_MEMBERS: 503,
  ERR_TOPICS_TOO_MANY_TOPICS: 503,
  ERR_TOPICS_UNAVAILABLE: 503,
};

/** Sentences for the client. */
const DETAILS: Readonly<Record<string, string>> = {
  ERR_TOPICS_CURSOR: 'The argument after must be a cursor, start or now.',
};

/**
 * Returns the refusal for an error of a topic or run, with the code as the member `code` of the problem document; other
 * errors are returned unchanged.
 *
 * @param statuses - further codes and their statuses.
 */
export function topicRefusal(error: unknown, statuses: Readonly<Record<string, number>> = {}): unknown {
  const code = codeOf(error);
  const status = code === undefined ? undefined : (statuses[code] ?? STATUSES[code]);
  if (code === undefined || status === undefined) return error;
  // What does not exist looks like what the client may not see.
  const headers: [string, string][] = [['Cache-Control', 'no-store']];
  if (status === 404) return new HTTPError(404, undefined, { headers });
  if (status === 503) headers.push(['Retry-After', String(RETRY_SECONDS)]);
  const logMessage = status === 503 ? (error as Error).message : undefined;
  const detail = DETAILS[code];
  const problem = detail === undefined ? undefined : { detail };
  return new HTTPError(status, logMessage, { ...problem, extensions: { code }, headers, cause: error });
}

/** Whether a later attempt may succeed. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && STATUSES[code] === 503;
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
