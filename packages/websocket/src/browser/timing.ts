/** How long it may take to open a WebSocket, to respond to a POST, or until an event stream begins, in milliseconds. */
export const CONNECT_LIMIT_MS = 10_000;

/** The pause between two pings, and the silence after one that ends a connection, in milliseconds. */
export const HEARTBEAT_MS = 30_000;

/** How long a publish waits for its acknowledgement by default, in milliseconds. */
export const PUBLISH_LIMIT_MS = 60_000;

/** The windows of {@link retryDelay} in milliseconds: the first one, and the largest. */
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;

/**
 * Returns how long to wait before the next attempt, in milliseconds: a random part of a window that doubles with each
 * failure ("full jitter").
 *
 * @param random - returns a number from 0 up to, but not including, 1.
 * @param failures - how many attempts in a row have failed before, 0 or more.
 */
export function retryDelay({ random }: { readonly random: () => number }, failures: number): number {
  return random() * Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** failures);
}

/** For {@link retryDelay}, as a count of failures: the server has too much to do, or has sent something invalid. */
export const WHEN_BUSY = 4;
