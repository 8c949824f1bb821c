import type { NativeBinding } from '@landspout/ioloop/reactor';
import { PieceList } from './piece-list.ts';

/** What waits to be sent on a descriptor, in order: most often one piece, and rarely a list of more. Empty at most after {@link send}. */
export class SendQueue {
  #piece: string | Uint8Array | undefined;
  #morePieces: PieceList | undefined;
  /** Bytes of the first piece that the kernel has taken. */
  #taken = 0;
  #byteLength: number;
  #pieceCount = 1;

  constructor(piece: string | Uint8Array) {
    this.#piece = piece;
    this.#byteLength = piece.length;
  }

  /** Bytes that wait. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Pieces that were pushed since the last {@link send} or {@link advance}. */
  get pieceCount(): number {
    return this.#pieceCount;
  }

  get isEmpty(): boolean {
    return this.#piece === undefined;
  }

  /** The text that is all there is, of which nothing has left; `undefined` where it is otherwise. */
  get loneText(): string | undefined {
    const piece = this.#piece;
    return typeof piece === 'string' && this.#taken === 0 && this.#morePieces === undefined
      ? piece
      : undefined;
  }

  push(piece: string | Uint8Array): void {
    this.#byteLength += piece.length;
    this.#pieceCount += 1;
    this.#morePieces ??= new PieceList();
    this.#morePieces.push(piece);
  }

  /**
   * Hands as much to the kernel as it takes in one call: `maxBytes` at most, or a whole text where that is longer, of
   * which the binding takes 256 KiB in one call.
   *
   * @returns the number of bytes, or the negative errno.
   */
  send(binding: NativeBinding, slot: number, generation: number, maxBytes: number): number {
    const piece = this.#piece as string | Uint8Array;
    const taken = this.#taken;
    const left = piece.length - taken;
    let result: number;
    if (this.#morePieces !== undefined && left < maxBytes) {
      const { pieces } = this.#morePieces;
      pieces.unshift(piece);
      const some = this.#byteLength <= maxBytes ? pieces : piecesOf(pieces, maxBytes + taken);
      result = binding.sendVector(slot, generation, some, 0, taken);
      pieces.shift();
    } else if (typeof piece === 'string') {
      result = binding.sendLatin1(slot, generation, piece, taken);
    } else {
      result = binding.sendBytes(slot, generation, piece, taken, Math.min(left, maxBytes));
    }
    if (result > 0) this.advance(result);
    return result;
  }

  /** Drops what the kernel has taken from the front. */
  advance(byteLength: number): void {
    this.#byteLength -= byteLength;
    this.#pieceCount = 0;
    let left = byteLength + this.#taken;
    let piece = this.#piece;
    const more = this.#morePieces?.pieces;
    let next = 0;
    while (piece !== undefined && left >= piece.length) {
      left -= piece.length;
      piece = more?.[next];
      next += 1;
    }
    this.#piece = piece;
    this.#taken = left;
    if (more === undefined) return;
    if (next >= more.length) this.#morePieces = undefined;
    else if (next > 0) more.splice(0, next);
  }
}

/** The first `byteLength` bytes of the pieces; of a text that reaches beyond them, all. */
function piecesOf(pieces: readonly (string | Uint8Array)[], byteLength: number): (string | Uint8Array)[] {
  const some: (string | Uint8Array)[] = [];
  let left = byteLength;
  for (const piece of pieces) {
    if (left <= 0) break;
    some.push(typeof piece === 'string' || piece.length <= left ? piece : piece.subarray(0, left));
    left -= piece.length;
  }
  return some;
}
