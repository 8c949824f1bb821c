import { Buffer } from 'node:buffer';
import { type Clock, runInRootContext } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** The pieces of a pool are of this size. */
export const PIECE_BYTES = 256 * 1024;
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
