import type { Logger } from '@landspout/ioloop';

/** The backplane was away. `Topics` repeats the leave, and reports failures, once for all members. */
const REPEATED: ReadonlySet<unknown> = new Set([
  'ERR_TOPICS_UNAVAILABLE',
  'ERR_TOPICS_OUTCOME_UNKNOWN',
  'ERR_TOPICS_BUSY',
]);

/**
 * Logs that a member of a topic could not leave. A backplane that is away is no error for each of its thousands of members.
 *
 * @internal For the doors of topics.
 */
export function leaveFailed(log: Pick<Logger, 'debug' | 'error'>, error: unknown): void {
  const level = REPEATED.has((error as { readonly code?: unknown } | null)?.code) ? 'debug' : 'error';
  log[level]({ error }, 'a member of a topic could not leave');
}
