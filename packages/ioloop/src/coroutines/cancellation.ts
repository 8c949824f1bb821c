/** Most causes that are followed: a chain may be a ring. */
const MAX_CAUSES = 16;

/**
 * Whether a failure only says that the work was told to stop: it is the reason that the work was given, or an
 * `AbortError`, or one of those is among its causes.
 */
export function isCancellation(error: unknown, reason?: unknown): boolean {
  let failure = error;
  for (let depth = 0; depth <= MAX_CAUSES; depth += 1) {
    if (reason !== undefined && failure === reason) return true;
    if (!(failure instanceof Error)) return false;
    if (failure.name === 'AbortError') return true;
    failure = failure.cause;
  }
  return false;
}
