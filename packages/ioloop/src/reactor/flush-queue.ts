import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { reportRejection } from '../thenable.ts';
import type { SendBatch } from './send-batch.ts';
import { WriteBudget } from './write-budget.ts';

/** An object that collects writes and passes them to the kernel together. */
export interface Flushable {
  /** May be called more often than it was scheduled. */
  flush(): void;
  /**
   * Adds its bytes to a batch that is sent for many writers at once. @returns false if {@link flush} must be called
   * instead.
   */
  joinBatch?(batch: SendBatch): boolean;
}

/**
 * Delays writes so that they can be sent together: writes made by descriptor handlers until the end of the reactor's
 * batch, and writes made by promises, timers and callbacks until the next tick. A pipelining client thus costs one
 * system call, not one for each response.
 *
 * A writer that has spent its share of the {@link WriteBudget} waits for a later loop iteration with
 * {@link FlushQueue.defer}; waiting writers take turns.
 */
export class FlushQueue {
  /** Set by the reactor, if there is one. */
  batch: SendBatch | undefined = undefined;
  /** How much may be written in this loop iteration. */
  readonly budget = new WriteBudget();
  readonly #logger: Logger;
  #waiting: Flushable[] = [];
  #spare: Flushable[] = [];
  /** Writers that wait for a later iteration, in order. A writer that defers again keeps its place. */
  readonly #deferred = new Set<Flushable>();
  #inBatch = false;
  #tickScheduled = false;
  #turnScheduled = false;
  readonly #onTick = (): void => {
    this.#tickScheduled = false;
    this.#flushAll();
  };
  readonly #onTurn = (): void => this.#takeTurn();
  readonly #report = (error: unknown): void => this.#logger.error({ error }, 'a flush threw or rejected');

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls `flush` once, soon. The caller must not call this again before that flush. */
  schedule(flushable: Flushable): void {
    this.#waiting.push(flushable);
    if (this.#inBatch || this.#tickScheduled) return;
    this.#scheduleTick();
  }

  /** Calls `flush` in a later loop iteration, after other descriptors and timers have been served. */
  defer(flushable: Flushable): void {
    this.#deferred.add(flushable);
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    // If descriptors are being served now, the first of the two immediates still runs in this iteration.
    runInRootContext(scheduleTurnAfterNext, this.#onTurn);
  }

  /** Called when the reactor wakes up. While writers are deferred, their next turn renews the budget instead. */
  beginBatch(): void {
    this.#inBatch = true;
    if (this.#deferred.size === 0) this.budget.renew(0);
  }

  endBatch(): void {
    this.#inBatch = false;
    if (this.#waiting.length > 0) this.#flushAll();
  }

  #flushAll(): void {
    // Two arrays are used alternately, so that a write caused by a flush allocates no array, and waits for the next
    // flush.
    const flushing = this.#waiting;
    this.#waiting = this.#spare;
    const { batch } = this;
    if (batch !== undefined && flushing.length > 1) this.#sendTogether(batch, flushing);
    for (let i = 0; i < flushing.length; i += 1) this.#flush(flushing[i] as Flushable);
    flushing.length = 0;
    this.#spare = flushing;
    if (this.#waiting.length > 0 && !this.#tickScheduled) this.#scheduleTick();
  }

  /**
   * Lets deferred writers write until the budget of this iteration is spent. The other writers, and those that defer
   * again, wait for the next iteration.
   */
  #takeTurn(): void {
    const deferred = this.#deferred;
    const { budget } = this;
    let waiting = deferred.size;
    budget.renew(waiting);
    for (const flushable of deferred) {
      if (waiting === 0 || budget.isSpent) break;
      waiting -= 1;
      deferred.delete(flushable);
      this.#flush(flushable);
    }
    this.#turnScheduled = deferred.size > 0;
    if (this.#turnScheduled) runInRootContext(scheduleTurn, this.#onTurn);
  }

  #flush(flushable: Flushable): void {
    try {
      reportRejection(flushable.flush(), this.#report);
    } catch (error) {
      this.#report(error);
    }
  }

  /** Sends the bytes of all writers that can share a batch, and keeps the others in the list. */
  #sendTogether(batch: SendBatch, flushing: Flushable[]): void {
    let left = 0;
    for (let i = 0; i < flushing.length; i += 1) {
      const flushable = flushing[i] as Flushable;
      if (flushable.joinBatch?.(batch) === true) continue;
      flushing[left] = flushable;
      left += 1;
    }
    flushing.length = left;
    batch.run();
  }

  /** A flush serves many writers, so it must not run in the async context of the one that happened to be first. */
  #scheduleTick(): void {
    this.#tickScheduled = true;
    runInRootContext(scheduleTick, this.#onTick);
  }
}

function scheduleTick(this: () => void): void {
  process.nextTick(this);
}

function scheduleTurn(this: () => void): void {
  setImmediate(this);
}

function scheduleTurnAfterNext(this: () => void): void {
  setImmediate(() => setImmediate(this));
}
