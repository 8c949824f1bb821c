/**
 * Whether a failure only says that the work was told to stop: an `AbortError`, the reason that it was told, or an
 * error with that reason as its cause.
 */
export function isCancellation(error: unknown, reason?: unknown): boolean {
  if (reason !== undefined && error === reason) return true;
  if (!(error instanceof Error)) return false;
  return error.name === 'AbortError' || (reason !== undefined && error.cause === reason);
}
