import { Deadline, type DeadlineEntry, type DeadlineWheel } from '@landspout/ioloop/reactor';

/** Asks from time to time whether a client may still read, until it may not, or this is closed. */
export class Reauthorization implements DeadlineEntry {
  readonly #ask: () => Promise<boolean>;
  readonly #refused: () => void;
  readonly #intervalMs: number;
  readonly #deadline: Deadline;
  #isClosed = false;

  /** @param ask - must not reject. */
  constructor(wheel: DeadlineWheel, intervalMs: number, ask: () => Promise<boolean>, refused: () => void) {
    this.#ask = ask;
    this.#refused = refused;
    this.#intervalMs = intervalMs;
    this.#deadline = new Deadline(wheel, this);
    this.#deadline.set(intervalMs);
  }

  async deadlinePassed(): Promise<void> {
    const isAllowed = await this.#ask();
    if (this.#isClosed) return;
    if (isAllowed) this.#deadline.set(this.#intervalMs);
    else this.#refused();
  }

  close(): void {
    this.#isClosed = true;
    this.#deadline.close();
  }
}
