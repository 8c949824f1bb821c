import { PieceList } from './piece-list.ts';

/** Pieces of up to this size are copied into one chunk; larger ones are written as they are. */
const COALESCED_PIECE_BYTES = 16 * 1024;
/** Maximum size of one chunk: progress within a chunk is not reported. */
export const MOST_CHUNK_BYTES = 128 * 1024;

/**
 * The pieces that wait to be written. Combines small pieces into one chunk, so that headers and body are sent with one
 * system call.
 */
export class OutgoingPieces {
  #list = new PieceList();
  /** Index of the first waiting piece, and the number of its bytes that have been removed. */
  #first = 0;
  #taken = 0;
  #byteLength = 0;
  #pieceCount = 0;

  /** Bytes that wait to be written. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Pieces pushed since the last {@link take}. */
  get pieceCount(): number {
    return this.#pieceCount;
  }

  push(piece: string | Uint8Array): void {
    this.#byteLength += piece.length;
    this.#pieceCount += 1;
    this.#list.push(piece);
  }

  clear(): void {
    this.#byteLength = 0;
    this.#pieceCount = 0;
    this.#list = new PieceList();
    this.#first = 0;
    this.#taken = 0;
  }

  /** Removes and returns the next bytes, in order; `undefined` if nothing waits. A string is latin1. */
  take(maxBytes = MOST_CHUNK_BYTES): string | Uint8Array | undefined {
    const piece = this.#list.pieces[this.#first];
    if (piece === undefined) return undefined;
    this.#pieceCount = 0;
    const next = this.#list.pieces[this.#first + 1];
    const left = piece.length - this.#taken;
    if (
      next === undefined ||
      left > COALESCED_PIECE_BYTES ||
      next.length > COALESCED_PIECE_BYTES ||
      left >= maxBytes
    ) {
      return this.#takeOf(piece, Math.min(left, maxBytes));
    }
    return this.#takeTogether(maxBytes);
  }

  #takeOf(piece: string | Uint8Array, length: number): string | Uint8Array {
    const start = this.#taken;
    const end = start + length;
    this.#advance(piece, length);
    if (length === piece.length) return piece;
    return typeof piece === 'string' ? piece.slice(start, end) : piece.subarray(start, end);
  }

  #takeTogether(maxBytes: number): Uint8Array {
    let byteLength = 0;
    let end = this.#first;
    for (; end < this.#list.pieces.length; end += 1) {
      const rest = this.#restOf(end);
      if (rest > COALESCED_PIECE_BYTES || byteLength + rest > maxBytes) break;
      byteLength += rest;
    }
    const chunk = Buffer.allocUnsafe(byteLength);
    for (let at = 0; at < byteLength; ) {
      const rest = this.#restOf(this.#first);
      const piece = this.#takeOf(this.#list.pieces[this.#first] as string | Uint8Array, rest);
      if (typeof piece === 'string') chunk.write(piece, at, 'latin1');
      else chunk.set(piece, at);
      at += rest;
    }
    return chunk;
  }

  #restOf(index: number): number {
    const { length } = this.#list.pieces[index] as string | Uint8Array;
    return index === this.#first ? length - this.#taken : length;
  }

  /** Advances by `length` bytes of the first piece. */
  #advance(piece: string | Uint8Array, length: number): void {
    this.#byteLength -= length;
    this.#taken += length;
    if (this.#taken < piece.length) return;
    this.#taken = 0;
    this.#first += 1;
    // Removed in batches instead of one by one, so that a long queue takes linear time.
    if (this.#first < this.#list.pieces.length && this.#first < DROPPED_TOGETHER) return;
    this.#list.pieces.splice(0, this.#first);
    this.#first = 0;
  }
}

const DROPPED_TOGETHER = 1024;
