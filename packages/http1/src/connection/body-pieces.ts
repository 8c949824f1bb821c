/** Room that is made for each byte that has come: who announces much and sends little must not cost much. */
const ROOM_PER_BYTE = 16;
/** A larger body comes in pieces of about this size. */
const MOST_ROOM = 1024 * 1024;

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
      this.#begin(bytes, start, end);
      return undefined;
    }
    if (length <= piece.length - this.#filled) {
      bytes.copy(piece, this.#filled, start, end);
      this.#filled += length;
      return isLast ? this.#end(piece) : undefined;
    }
    const full = this.#end(piece);
    if (isLast) return Buffer.concat([full, bytes.subarray(start, end)]);
    this.#begin(bytes, start, end);
    return full;
  }

  #begin(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    const room = Math.min(length + this.#left, Math.max(length, Math.min(length * ROOM_PER_BYTE, MOST_ROOM)));
    const piece = Buffer.allocUnsafeSlow(room);
    bytes.copy(piece, 0, start, end);
    this.#piece = piece;
    this.#filled = length;
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
