import { AsyncResource } from 'node:async_hooks';
import { callReporting } from '../thenable.ts';

/** A queued call, with its arguments and the async context of the code that queued it. */
class QueuedCallback extends AsyncResource {
  readonly callback: (...args: never[]) => unknown;
  /** `undefined` if there are none, which is the common case. */
  readonly args: readonly unknown[] | undefined;

  constructor(callback: (...args: never[]) => unknown, args: readonly unknown[] | undefined) {
    super('LandspoutCallback');
    this.callback = callback;
    this.args = args;
  }
}

/**
 * Runs callbacks in the next loop iteration, in the order in which they were added.
 *
 * All callbacks queued when an iteration begins share one Node immediate. Callbacks that these add run in the next
 * iteration, so a callback that keeps adding itself cannot starve other work. Continuations of promises that a callback
 * settles run after the last callback of the iteration, as they do after a batch of the reactor.
 */
export class CallbackQueue {
  /** Number of callbacks that have run since the queue was created. */
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

  /** Drops all queued callbacks, including those that the current iteration has not reached yet. */
  close(): void {
    this.#closed = true;
    this.#waiting = [];
  }

  #call(entry: QueuedCallback): void {
    callReporting(entry.callback, entry.args, this.#report);
  }
}
