/** Pieces up to this size are copied together once there are many of them. */
const SMALL_PIECE_BYTES = 2 * 1024;
/** So few pieces are kept as they are: an answer is a head and a few pieces, and leaves at the end of the turn. */
const FEW_PIECES = 16;
const CHUNK_BYTES = 16 * 1024;

/**
 * Pieces that wait to be written, as an array. Where many small ones pile up they are copied into chunks, since each
 * would cost more memory than it has bytes, and a peer that does not read must not cost more than the bytes queued.
 */
export class PieceList {
  /** In order. Whoever reads may remove pieces from the front. */
  readonly pieces: (string | Uint8Array)[] = [];
  #chunk: Buffer | undefined;
  #used = 0;
  /** The part of the chunk that is in use, which is the last of the pieces unless others came behind it. */
  #view: Uint8Array | undefined;

  push(piece: string | Uint8Array): void {
    const { pieces } = this;
    if (pieces.length < FEW_PIECES || piece.length > SMALL_PIECE_BYTES) {
      pieces.push(piece);
      return;
    }
    const isOpen = this.#view !== undefined && pieces[pieces.length - 1] === this.#view;
    if (!isOpen || CHUNK_BYTES - this.#used < piece.length) {
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.#used = 0;
      pieces.push(this.#chunk);
    }
    const chunk = this.#chunk as Buffer;
    if (typeof piece === 'string') chunk.write(piece, this.#used, 'latin1');
    else chunk.set(piece, this.#used);
    this.#used += piece.length;
    this.#view = chunk.subarray(0, this.#used);
    pieces[pieces.length - 1] = this.#view;
  }
}
