import { AsyncResource } from 'node:async_hooks';
import { callReporting } from '../thenable.ts';

/** One call of a function that waits for its turn, with the async context of the one who asked for it. */
class QueuedCallback extends AsyncResource {
  readonly callback: (...args: never[]) => unknown;
  /** `undefined` for none, which is the common case. */
  readonly args: readonly unknown[] | undefined;

  constructor(callback: (...args: never[]) => unknown, args: readonly unknown[] | undefined) {
    super('LandspoutCallback');
    this.callback = callback;
    this.args = args;
  }
}

/**
 * The functions that run on the next turn of the loop, in the order in which they were added.
 *
 * All that wait at the beginning of a turn share one immediate of Node's. What they add waits for the turn after,
 * so that a callback which adds itself again starves nobody. Promises that they settle go on when the last of them
 * has run, as after a batch of the reactor.
 */
export class CallbackQueue {
  /** Callbacks that were run since the queue was made. */
  ran = 0;

  readonly #report: (error: unknown) => void;
  #waiting: QueuedCallback[] = [];
  #closed = false;
  readonly #drain = (): void => {
    const turn = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < turn.length && !this.#closed; at += 1) {
      const entry = turn[at] as QueuedCallback;
      this.ran += 1;
      entry.runInAsyncScope(this.#call, this, entry);
    }
  };

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(callback: (...args: never[]) => unknown, args: readonly unknown[]): void {
    if (this.#waiting.length === 0) setImmediate(this.#drain);
    this.#waiting.push(new QueuedCallback(callback, args.length === 0 ? undefined : args));
  }

  /** Forgets what waits; also what the turn under way has not reached. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #call(entry: QueuedCallback): void {
    callReporting(entry.callback, entry.args, this.#report);
  }
}
