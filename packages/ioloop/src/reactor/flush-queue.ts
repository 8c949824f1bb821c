import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { reportRejection } from '../thenable.ts';
import type { SendBatch } from './send-batch.ts';
import { WriteBudget } from './write-budget.ts';

/** Something that collects writes and hands them to the kernel together. */
export interface Flushable {
  /** May be called more often than was asked for. */
  flush(): void;
  /** Adds what it has to a batch that is sent for many at once. @returns false to have {@link flush} called instead. */
  joinBatch?(batch: SendBatch): boolean;
}

/**
 * Puts writes off until they can leave together: to the end of the reactor's batch for what handlers wrote, and
 * to one tick for what promises, timers and callbacks wrote. A pipelining client thus costs one system call, not
 * one for each answer.
 *
 * A writer that has spent what the {@link WriteBudget} allows it in this turn waits for a later one with
 * {@link FlushQueue.defer}; those that wait take turns.
 */
export class FlushQueue {
  /** Of the reactor, where there is one. */
  batch: SendBatch | undefined = undefined;
  /** What may be written in this turn. */
  readonly budget = new WriteBudget();
  readonly #logger: Logger;
  #waiting: Flushable[] = [];
  #spare: Flushable[] = [];
  /** Those that wait for a later turn, in order. A writer that asks again keeps its place. */
  readonly #deferred = new Set<Flushable>();
  #inBatch = false;
  #tickScheduled = false;
  #turnScheduled = false;
  readonly #onTick = (): void => {
    this.#tickScheduled = false;
    this.#flushAll();
  };
  readonly #onTurn = (): void => this.#takeTurn();
  readonly #report = (error: unknown): void => this.#logger.error({ error }, 'a flush failed');

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls `flush` once, soon. The caller remembers that it has asked, and asks once. */
  schedule(flushable: Flushable): void {
    this.#waiting.push(flushable);
    if (this.#inBatch || this.#tickScheduled) return;
    this.#scheduleTick();
  }

  /** Calls `flush` in a later turn of the loop, after other descriptors and timers had theirs. */
  defer(flushable: Flushable): void {
    this.#deferred.add(flushable);
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    // The first of the two runs in this turn still, if descriptors are being served now.
    runInRootContext(scheduleTurnAfterNext, this.#onTurn);
  }

  /** The reactor was woken. While writers are deferred, it is they that begin a turn of writing. */
  beginBatch(): void {
    this.#inBatch = true;
    if (this.#deferred.size === 0) this.budget.renew(0);
  }

  endBatch(): void {
    this.#inBatch = false;
    if (this.#waiting.length > 0) this.#flushAll();
  }

  #flushAll(): void {
    // Two arrays take turns, so that a flush which causes another write allocates nothing and waits its turn.
    const flushing = this.#waiting;
    this.#waiting = this.#spare;
    const { batch } = this;
    if (batch !== undefined && flushing.length > 1) this.#sendTogether(batch, flushing);
    for (let i = 0; i < flushing.length; i += 1) this.#flush(flushing[i] as Flushable);
    flushing.length = 0;
    this.#spare = flushing;
    if (this.#waiting.length > 0 && !this.#tickScheduled) this.#scheduleTick();
  }

  /** Lets deferred writers write until the turn's budget is spent. Those that are left, or ask again, wait for the next turn. */
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

  /** Sends for those that can go together, and leaves the others in the list. */
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

  /** A flush serves many writers: it must not run in the async context of the one who happened to be first. */
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
