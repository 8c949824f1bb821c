import type { Logger } from './logger.ts';
import { runInRootContext } from './root-context.ts';
import type { SendBatch } from './send-batch.ts';

/** Something that collects writes and hands them to the kernel together. */
export interface Flushable {
  flush(): void;
  /** Adds what it has to a batch that is sent for many at once. @returns false to have {@link flush} called instead. */
  joinBatch?(batch: SendBatch): boolean;
}

/**
 * Puts writes off until they can leave together: to the end of the reactor's batch for what handlers wrote, and
 * to one tick for what promises, timers and callbacks wrote. A pipelining client thus costs one system call, not
 * one for each answer.
 */
export class FlushQueue {
  /** Of the reactor, where there is one. */
  batch: SendBatch | undefined = undefined;
  readonly #logger: Logger;
  #waiting: Flushable[] = [];
  #spare: Flushable[] = [];
  #inBatch = false;
  #tickScheduled = false;
  readonly #onTick = (): void => {
    this.#tickScheduled = false;
    this.#flushAll();
  };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls `flush` once, soon. The caller remembers that it has asked, and asks once. */
  schedule(flushable: Flushable): void {
    this.#waiting.push(flushable);
    if (this.#inBatch || this.#tickScheduled) return;
    this.#scheduleTick();
  }

  beginBatch(): void {
    this.#inBatch = true;
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
    for (let i = 0; i < flushing.length; i += 1) {
      try {
        (flushing[i] as Flushable).flush();
      } catch (error) {
        this.#logger.error({ error }, 'a flush failed');
      }
    }
    flushing.length = 0;
    this.#spare = flushing;
    if (this.#waiting.length > 0 && !this.#tickScheduled) this.#scheduleTick();
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
