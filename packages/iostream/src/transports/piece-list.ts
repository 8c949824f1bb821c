/** Pieces of up to this size are copied together if there are many. */
const SMALL_PIECE_BYTES = 2 * 1024;
/**
 * Up to this many pieces are kept as they are: a typical response consists of its headers and a few pieces, and is sent
 * at the end of the loop iteration.
 */
const FEW_PIECES = 16;
const CHUNK_BYTES = 16 * 1024;

/**
 * An array of pieces that wait to be written. If many small pieces accumulate, they are copied into chunks: kept
 * separately, each would use more memory than its bytes need, and a peer that does not read must not use more memory
 * than the bytes queued for it.
 */
export class PieceList {
  /** In order. The reader may remove pieces from the front. */
  readonly pieces: (string | Uint8Array)[] = [];
  #chunk: Buffer | undefined;
  #used = 0;
  /** The used part of the chunk. It is the last of the pieces unless others were pushed after it. */
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
