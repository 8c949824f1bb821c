/** Longest delay that Node's timers support, in milliseconds. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/**
 * Keeps the process alive while a call waits, and only then. Sockets and other timers of the backplane do not: some work
 * goes on in the background for ever, and a call may wait for more than a reply, such as for an announcement.
 */
export class ProcessHold {
  readonly #timer: NodeJS.Timeout = setInterval(() => {}, LONGEST_DELAY_MS).unref();
  #calls = 0;

  /** Keeps the process alive until the promise is settled. @returns the promise. */
  during<Result>(call: Promise<Result>): Promise<Result> {
    this.#calls += 1;
    if (this.#calls === 1) this.#timer.ref();
    call.then(this.#settled, this.#settled);
    return call;
  }

  /** Ends it. Later calls keep nothing alive. */
  close(): void {
    clearInterval(this.#timer);
  }

  readonly #settled = (): void => {
    this.#calls -= 1;
    if (this.#calls === 0) this.#timer.unref();
  };
}
