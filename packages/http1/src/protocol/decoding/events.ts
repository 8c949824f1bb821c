/**
 * What a decoder's `next()` answers. Small integers rather than objects: a request costs at least three answers,
 * and the caller's `switch` on them allocates nothing.
 */

/** Everything lent has been read. Call `receive` and then `next` again. */
export const NEED_DATA = 0;
/** The start of a message is in `head`. */
export const HEAD = 1;
/** Body bytes are in `data` from `dataStart` to `dataEnd`, lent until the next call. */
export const DATA = 2;
/** The message is complete; its trailers, if any, are in `trailers`. */
export const END = 3;
/** Client only: a 1xx response other than 101 is in `head`; the final response follows. */
export const INTERIM = 4;

export type DecoderEvent = typeof NEED_DATA | typeof HEAD | typeof DATA | typeof END | typeof INTERIM;
