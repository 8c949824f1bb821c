import { StreamClosedError, StreamLimitError } from '../errors.ts';

/**
 * Who closed a stream, and how:
 *
 * - `peer-ended`: both sides ended in order, the peer first (FIN), or we closed after it had.
 * - `peer-reset`: the peer broke the connection off (RST), or no longer takes bytes (EPIPE).
 * - `we-ended`: both sides ended in order, we first; or we closed.
 * - `we-reset`: we reset the connection.
 * - `timeout`: the peer did not answer the system in time, or a deadline of ours passed.
 * - `limit`: a limit of ours was passed.
 * - `error`: anything else, such as a bug of a handler or a broken TLS record: see the stream's `error`.
 */
export type CloseReason =
  | 'peer-ended'
  | 'peer-reset'
  | 'we-ended'
  | 'we-reset'
  | 'timeout'
  | 'limit'
  | 'error';

/** What the system calls a connection that the peer has broken off. */
const BROKEN_OFF: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** @param orderly - the reason where there is no error. */
export function closeReasonOf(error: Error | undefined, orderly: CloseReason): CloseReason {
  if (error === undefined) return orderly;
  if (error instanceof StreamLimitError) return 'limit';
  // A handler that fails because its stream came to an end closes it with what it was told.
  if (error instanceof StreamClosedError) return closeReasonOf(error.cause as Error | undefined, orderly);
  const code: unknown = (error as { code?: unknown }).code;
  if (BROKEN_OFF.has(code)) return 'peer-reset';
  if (typeof code === 'string' && /TIMEDOUT$|TIMEOUT$/.test(code)) return 'timeout';
  return orderly === 'we-reset' ? orderly : 'error';
}
