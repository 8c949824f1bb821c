/**
 * The results of a decoder's `next()`. They are small integers instead of objects, so that nothing is allocated: each
 * request has at least three events.
 */

/** All bytes have been decoded. Call `receive`, then `next` again. */
export const NEED_DATA = 0;
/** The head of a message is in `head`. */
export const HEAD = 1;
/** Body bytes are in `data` from `dataStart` to `dataEnd`, borrowed until the next call. */
export const DATA = 2;
/** The message is complete; its trailers, if any, are in `trailers`. */
export const END = 3;
/** Client only: a 1xx response other than 101 is in `head`; the final response follows. */
export const INTERIM = 4;

export type DecoderEvent = typeof NEED_DATA | typeof HEAD | typeof DATA | typeof END | typeof INTERIM;
