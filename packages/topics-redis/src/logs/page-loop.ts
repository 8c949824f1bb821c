import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { ReadPage } from './log-reader.ts';

/** How long to wait before a page is read again after Redis failed. */
const RETRY_MS = 1000;

/** What a {@link PageLoop} does. */
export interface PageReading {
  /** Reads the next page; undefined if the log is gone. A rejection is tried again. */
  readonly read: () => Promise<ReadPage | undefined>;
  /** Called with each page, unless the loop was stopped meanwhile. @returns whether another page is to be read. */
  readonly arrived: (read: ReadPage | undefined) => boolean;
}

/** Reads page after page up to the end of a log. */
export class PageLoop {
  readonly #clock: Clock;
  readonly #reading: PageReading;
  #running = Promise.resolve();
  #retryTimer: ClockTimer | undefined;
  #isStopped = false;

  constructor(clock: Clock, reading: PageReading) {
    this.#clock = clock;
    this.#reading = reading;
  }

  /** Resolves when it does not read at the moment: it has reached the end, waits, or was stopped. */
  get idle(): Promise<void> {
    return this.#running;
  }

  /** Begins to read. To be called only while it does not read. */
  start(): void {
    this.#running = this.#readOn();
  }

  /** Reads at once if it waits because Redis has failed. */
  retryNow(): void {
    if (this.#retryTimer === undefined) return;
    this.#retryTimer.cancel();
    this.#retryTimer = undefined;
    this.start();
  }

  /** Stops for good. */
  stop(): void {
    this.#isStopped = true;
    this.#retryTimer?.cancel();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isWaiting: this.#retryTimer !== undefined }));
  }

  /** Never rejects. */
  async #readOn(): Promise<void> {
    for (;;) {
      let read: ReadPage | undefined;
      try {
        read = await this.#reading.read();
      } catch {
        if (!this.#isStopped) this.#retryLater();
        return;
      }
      if (this.#isStopped || !this.#reading.arrived(read)) return;
    }
  }

  #retryLater(): void {
    runInRootContext(() => {
      this.#retryTimer = this.#clock.setTimeout(() => this.retryNow(), RETRY_MS);
      this.#retryTimer.unref();
    }, undefined);
  }
}
