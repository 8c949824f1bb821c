// The two directions of permessage-deflate (RFC 7692 §7.2) as the rest of this folder uses them. There are two
// implementations: over zlib engines (`engine-deflater.ts`, `engine-inflater.ts`), and over the public functions of
// node:zlib (`public-zlib.ts`).

import { Buffer } from 'node:buffer';
import type { DeflateParameters } from '@landspout/http1/content-coding';

/** A job in Node's thread pool. It checks {@link isCancelled} between its calls of zlib, and rejects if it is true. */
export interface JobState {
  readonly isCancelled: boolean;
}

/**
 * Compresses whole messages, one at a time. With a context, each message refers to those before it, and belongs to one
 * connection. Without one, each result depends on its message only.
 */
export interface MessageDeflater {
  /**
   * Compresses `bytes[0, length)`, at most {@link MAX_SYNC_BYTES}, in this thread. The bytes are borrowed for the call.
   *
   * @returns the payload of the message without the final 00 00 FF FF (RFC 7692 §7.2.1). The caller owns it.
   */
  deflateNow(bytes: Uint8Array, length: number): Buffer;
  /** Does the same for any length in Node's thread pool. The bytes are borrowed until the promise settles. */
  deflateLater(bytes: Uint8Array, job: JobState): Promise<Buffer>;
  /** Frees the context at once, or after the current call in the thread pool. */
  close(): void;
}

/** Decompresses whole messages, one at a time, with or without a context. */
export interface MessageInflater {
  /**
   * Decompresses a payload of at most {@link MAX_SYNC_BYTES} in this thread. The payload is borrowed for the call.
   *
   * @returns the message, which is valid until the next call for any connection, or `undefined` if it has more than
   *   {@link MAX_SYNC_OUTPUT_BYTES}: then {@link inflateLater} must be called next, with the same bytes.
   * @throws WebSocketProtocolError if the message has more than `maxBytes`, or is invalid.
   */
  inflateNow(payload: Uint8Array, maxBytes: number): Buffer | undefined;
  /**
   * Decompresses a payload of any size in Node's thread pool, or the rest of one that {@link inflateNow} began. The
   * payload is borrowed until the promise settles.
   *
   * @returns the message, in an ArrayBuffer of its own and exact size. The caller owns it.
   */
  inflateLater(payload: Uint8Array, maxBytes: number, job: JobState): Promise<Buffer>;
  /** Frees the context at once, or after the current call in the thread pool. */
  close(): void;
}

/** Creates the two directions. With `keepsContext`, for one connection; otherwise shared by all. */
export interface MessageCoders {
  deflater(parameters: DeflateParameters, keepsContext: boolean): MessageDeflater;
  inflater(windowBits: number, keepsContext: boolean): MessageInflater;
}

/**
 * Up to this many bytes of input are processed in the thread of the caller. Deflating 16 KiB of JSON takes about as
 * much of this thread (70 to 150 µs) as handing it to the thread pool and taking the result back.
 */
export const MAX_SYNC_BYTES = 16 * 1024;

/** Up to this many bytes of output are produced in the thread of the caller, which takes about 40 µs. */
export const MAX_SYNC_OUTPUT_BYTES = 64 * 1024;

/** Bytes of input for one call in the thread pool, so that other work of the pool gets its turn in between. */
export const INPUT_SLICE_BYTES = 256 * 1024;

/** Ends each message, and is not sent (RFC 7692 §7.2.1 and §7.2.2): the end of an empty block without compression. */
export const MESSAGE_TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/**
 * The tail, and an empty final block: what follows a payload that refers to no later message. zlib then reports a
 * payload that ends within a block, which it otherwise regards as one whose rest is still to come.
 */
export const FINAL_TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x03, 0x00]);

/**
 * Maximum number of final blocks of one message. RFC 7692 §7.2.3.4 allows to end every part of a message with one, and
 * the next block starts with an empty window. Each costs a call of zlib, but may be two bytes long.
 */
export const MAX_FINAL_BLOCKS = 64;

/** An empty message, compressed (RFC 7692 §7.2.3.6). */
export const EMPTY_PAYLOAD_BYTE = 0x00;
