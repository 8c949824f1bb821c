/** The shortest unit of backoff. A server that sets `retry: 0` and fails cannot make the client connect in a loop. */
const MIN_BACKOFF_MS = 500;

/**
 * Returns how long to wait before the next attempt to connect.
 *
 * The wait is at least `retryMs`, the reconnection time of the standard. A random part is added, between 0 and a limit
 * that doubles with each failure: it spreads the clients of a server that restarts, and spares a server that is down.
 *
 * @param failures - how many attempts in a row have failed; at least 1.
 * @param retryMs - the reconnection time, from the option or the server.
 * @param maxRetryMs - the maximum wait. A longer `retryMs` is reduced to it.
 * @param random - a number from 0 up to, but not including, 1.
 */
export function retryDelay(failures: number, retryMs: number, maxRetryMs: number, random: number): number {
  const least = Math.min(retryMs, maxRetryMs);
  const backoff = Math.max(least, MIN_BACKOFF_MS) * 2 ** (failures - 1);
  return least + random * Math.min(backoff, maxRetryMs - least);
}
