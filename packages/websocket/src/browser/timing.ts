// Constants of other modules are here too: esbuild inlines those that are imported from a module in which they come
// before all functions, which makes the bundle smaller.

/** How long it may take to open a WebSocket, to respond to a POST, or until an event stream begins, in milliseconds. */
export const CONNECT_LIMIT_MS = 10_000;

/** The pause between two pings, and the silence after one that ends a connection, in milliseconds. */
export const HEARTBEAT_MS = 30_000;

/** How long a publish waits for its acknowledgement by default, in milliseconds. */
export const PUBLISH_LIMIT_MS = 60_000;

/** The windows of {@link retryDelay} in milliseconds: the first one, and the largest. */
const MIN_RETRY_MS = 250;
const MAX_RETRY_MS = 30_000;

/** How long a long poll waits, which is the longest wait that a server allows, in milliseconds. */
export const POLL_MS = 25_000;

/** How long a connection may be silent, when a page comes back, before it is replaced, in milliseconds. */
export const PROMPT_PING_MS = 5_000;

/** WebSockets in a row over which nothing has arrived, before another transport is tried. */
export const MAX_SILENT_LINKS = 2;

/** Frames on their way at a time: enough for a slow connection, and below the burst that servers allow a client. */
export const MAX_IN_FLIGHT = 16;

/** How often the WebSocket is tried while HTTP is used, in milliseconds. */
export const SOCKET_RETRY_MS = 20_000;

/**
 * How long after the first attempt a publish may be repeated, in milliseconds: servers remember its `ref` for two
 * minutes, and after that a repetition would be a second record.
 */
export const REPEAT_MS = 100_000;

/** For {@link retryDelay}, as a count of failures: the server has too much to do, or has sent something invalid. */
export const WHEN_BUSY = 4;

/** As if the server had closed with this code (RFC 6455 §7.4.1): it has sent something that is not a frame. */
export const UNREADABLE = 1007;

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
