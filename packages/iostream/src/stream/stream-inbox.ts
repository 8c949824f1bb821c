import { onAbort } from '@landspout/ioloop/reactor';
import { StreamLimitError } from '../errors.ts';
import { borrowQueue, NO_BYTES, returnQueue } from './byte-queue.ts';
import { PASSED_LIMIT, type ReadGoal } from './read-goal.ts';

/**
 * The received bytes of a stream that have not been read, and the one read that may wait for more.
 *
 * Thousands of streams may have a pending read at once. To save memory, the read is not an object of its own, and one
 * stored function both resolves and rejects its promise.
 */
export class StreamInbox {
  /** A queue from the pool while there are bytes in it, otherwise {@link NO_BYTES}. */
  #bytes = NO_BYTES;
  /** The goal of the pending read. */
  #goal: ReadGoal<unknown> | undefined;
  /** Settles the pending read; resolving with a rejected promise rejects it. */
  #resolve: ((result: unknown) => void) | undefined;
  #stopListening: (() => void) | undefined;

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  get isAwaited(): boolean {
    return this.#goal !== undefined;
  }

  append(bytes: Buffer, start: number, end: number): void {
    const absorbed = this.#bytes === NO_BYTES ? (this.#goal?.absorb?.(bytes, start, end) ?? 0) : 0;
    if (start + absorbed === end) return;
    if (this.#bytes === NO_BYTES) this.#bytes = borrowQueue();
    this.#bytes.append(bytes, start + absorbed, end);
  }

  prepend(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#bytes === NO_BYTES) this.#bytes = borrowQueue();
    this.#bytes.prepend(bytes);
  }

  takeAll(): Buffer {
    const all = this.#bytes.take(this.#bytes.byteLength);
    this.#returnEmpty();
    return all;
  }

  /**
   * Checks whether the buffered bytes satisfy a new goal, and returns the result of {@link ReadGoal.satisfiedBy}. The
   * search starts at the first buffered byte.
   *
   * @throws what the goal throws; the goal is abandoned then.
   */
  look<Result>(goal: ReadGoal<Result>, over: boolean): number {
    this.#bytes.restartSearch();
    try {
      return goal.satisfiedBy(this.#bytes, over);
    } catch (error) {
      this.#abandon(goal);
      throw error;
    } finally {
      this.#returnEmpty();
    }
  }

  /** Passes a goal the bytes that satisfied it, and returns the result. */
  take<Result>(goal: ReadGoal<Result>, length: number): Result {
    const result = goal.take(this.#bytes, length);
    this.#returnEmpty();
    return result;
  }

  /**
   * Starts a pending read for a goal that {@link look} could not satisfy; {@link answer} settles it. An abort loses no
   * byte.
   */
  wait<Result>(goal: ReadGoal<Result>, signal: AbortSignal | undefined): Promise<Result> {
    this.#goal = goal;
    if (signal !== undefined) this.#stopListening = onAbort(signal, (reason) => this.fail(reason));
    return new Promise<Result>((resolve) => {
      this.#resolve = resolve as (result: unknown) => void;
    });
  }

  /**
   * Resolves the pending read if the buffered bytes satisfy it.
   *
   * @param over - whether the end has been reached, so that no more bytes will arrive.
   * @returns an error if no further byte can satisfy the read, which stays pending; otherwise `undefined`.
   */
  answer(over: boolean): StreamLimitError | undefined {
    const goal = this.#goal;
    if (goal === undefined) return undefined;
    let length: number;
    try {
      length = goal.satisfiedBy(this.#bytes, over);
    } catch (error) {
      // The caller's pattern may overflow the stack; the error must not reach the reactor, which called this method.
      this.fail(error);
      return undefined;
    }
    if (length >= 0) {
      this.#settle(this.take(goal, length));
      return undefined;
    }
    this.#returnEmpty();
    return length === PASSED_LIMIT
      ? new StreamLimitError('ERR_STREAM_UNSATISFIABLE', goal.limitMessage)
      : undefined;
  }

  /** Rejects the pending read, if there is one. */
  fail(error: unknown): void {
    if (this.#goal === undefined) return;
    this.#abandon(this.#goal);
    this.#settle(Promise.reject(error));
  }

  #settle(result: unknown): void {
    const resolve = this.#resolve;
    this.#stopListening?.();
    this.#goal = undefined;
    this.#resolve = undefined;
    this.#stopListening = undefined;
    resolve?.(result);
  }

  #abandon(goal: ReadGoal<unknown>): void {
    const taken = goal.abandon?.();
    if (taken !== undefined) this.prepend(taken);
  }

  #returnEmpty(): void {
    if (this.#bytes === NO_BYTES || this.#bytes.byteLength > 0) return;
    returnQueue(this.#bytes);
    this.#bytes = NO_BYTES;
  }
}
