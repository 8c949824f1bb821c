import { Buffer } from 'node:buffer';
import { MAX_SYNC_OUTPUT_BYTES } from './message-coders.ts';

const NO_PIECES: Buffer[] = [];

/** One byte longer than a message of that size, so that a call of zlib that ends such a message leaves room. */
const SHARED_PIECE = Buffer.allocUnsafeSlow(MAX_SYNC_OUTPUT_BYTES + 1);

const FIRST_PIECE_BYTES = 64 * 1024;
/**
 * One call in the thread pool fills at most one piece, so that a job can be cancelled after at most about a
 * millisecond.
 */
const PIECE_BYTES = 256 * 1024;

/**
 * The output of one message, whose size is not known before its end: pieces that are filled one after the other. The
 * first is a buffer that all messages share, because most messages fit into it.
 */
export class OutputPieces {
  #full: Buffer[] = NO_PIECES;
  #fullBytes = 0;
  #piece: Buffer = SHARED_PIECE;
  #used = 0;

  /** Starts with nothing. @param isShared - whether the first piece is the shared one: only until the next `await`. */
  start(isShared: boolean): void {
    this.#full = NO_PIECES;
    this.#fullBytes = 0;
    this.#piece = isShared ? SHARED_PIECE : Buffer.allocUnsafeSlow(FIRST_PIECE_BYTES);
    this.#used = 0;
  }

  /** The total number of bytes. */
  get length(): number {
    return this.#fullBytes + this.#used;
  }

  /** The piece that is filled now, from {@link used} on. */
  get piece(): Buffer {
    return this.#piece;
  }

  get used(): number {
    return this.#used;
  }

  /** Bytes that still fit into the piece. */
  get room(): number {
    return this.#piece.length - this.#used;
  }

  /** Notes that `length` more bytes of the piece are used. */
  add(length: number): void {
    this.#used += length;
  }

  /** Starts another piece, if this one is full. */
  growIfFull(): void {
    if (this.room > 0) return;
    this.keep();
    if (this.#full === NO_PIECES) this.#full = [];
    this.#full.push(this.#piece);
    this.#fullBytes += this.#used;
    this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#used = 0;
  }

  /** Copies what is in the shared piece, so that it remains valid. There is then no room until {@link growIfFull}. */
  keep(): void {
    if (this.#piece === SHARED_PIECE) this.#piece = Buffer.from(this.shared());
  }

  /** Returns the output, all of which is in the shared piece: valid until the next message of any connection. */
  shared(): Buffer {
    return this.#piece.subarray(0, this.#used);
  }

  /**
   * Returns the output without its last `droppedBytes` in a buffer that the caller owns, and forgets it.
   *
   * @param isPooled - whether a small buffer may be a part of a larger ArrayBuffer.
   */
  take(droppedBytes: number, isPooled: boolean): Buffer {
    const length = this.length - droppedBytes;
    const whole = isPooled ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const piece of this.#full) at += piece.copy(whole, at);
    this.#piece.copy(whole, at, 0, this.#used);
    this.clear();
    return whole;
  }

  /** Forgets the output. */
  clear(): void {
    this.#full = NO_PIECES;
    this.#fullBytes = 0;
    this.#piece = SHARED_PIECE;
    this.#used = 0;
  }
}
