// The frames that wait to be sent. Without I/O.

import { type FrameKind, HEADER_BYTES, writeHeader } from './frames.ts';

/** The sender of frames, which is notified when they have left. */
export interface FrameOwner {
  /** @param bytes - of frames that have left, headers included. */
  left(bytes: number): void;
}

export interface OutgoingFrame {
  readonly kind: FrameKind;
  readonly door: number;
  readonly payload: Uint8Array;
}

/** Bytes that are sent together: those of several small frames, or the payload of a large one. */
interface Piece {
  /** The block, or the payload. */
  readonly source: Uint8Array;
  readonly start: number;
  end: number;
  /** Whose frames end in this piece. Neighbours of the same owner are added up. */
  readonly shares: Share[];
}

interface Share {
  readonly owner: FrameOwner;
  bytes: number;
}

/** Frames that were taken to be sent. */
export interface FrameBatch {
  readonly buffers: readonly Uint8Array[];
  readonly byteLength: number;
  /** Notifies the owners. */
  left(): void;
}

/** Payloads of at least this length are sent without being copied. */
const LARGE_BYTES = 8 * 1024;
const EMPTY = Buffer.alloc(0);
/** The first block of an empty queue. It is from Node's pool, so a queue that is rarely used costs little. */
const FIRST_BLOCK_BYTES = 2 * 1024;
/** Each further block is twice as long, up to this length. */
const LAST_BLOCK_BYTES = 64 * 1024;

/**
 * Frames in the order in which they are sent. Small frames are copied into blocks: a queue of many small messages needs
 * little more memory than their bytes, and is sent with few system calls.
 */
export class FrameQueue {
  #pieces: Piece[] = [];
  #block: Buffer = EMPTY;
  /** Where the unused part of the block starts. Used bytes are never written again, as they may be on their way. */
  #used = 0;
  #nextBlockBytes = FIRST_BLOCK_BYTES;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  append(owner: FrameOwner, { kind, door, payload }: OutgoingFrame): void {
    const length = payload.byteLength;
    const isLarge = length >= LARGE_BYTES;
    const copied = isLarge ? HEADER_BYTES : HEADER_BYTES + length;
    const start = this.#reserve(copied);
    writeHeader(this.#block, start, { kind, door, length });
    if (!isLarge) this.#block.set(payload, start + HEADER_BYTES);
    addShare(this.#pieceWith(start, copied), owner, copied);
    if (isLarge)
      this.#pieces.push({ source: payload, start: 0, end: length, shares: [{ owner, bytes: length }] });
  }

  /** Moves all frames of another queue to the end of this one. */
  absorb(other: FrameQueue): void {
    for (const piece of other.#pieces.splice(0)) this.#pieces.push(piece);
    this.#block = EMPTY;
    this.#used = 0;
  }

  /** Removes frames from the front: at least one piece, and not much more than `maxBytes`. */
  take(maxBytes: number): FrameBatch {
    let count = 0;
    let byteLength = 0;
    while (count < this.#pieces.length && byteLength < maxBytes) {
      const { start, end } = this.#pieces[count] as Piece;
      byteLength += end - start;
      count += 1;
    }
    const pieces = this.#pieces.splice(0, count);
    if (this.#pieces.length === 0) this.#rest();
    return {
      buffers: pieces.map(({ source, start, end }) => source.subarray(start, end)),
      byteLength,
      left: () => {
        for (const { shares } of pieces) for (const { owner, bytes } of shares) owner.left(bytes);
      },
    };
  }

  clear(): void {
    this.#pieces = [];
    this.#rest();
  }

  /** Starts again with small blocks, and keeps no large one. */
  #rest(): void {
    this.#nextBlockBytes = FIRST_BLOCK_BYTES;
    if (this.#block.byteLength > FIRST_BLOCK_BYTES) this.#block = EMPTY;
    if (this.#block.byteLength === 0) this.#used = 0;
  }

  /** Returns where `bytes` can be written in the current block. */
  #reserve(bytes: number): number {
    if (this.#block.byteLength - this.#used < bytes) {
      this.#block = Buffer.allocUnsafe(Math.max(bytes, this.#nextBlockBytes));
      this.#used = 0;
      this.#nextBlockBytes = Math.min(this.#nextBlockBytes * 2, LAST_BLOCK_BYTES);
    }
    const start = this.#used;
    this.#used += bytes;
    return start;
  }

  /** Returns the last piece, extended by the bytes that were just written to the block; or a new piece. */
  #pieceWith(start: number, length: number): Piece {
    const last = this.#pieces.at(-1);
    if (last?.source === this.#block && last.end === start) {
      last.end += length;
      return last;
    }
    const piece = { source: this.#block, start, end: start + length, shares: [] };
    this.#pieces.push(piece);
    return piece;
  }
}

function addShare({ shares }: Piece, owner: FrameOwner, bytes: number): void {
  const last = shares.at(-1);
  if (last?.owner === owner) last.bytes += bytes;
  else shares.push({ owner, bytes });
}
