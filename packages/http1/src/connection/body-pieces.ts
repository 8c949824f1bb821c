// The connection room pumps the codec over a stream: what server and client share is here, each side has a folder. It
// does not know routes, handlers, or how connections are opened.

import { Buffer } from 'node:buffer';
import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';

/** The pieces of a pool are of this size. */
export const PIECE_BYTES = 256 * 1024;
/** Room that is made for each byte that has come: who announces much and sends little must not cost much. */
const ROOM_PER_BYTE = 16;
const NOTHING = Buffer.alloc(0);

/**
 * Puts a body of known length together, for a delegate that does nothing before all of it is there. What is lent is
 * copied to where it stays, or, of a large body, into pieces that serve one body after the other: memory that is new
 * for each would cost more than to copy twice.
 */
export class BodyPieces {
  readonly #pool: PiecePool;
  /** Bytes that have not come yet. */
  #left: number;
  #piece: Buffer = NOTHING;
  #filled = 0;
  /** Those that were filled before {@link #piece}; where there is a list, all are of the pool. */
  #full: Buffer[] | undefined;

  /** @param length - of the whole body; 1 or more. */
  constructor(length: number, pool: PiecePool) {
    this.#pool = pool;
    this.#left = length;
  }

  /** Copies lent bytes. @returns the whole body, which is the caller's own, with its last bytes. */
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
    return this.#left === 0 ? this.#whole() : undefined;
  }

  /** The rest of the body will not come. */
  release(): void {
    if (this.#full !== undefined) {
      for (const piece of this.#full) this.#pool.give(piece);
      this.#pool.give(this.#piece);
    }
    this.#full = undefined;
    this.#piece = NOTHING;
  }

  /** @param coming - bytes that are to be copied now. */
  #makeRoom(coming: number): void {
    const full = this.#piece;
    if (this.#full !== undefined) {
      this.#full.push(full);
      this.#piece = this.#pool.take();
      this.#filled = 0;
      return;
    }
    const all = this.#filled + this.#left;
    const justified = (this.#filled + coming) * ROOM_PER_BYTE;
    if (all > PIECE_BYTES && justified >= PIECE_BYTES) {
      this.#full = [];
      this.#piece = this.#pool.take();
    } else {
      this.#piece = Buffer.allocUnsafeSlow(Math.min(all, justified));
    }
    full.copy(this.#piece);
  }

  #whole(): Buffer {
    const last = this.#piece;
    const full = this.#full;
    if (full === undefined) {
      this.#piece = NOTHING;
      // It has as many bytes as had to come: only pieces of the pool are larger.
      return last;
    }
    const whole = Buffer.allocUnsafeSlow(full.length * PIECE_BYTES + this.#filled);
    for (const [at, piece] of full.entries()) piece.copy(whole, at * PIECE_BYTES);
    last.copy(whole, full.length * PIECE_BYTES, 0, this.#filled);
    this.release();
    return whole;
  }
}

/** Most pieces that wait for use: 64 MiB. */
const MOST_RESTING = 256;
/** How long a piece rests before it is let go, and at most twice that. */
const REST_MS = 2_000;

/**
 * Memory that serves one large body after the other. New memory for each costs more than all that is done with it: it
 * comes page by page, and V8 counts it towards a collection of the whole heap. What has not been needed for some
 * seconds is let go.
 */
export class PiecePool {
  readonly #clock: Clock;
  readonly #resting: Buffer[] = [];
  /** Fewest that rested at any time since the last look: those nobody has needed. */
  #unneeded = 0;
  #isWatched = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A piece of {@link PIECE_BYTES}, with whatever its last user left in it. */
  take(): Buffer {
    const piece = this.#resting.pop();
    this.#unneeded = Math.min(this.#unneeded, this.#resting.length);
    return piece ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  /** Takes back a piece that nobody else has seen. */
  give(piece: Buffer): void {
    if (this.#resting.length >= MOST_RESTING) return;
    this.#resting.push(piece);
    if (!this.#isWatched) this.#watch();
  }

  /** How many pieces wait for use. */
  get size(): number {
    return this.#resting.length;
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  /** The timer is everybody's, and must not hold on to the async context of whose body came first. */
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
