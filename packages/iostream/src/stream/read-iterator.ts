import type { ByteQueue } from './byte-queue.ts';
import type { IOStream } from './io-stream.ts';
import { endedInOrder } from './or-end.ts';
import { NOT_YET, type ReadGoal } from './read-goal.ts';
import type { ReadingSide } from './reading-side.ts';

type Result<Item> = IteratorResult<Item, undefined>;

const OVER: IteratorReturnResult<undefined> = { value: undefined, done: true };

/**
 * One read after the other, for `for await`, until the peer ends.
 *
 * Leaving the loop leaves the stream open and everything after the last item unread. What waits beyond the buffer waits
 * at the peer. While an item is awaited no other read may be made; items that are asked for at once come in order.
 *
 * It is no generator, and the goal of its own reads, whose promises are those of {@link next}: thousands of streams
 * wait in such a loop at once, and of many items that are there already each costs a part of what a generator makes
 * of it.
 */
export abstract class ReadIterator<Item>
  implements AsyncIterableIterator<Item, undefined, undefined>, ReadGoal<Result<Item>>
{
  readonly #stream: IOStream;
  readonly #reading: ReadingSide;
  readonly #goal: ReadGoal<Item>;
  readonly #signal: AbortSignal | undefined;
  /** The read that waits. */
  #waiting: Promise<Result<Item>> | undefined;
  #isOver = false;

  /** @param goal - what makes an item; it is used again for each. */
  constructor(stream: IOStream, reading: ReadingSide, goal: ReadGoal<Item>, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#reading = reading;
    this.#goal = goal;
    this.#signal = signal;
  }

  /**
   * @throws StreamClosedError `ERR_STREAM_CLOSED` when the stream is closed before the peer has ended, or by a limit;
   *   StreamUsageError `ERR_STREAM_BUSY` while another reader has it; the reason of the signal. It is over then.
   */
  next(): Promise<Result<Item>> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      const again = (): Promise<Result<Item>> => this.next();
      return waiting.then(again, again);
    }
    if (this.#isOver) return Promise.resolve(OVER);
    const read = this.#reading.read(this, this.#signal);
    // What was refused has been abandoned, be it for another read that waits.
    if (this.#reading.isAwaited && !this.#isOver) this.#waiting = read;
    return read;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      const again = (): Promise<IteratorReturnResult<undefined>> => this.return();
      return waiting.then(again, again);
    }
    this.#isOver = true;
    return Promise.resolve(OVER);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * What is left when the peer has ended, in order, and too little for an item.
   *
   * @returns how many bytes make a last item; 0 for none.
   * @throws where they cannot be left over.
   */
  protected abstract lengthOfLast(byteLength: number): number;

  /** Takes the last item, where it has another form. */
  protected takeLast(inbox: ByteQueue, length: number): Item {
    return this.#goal.take(inbox, length);
  }

  // ---- the goal of its reads ----

  get limitMessage(): string {
    return this.#goal.limitMessage;
  }

  satisfiedBy(inbox: ByteQueue, over: boolean): number {
    const length = this.#goal.satisfiedBy(inbox, over);
    if (length !== NOT_YET || !over || !endedInOrder(this.#stream)) return length;
    this.#isOver = true;
    return this.lengthOfLast(inbox.byteLength);
  }

  take(inbox: ByteQueue, length: number): Result<Item> {
    this.#waiting = undefined;
    if (!this.#isOver) return { value: this.#goal.take(inbox, length), done: false };
    return length === 0 ? OVER : { value: this.takeLast(inbox, length), done: false };
  }

  absorb(bytes: Buffer, start: number, end: number): number {
    return this.#goal.absorb?.(bytes, start, end) ?? 0;
  }

  abandon(): Uint8Array | undefined {
    this.#waiting = undefined;
    this.#isOver = true;
    return this.#goal.abandon?.();
  }
}
