import type { NativeBinding } from '@landspout/ioloop/reactor';
import { PieceList } from './piece-list.ts';

/** The calls of the binding that send: those of plain sockets, or those that encrypt. */
export type SendCalls = Pick<NativeBinding, 'sendBytes' | 'sendLatin1' | 'sendVector'>;

/**
 * The pieces that wait to be sent on a descriptor, in order: usually one piece, rarely a list. Only {@link send} and
 * {@link advance} empty a queue.
 */
export class SendQueue {
  #piece: string | Uint8Array | undefined;
  #morePieces: PieceList | undefined;
  /** Number of bytes of the first piece that the kernel has accepted. */
  #taken = 0;
  #byteLength: number;
  #pieceCount = 1;

  constructor(piece: string | Uint8Array) {
    this.#piece = piece;
    this.#byteLength = piece.length;
  }

  /** Bytes that wait to be sent. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Pieces pushed since the last {@link send} or {@link advance}. */
  get pieceCount(): number {
    return this.#pieceCount;
  }

  get isEmpty(): boolean {
    return this.#piece === undefined;
  }

  /** The string in the queue, if it is the only piece and none of it has been sent; otherwise `undefined`. */
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
   * Sends as many bytes as the kernel accepts in one call: at most `maxBytes`, except that a single string is offered
   * completely even if it is longer. The binding sends at most 256 KiB of a string in one call.
   *
   * @returns the number of bytes, or the negative errno.
   */
  send(binding: NativeBinding, slot: number, generation: number, maxBytes: number): number {
    const result = this.offer(binding, slot, generation, maxBytes);
    if (result > 0) this.advance(result);
    return result;
  }

  /** Makes the same call, but leaves the bytes in the queue until {@link advance}. @returns the result of the call. */
  offer(calls: SendCalls, slot: number, generation: number, maxBytes: number): number {
    const piece = this.#piece as string | Uint8Array;
    const taken = this.#taken;
    const left = piece.length - taken;
    if (this.#morePieces !== undefined && left < maxBytes) {
      const { pieces } = this.#morePieces;
      pieces.unshift(piece);
      const some = this.#byteLength <= maxBytes ? pieces : piecesOf(pieces, maxBytes + taken);
      const result = calls.sendVector(slot, generation, some, 0, taken);
      pieces.shift();
      return result;
    }
    if (typeof piece === 'string') return calls.sendLatin1(slot, generation, piece, taken);
    return calls.sendBytes(slot, generation, piece, taken, Math.min(left, maxBytes));
  }

  /** Removes, from the front of the queue, the bytes that the kernel has accepted. */
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

/** Returns the first `byteLength` bytes of the pieces; a string that extends beyond them is included completely. */
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
