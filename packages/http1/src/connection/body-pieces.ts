/** Room that is made for each byte that has come: who announces much and sends little must not cost much. */
const ROOM_PER_BYTE = 16;
/**
 * A larger body comes in pieces of about this size. One of 1 MiB would save a copy and cost more: memory of that size
 * goes back to the system with each collection, and comes back page by page (measured 350 µs, against 150 µs for four
 * pieces that are put together).
 */
const MOST_ROOM = 256 * 1024;
/** A piece of less than this is copied once more, rather than given away: its like would be many. */
const SMALL_PIECE = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/**
 * Puts a body of known length together, for a delegate that does nothing before all of it is there. Lent bytes are
 * copied once, to where they stay, in as few pieces as the pace of the peer justifies: usually one.
 */
export class BodyPieces {
  /** Bytes that have not come yet. */
  #left: number;
  #piece: Buffer | undefined;
  #filled = 0;

  constructor(length: number) {
    this.#left = length;
  }

  /** Copies lent bytes. @returns a piece that is complete, which is the caller's own; the last one at the end. */
  take(bytes: Buffer, start: number, end: number): Buffer | undefined {
    const length = end - start;
    this.#left -= length;
    const isLast = this.#left === 0;
    const piece = this.#piece;
    if (piece === undefined) {
      if (isLast) return copyOf(bytes, start, end);
      this.#begin(bytes, start, end, NOTHING);
      return undefined;
    }
    if (length <= piece.length - this.#filled) {
      bytes.copy(piece, this.#filled, start, end);
      this.#filled += length;
      return isLast ? this.#end(piece) : undefined;
    }
    if (this.#filled < SMALL_PIECE) {
      this.#begin(bytes, start, end, piece.subarray(0, this.#filled));
      return isLast ? this.#end(this.#piece as Buffer) : undefined;
    }
    const full = this.#end(piece);
    if (isLast) return Buffer.concat([full, bytes.subarray(start, end)]);
    this.#begin(bytes, start, end, NOTHING);
    return full;
  }

  /** @param before - what has come of the piece already, into too little room. */
  #begin(bytes: Buffer, start: number, end: number, before: Buffer): void {
    const filled = before.length + end - start;
    const room = Math.min(filled + this.#left, Math.max(filled, Math.min(filled * ROOM_PER_BYTE, MOST_ROOM)));
    const piece = Buffer.allocUnsafeSlow(room);
    before.copy(piece);
    bytes.copy(piece, before.length, start, end);
    this.#piece = piece;
    this.#filled = filled;
  }

  #end(piece: Buffer): Buffer {
    this.#piece = undefined;
    return this.#filled === piece.length ? piece : piece.subarray(0, this.#filled);
  }
}

function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const own = Buffer.allocUnsafe(end - start);
  bytes.copy(own, 0, start, end);
  return own;
}
