import { ByteQueue } from './byte-queue.ts';
import { PASSED_LIMIT, type ReadGoal } from './read-goal.ts';
import { StreamLimitError } from './stream-errors.ts';

/** A read that waits. */
interface PendingRead {
  readonly goal: ReadGoal<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  stopListening: (() => void) | undefined;
}

/** What has come on a stream and was not read yet, and the one read that may wait for more. */
export class StreamInbox {
  readonly #bytes = new ByteQueue();
  #pending: PendingRead | undefined;

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  get isAwaited(): boolean {
    return this.#pending !== undefined;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const goal = this.#pending?.goal;
    const absorbed = this.#bytes.byteLength === 0 ? (goal?.absorb?.(bytes, start, end) ?? 0) : 0;
    if (start + absorbed < end) this.#bytes.append(bytes, start + absorbed, end);
  }

  prepend(bytes: Uint8Array): void {
    this.#bytes.prepend(bytes);
  }

  takeAll(): Buffer {
    return this.#bytes.take(this.#bytes.byteLength);
  }

  /**
   * Whether what is there satisfies a new goal: as {@link ReadGoal.satisfiedBy}, whose search begins here.
   *
   * @throws what the goal throws, which is over then.
   */
  look<Result>(goal: ReadGoal<Result>, over: boolean): number {
    this.#bytes.restartSearch();
    try {
      return goal.satisfiedBy(this.#bytes, over);
    } catch (error) {
      goal.abandon?.(this.#bytes);
      throw error;
    }
  }

  /** Gives a goal the bytes that satisfied it. */
  take<Result>(goal: ReadGoal<Result>, length: number): Result {
    return goal.take(this.#bytes, length);
  }

  /** Starts the read of a goal that was {@link look}ed for in vain; {@link answer} settles it. An abort loses no byte. */
  wait<Result>(goal: ReadGoal<Result>, signal: AbortSignal | undefined): Promise<Result> {
    return new Promise<Result>((onResult, reject) => {
      const resolve = onResult as (result: unknown) => void;
      const read: PendingRead = { goal, resolve, reject, stopListening: undefined };
      this.#pending = read;
      if (signal === undefined) return;
      const onAbort = (): void => this.fail(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      read.stopListening = () => signal.removeEventListener('abort', onAbort);
    });
  }

  /**
   * Gives the waiting read its bytes, where they are there.
   *
   * @param over - no more bytes will come.
   * @returns the error of a read that no further byte can satisfy, which still waits; else undefined.
   */
  answer(over: boolean): StreamLimitError | undefined {
    const read = this.#pending;
    if (read === undefined) return undefined;
    let length: number;
    try {
      length = read.goal.satisfiedBy(this.#bytes, over);
    } catch (error) {
      // A pattern of the caller's may exhaust the stack; below us stands the reactor.
      this.fail(error);
      return undefined;
    }
    if (length >= 0) {
      this.#pending = undefined;
      read.stopListening?.();
      read.resolve(read.goal.take(this.#bytes, length));
      return undefined;
    }
    return length === PASSED_LIMIT
      ? new StreamLimitError('ERR_STREAM_UNSATISFIABLE', read.goal.limitMessage)
      : undefined;
  }

  /** Fails the waiting read, if there is one. */
  fail(error: unknown): void {
    const read = this.#pending;
    if (read === undefined) return;
    this.#pending = undefined;
    read.stopListening?.();
    read.goal.abandon?.(this.#bytes);
    read.reject(error);
  }
}
