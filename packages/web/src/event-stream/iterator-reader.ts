import { disown } from '../errors.ts';
import type { CursorSubscription } from './cursor-source.ts';

/** What delivers values to a stream. It is paused at first. */
export interface StreamSource {
  /** Delivers values, until the stream needs a pause. */
  resume(): void;
  /** Stops at once. */
  close(): void;
}

/** Takes the values that a reader has read. */
export interface ValueSink {
  /** @returns false if the next value is to be read only after `resume` of the reader is called. */
  take(value: unknown): boolean;
  sourceEnded(): void;
  sourceFailed(error: unknown): void;
}

/**
 * Reads an async iterator for a stream. The next value is requested only after the stream has taken the one before.
 *
 * Callbacks rather than a loop, because the end of the client or of the server must be noticed while the iterator waits,
 * and a race of promises for each value would cost more than sending it.
 */
export class IteratorReader implements StreamSource {
  readonly #values: AsyncIterator<unknown>;
  readonly #sink: ValueSink;
  readonly #close: () => void;

  /** @param close - stops the iterator at once. A pending call of `next` need not settle. */
  constructor(values: AsyncIterator<unknown>, sink: ValueSink, close: () => void) {
    this.#values = values;
    this.#sink = sink;
    this.#close = close;
  }

  /** Reads a subscription of a topic or run. */
  static ofSubscription(subscription: CursorSubscription, sink: ValueSink): IteratorReader {
    return new IteratorReader(subscription[Symbol.asyncIterator](), sink, () => subscription.close());
  }

  /** Reads an async iterable of the program. */
  static of(iterable: AsyncIterable<unknown>, sink: ValueSink): IteratorReader {
    const values = iterable[Symbol.asyncIterator]();
    return new IteratorReader(values, sink, () => {
      try {
        // Not awaited: a generator that waits for something else returns only after that.
        disown(values.return?.());
      } catch {
        // The stream is over; an iterator that cannot be closed changes nothing about that.
      }
    });
  }

  resume(): void {
    try {
      Promise.resolve(this.#values.next()).then(this.#received, this.#failed);
    } catch (error) {
      this.#sink.sourceFailed(error);
    }
  }

  close(): void {
    this.#close();
  }

  readonly #received = (result: IteratorResult<unknown>): void => {
    if (result.done === true) this.#sink.sourceEnded();
    else if (this.#sink.take(result.value)) this.resume();
  };

  readonly #failed = (error: unknown): void => this.#sink.sourceFailed(error);
}
