/** What `FrameDecoder.next` answers. The content of an event stands in the decoder's getters until the next call. */

/** Nothing is complete. What was lent has been read, and may be overwritten. */
export const NEED_DATA = 0;
/** A whole message: see `message`. */
export const MESSAGE = 1;
/** Answer it with a pong of the same `payload`. */
export const PING = 2;
/** See `payload`. */
export const PONG = 3;
/** See `closeCode` and `closeReason`. Nothing follows. */
export const CLOSE = 4;

export type FrameEvent = typeof NEED_DATA | typeof MESSAGE | typeof PING | typeof PONG | typeof CLOSE;
