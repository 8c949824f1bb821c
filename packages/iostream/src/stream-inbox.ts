import { ByteQueue } from './byte-queue.ts';
import { PASSED_LIMIT, type ReadGoal } from './read-goal.ts';
import { StreamLimitError } from './stream-errors.ts';

/** A read that waits. */
interface PendingRead {
  readonly goal: ReadGoal;
  readonly resolve: (bytes: Buffer) => void;
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
    this.#bytes.append(bytes, start, end);
  }

  prepend(bytes: Uint8Array): void {
    this.#bytes.prepend(bytes);
  }

  takeAll(): Buffer {
    return this.#bytes.take(this.#bytes.byteLength);
  }

  /** Starts a read; {@link answer} settles it. An abort loses no byte. */
  wait(goal: ReadGoal, signal: AbortSignal | undefined): Promise<Buffer> {
    this.#bytes.restartSearch();
    return new Promise((resolve, reject) => {
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
    const length = read.goal.satisfiedBy(this.#bytes, over);
    if (length >= 0) {
      this.#pending = undefined;
      read.stopListening?.();
      read.resolve(this.#bytes.take(length));
      return undefined;
    }
    return length === PASSED_LIMIT
      ? new StreamLimitError('ERR_STREAM_UNSATISFIABLE', read.goal.limitMessage)
      : undefined;
  }

  /** Fails the waiting read, if there is one. */
  fail(error: unknown): void {
    const read = this.#pending;
    this.#pending = undefined;
    read?.stopListening?.();
    read?.reject(error);
  }
}
