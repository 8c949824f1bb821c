import type { NativeBinding } from '@landspout/ioloop';
import { PieceList } from './piece-list.ts';

/** What waits to be sent on a descriptor, in order: most often one piece, and rarely a list of more. Empty at most after {@link send}. */
export class SendQueue {
  #piece: string | Uint8Array | undefined;
  #morePieces: PieceList | undefined;
  /** Bytes of the first piece that the kernel has taken. */
  #taken = 0;

  constructor(piece: string | Uint8Array) {
    this.#piece = piece;
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
    this.#morePieces ??= new PieceList();
    this.#morePieces.push(piece);
  }

  /** Hands as much to the kernel as it takes in one call. @returns the number of bytes, or the negative errno. */
  send(binding: NativeBinding, slot: number, generation: number): number {
    const piece = this.#piece as string | Uint8Array;
    const taken = this.#taken;
    let result: number;
    if (this.#morePieces !== undefined) {
      const { pieces } = this.#morePieces;
      pieces.unshift(piece);
      result = binding.sendVector(slot, generation, pieces, 0, taken);
      pieces.shift();
    } else if (typeof piece === 'string') {
      result = binding.sendLatin1(slot, generation, piece, taken);
    } else {
      result = binding.sendBytes(slot, generation, piece, taken, piece.length - taken);
    }
    if (result > 0) this.advance(result);
    return result;
  }

  /** Drops what the kernel has taken from the front. */
  advance(byteLength: number): void {
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
