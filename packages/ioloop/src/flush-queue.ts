import type { Logger } from './logger.ts';
import { runInRootContext } from './root-context.ts';

/** Something that collects writes and hands them to the kernel together. */
export interface Flushable {
  flush(): void;
}

/**
 * Puts writes off until they can leave together: to the end of the reactor's batch for what handlers wrote, and
 * to one tick for what promises, timers and callbacks wrote. A pipelining client thus costs one system call, not
 * one for each answer.
 */
export class FlushQueue {
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

  /** A flush serves many writers: it must not run in the async context of the one who happened to be first. */
  #scheduleTick(): void {
    this.#tickScheduled = true;
    runInRootContext(scheduleTick, this.#onTick);
  }
}

function scheduleTick(this: () => void): void {
  process.nextTick(this);
}
