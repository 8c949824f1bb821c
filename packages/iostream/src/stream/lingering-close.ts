import type { Clock, ClockTimer } from '@landspout/ioloop';
import type { IOStream } from './io-stream.ts';
import type { StreamConsumer } from './stream-consumer.ts';

/**
 * Takes the consumer's place while a stream closes gracefully: throws away what comes, until the peer has ended too
 * or, once all that was queued has left, `lingerMs` have passed.
 */
export class LingeringClose implements StreamConsumer {
  readonly #stream: IOStream;
  readonly #outer: StreamConsumer | undefined;
  readonly #clock: Clock;
  readonly #lingerMs: number;
  #timer: ClockTimer | undefined;

  constructor(stream: IOStream, outer: StreamConsumer | undefined, clock: Clock, lingerMs: number) {
    this.#stream = stream;
    this.#outer = outer;
    this.#clock = clock;
    this.#lingerMs = lingerMs;
  }

  received(): void {}

  ended(): void {
    this.goOn();
  }

  drained(): void {
    this.goOn();
  }

  closed(error: Error | undefined): void {
    this.#timer?.cancel();
    this.#outer?.closed(error);
  }

  /** Closes, or starts the last wait, where nothing is queued any more. */
  goOn(): void {
    const stream = this.#stream;
    if (stream.queuedBytes > 0 || stream.isClosed) return;
    if (stream.isEnded) stream.close();
    else this.#timer ??= this.#clock.setTimeout(() => stream.close(), this.#lingerMs);
  }
}
