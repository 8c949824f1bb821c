// The connection/ folder runs the codec over a stream. The files directly in it are shared by server and client; each
// side has a folder of its own. Opening connections, routes and handlers are left to the packages above.

import { Buffer } from 'node:buffer';
import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';

/** The size of each piece in a {@link PiecePool}. */
export const PIECE_BYTES = 256 * 1024;
/**
 * Maximum number of bytes allocated for each byte received, so that a peer that announces a large body but sends little
 * costs little memory.
 */
const ROOM_PER_BYTE = 16;
const NOTHING = Buffer.alloc(0);

/**
 * Collects a body of known length, for a delegate that needs all of it at once. When a sixteenth of the body has been
 * received, the whole body is allocated, and what follows is copied directly to its final place. Before that, the bytes
 * are copied into smaller buffers, which for a large body are reused pieces. So no more than a sixteenth is copied
 * twice: to touch memory that is not in a cache of the processor is most of what a large body costs.
 */
export class BodyPieces {
  readonly #pool: PiecePool;
  /** Bytes of the body that have not been received yet. */
  #left: number;
  /** What is filled now. */
  #piece: Buffer = NOTHING;
  #filled = 0;
  /**
   * The full pieces that precede {@link #piece}. If this is defined, all of them, and {@link #piece}, are from the
   * pool.
   */
  #full: Buffer[] | undefined;

  /** @param length - length of the whole body, in bytes; at least 1. */
  constructor(length: number, pool: PiecePool) {
    this.#pool = pool;
    this.#left = length;
  }

  /** Copies borrowed bytes. @returns the body, owned by the caller, if it is now complete; otherwise undefined. */
  take(bytes: Buffer, start: number, end: number): Buffer | undefined {
    let at = start;
    while (at < end) {
      if (this.#filled === this.#piece.length) this.#makeRoom(end - at);
      const length = Math.min(this.#piece.length - this.#filled, end - at);
      bytes.copy(this.#piece, this.#filled, at, at + length);
      this.#filled += length;
      this.#left -= length;
      at += length;
    }
    if (this.#left > 0) return undefined;
    // The last room that was made is exactly as long as the body.
    const whole = this.#piece;
    this.#piece = NOTHING;
    return whole;
  }

  /** Returns the pieces to the pool. Called if the rest of the body will not be received. */
  release(): void {
    if (this.#full !== undefined) {
      for (const piece of this.#full) this.#pool.give(piece);
      this.#pool.give(this.#piece);
    }
    this.#full = undefined;
    this.#piece = NOTHING;
  }

  /** @param coming - number of bytes about to be copied. */
  #makeRoom(coming: number): void {
    const received = (this.#full?.length ?? 0) * PIECE_BYTES + this.#filled;
    const all = received + this.#left;
    const justified = (received + coming) * ROOM_PER_BYTE;
    if (justified >= PIECE_BYTES && justified < all) this.#addPiece();
    else this.#moveTo(Buffer.allocUnsafeSlow(Math.min(all, justified)), received);
  }

  #addPiece(): void {
    const piece = this.#pool.take();
    if (this.#full === undefined) {
      this.#piece.copy(piece);
      this.#full = [];
    } else {
      this.#full.push(this.#piece);
      this.#filled = 0;
    }
    this.#piece = piece;
  }

  #moveTo(larger: Buffer, received: number): void {
    const full = this.#full ?? [];
    for (const [at, piece] of full.entries()) piece.copy(larger, at * PIECE_BYTES);
    this.#piece.copy(larger, full.length * PIECE_BYTES);
    this.release();
    this.#piece = larger;
    this.#filled = received;
  }
}

/** The maximum number of unused pieces in a pool; together they have 64 MiB. */
const MOST_RESTING = 256;
/** An unused piece is freed after one to two times this interval. */
const REST_MS = 2_000;

/**
 * Holds memory that is reused for the beginning of one large body after another. New memory would cost more than the
 * copying: the kernel maps it page by page, and V8 counts it towards the next full garbage collection. Pieces that were
 * not needed for a few seconds are freed.
 */
export class PiecePool {
  readonly #clock: Clock;
  readonly #resting: Buffer[] = [];
  /** The lowest number of unused pieces since the last check: so many pieces were never needed in that time. */
  #unneeded = 0;
  #isWatched = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns a piece of {@link PIECE_BYTES}. It still contains old bytes. */
  take(): Buffer {
    const piece = this.#resting.pop();
    this.#unneeded = Math.min(this.#unneeded, this.#resting.length);
    return piece ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  /** Takes back a piece. No one else may hold a reference to it. */
  give(piece: Buffer): void {
    if (this.#resting.length >= MOST_RESTING) return;
    this.#resting.push(piece);
    if (!this.#isWatched) this.#watch();
  }

  /** The number of unused pieces. */
  get size(): number {
    return this.#resting.length;
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  /** All connections share the timer, so the timer must not keep the async context of the request that started it. */
  #watch(): void {
    this.#isWatched = true;
    runInRootContext(() => this.#clock.setTimeout(() => this.#look(), REST_MS).unref(), undefined);
  }

  #look(): void {
    this.#isWatched = false;
    this.#resting.splice(0, this.#unneeded);
    this.#unneeded = this.#resting.length;
    if (this.#resting.length > 0) this.#watch();
  }
}
