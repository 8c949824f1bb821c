import { IOLoop } from '@landspout/ioloop';
import { isThenable, reportRejection, runInRootContext } from '@landspout/ioloop/reactor';
import {
  closedError,
  type EndedStream,
  StreamClosedError,
  StreamLimitError,
  StreamUsageError,
} from '../errors.ts';
import type { Transport } from '../transport.ts';
import { PASSED_LIMIT, type ReadGoal } from './read-goal.ts';
import type { StreamConsumer } from './stream-consumer.ts';
import { StreamInbox } from './stream-inbox.ts';

/**
 * How many bytes a stream reads ahead without a pending read. Because of this, reads rarely have to resume the
 * transport.
 */
const READ_AHEAD_BYTES = 64 * 1024;

/** The stream that a {@link ReadingSide} belongs to. */
interface ReadStream extends EndedStream {
  readonly isWriteEnded: boolean;
  close(error: Error): void;
}

/** The receiving half of a stream: passes bytes to the one pending read or to the consumer. */
export class ReadingSide {
  readonly maxBytes: number;
  /** Whether the peer has shut down its writing side. */
  isEnded: boolean;
  /** Whether TLS ended without close_notify. */
  isEndBare = false;
  /** Whether the peer ended its side after we had ended ours. */
  wasEndedSecond: boolean;
  bytesReceived = 0;

  readonly #stream: ReadStream;
  readonly #transport: Transport;
  #inbox: StreamInbox | undefined;
  #consumer: StreamConsumer | undefined;
  #reading = false;

  constructor(stream: ReadStream, transport: Transport, maxBytes: number) {
    this.#stream = stream;
    this.#transport = transport;
    this.maxBytes = maxBytes;
    // A stream that can only be written is treated as if the peer had ended after us.
    this.isEnded = transport.direction === 'write';
    this.wasEndedSecond = this.isEnded;
  }

  get bufferedBytes(): number {
    return this.#inbox?.byteLength ?? 0;
  }

  get isAwaited(): boolean {
    return this.#inbox?.isAwaited === true;
  }

  get hasConsumer(): boolean {
    return this.#consumer !== undefined;
  }

  // ---- called for the user of the stream ----

  read<Result>(goal: ReadGoal<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (this.#consumer !== undefined || this.isAwaited) {
      goal.abandon?.();
      return Promise.reject(this.#stream.isClosed ? closedError(this.#stream, 'read') : busy('read'));
    }
    if (signal?.aborted) {
      goal.abandon?.();
      return Promise.reject(signal.reason);
    }
    this.#inbox ??= new StreamInbox();
    const inbox = this.#inbox;
    const over = this.isEnded || this.#stream.isClosed;
    let length: number;
    try {
      length = inbox.look(goal, over);
    } catch (error) {
      return Promise.reject(error);
    }
    // If the bytes are already buffered, no pending read is needed: this is how most lines of a burst are read.
    if (length >= 0) return Promise.resolve(inbox.take(goal, length));
    const promise = inbox.wait(goal, signal);
    if (over || length === PASSED_LIMIT) this.answerRead();
    if (inbox.isAwaited) this.#resumeTransport();
    return promise;
  }

  /**
   * Settles the pending read if it is satisfied, has exceeded a limit, or cannot be satisfied any more because the
   * stream has ended.
   */
  answerRead(): void {
    const inbox = this.#inbox;
    if (inbox === undefined) return;
    const over = this.isEnded || this.#stream.isClosed;
    const cause = inbox.answer(over);
    if (cause !== undefined && !this.#stream.isClosed) this.#stream.close(cause);
    else if (cause !== undefined) inbox.fail(new StreamClosedError(cause.message, { cause }));
    else if (over) inbox.fail(closedError(this.#stream, 'read'));
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#inbox ??= new StreamInbox();
    this.#inbox.prepend(bytes);
    if (this.#consumer !== undefined) this.#replay();
    else this.answerRead();
  }

  setConsumer(consumer: StreamConsumer | undefined): void {
    if (this.isAwaited) throw busy('setConsumer');
    this.#consumer = consumer;
    if (consumer !== undefined) this.pause();
  }

  resume(): void {
    if (this.#consumer === undefined || this.#reading) return;
    if (this.bufferedBytes > 0) this.#replay();
    else if (this.isEnded) process.nextTick(() => this.#tellEnded());
    else this.#resumeTransport();
  }

  pause(): void {
    if (!this.#reading || this.#stream.isClosed) return;
    this.#reading = false;
    this.#transport.pause();
  }

  /** Starts reading without a pending read: an idle stream notices the peer's end only while it reads. */
  watchForEnd(): void {
    if (this.#consumer === undefined && this.bufferedBytes < READ_AHEAD_BYTES) this.#resumeTransport();
  }

  /**
   * Discards the buffered bytes, and passes everything that arrives later to the consumer that `make` returns.
   *
   * @param make - is called with the previous consumer.
   */
  replaceConsumer<Replacement extends StreamConsumer>(
    make: (outer: StreamConsumer | undefined) => Replacement,
  ): Replacement {
    const replacement = make(this.#consumer);
    this.#inbox?.fail(new StreamClosedError('read: the stream is being closed'));
    this.#inbox = undefined;
    this.#consumer = replacement;
    this.#resumeTransport();
    return replacement;
  }

  // ---- called for the events of the transport ----

  received(bytes: Buffer, start: number, end: number): void {
    this.bytesReceived += end - start;
    if (this.#consumer !== undefined) {
      this.#deliver(bytes, start, end);
      return;
    }
    this.#inbox ??= new StreamInbox();
    this.#inbox.append(bytes, start, end);
    this.answerRead();
    if (!this.#inbox.isAwaited) {
      if (this.#inbox.byteLength >= READ_AHEAD_BYTES) this.pause();
    } else if (this.#inbox.byteLength > this.maxBytes) {
      const problem = `the pending read needs more than maxReadBufferBytes (${this.maxBytes} bytes)`;
      this.#stream.close(new StreamLimitError('ERR_STREAM_READ_BUFFER_FULL', problem));
    }
  }

  ended(isBare: boolean): void {
    this.isEnded = true;
    this.isEndBare = isBare;
    this.wasEndedSecond = this.#stream.isWriteEnded && this.#transport.direction === undefined;
    if (this.#consumer !== undefined) this.#tellEnded();
    else this.answerRead();
  }

  drained(): void {
    try {
      this.#watch(this.#consumer?.drained());
    } catch (error) {
      this.#consumerFailed(error);
    }
  }

  /** The stream is closing: resolves the pending read if the buffered bytes satisfy it; otherwise rejects it. */
  settle(): void {
    this.#reading = false;
    this.answerRead();
  }

  closed(error: Error | undefined): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    reportRejection(consumer?.closed(error), reportLate);
  }

  // ---- private ----

  #deliver(bytes: Buffer, start: number, end: number): void {
    try {
      this.#watch((this.#consumer as StreamConsumer).received(bytes, start, end));
    } catch (error) {
      this.#consumerFailed(error);
    }
  }

  #tellEnded(): void {
    try {
      this.#watch(this.#consumer?.ended(this.isEndBare));
    } catch (error) {
      this.#consumerFailed(error);
    }
  }

  /** An asynchronous consumer that rejects is treated like one that throws. */
  #watch(result: unknown): void {
    if (isThenable(result)) reportRejection(result, (error) => this.#consumerFailed(error));
  }

  /**
   * An error thrown by a consumer only closes that consumer's stream. It must not reach our caller, the reactor or a
   * socket event.
   */
  #consumerFailed(error: unknown): void {
    if (this.#stream.isClosed) reportLate(error);
    this.#stream.close(error instanceof Error ? error : new Error(String(error)));
  }

  /**
   * Passes buffered bytes to the consumer on the next tick and in the root async context, as if they had just arrived.
   */
  #replay(): void {
    this.#reading = true;
    runInRootContext(() => process.nextTick(() => this.#deliverBuffered()), undefined);
  }

  #deliverBuffered(): void {
    if (this.#canDeliver()) {
      const bytes = this.#inbox?.takeAll();
      this.#inbox = undefined;
      if (bytes !== undefined && bytes.length > 0) this.#deliver(bytes, 0, bytes.length);
    }
    if (!this.#canDeliver()) this.#stopReplay();
    else if (this.isEnded) this.#tellEnded();
    else this.#transport.resume();
  }

  /** If the consumer has left the stream in the meantime, the transport was not resumed, and the next read must do that. */
  #stopReplay(): void {
    if (!this.#reading || this.#stream.isClosed) return;
    this.#reading = false;
    if (this.isAwaited) this.#resumeTransport();
  }

  #canDeliver(): boolean {
    return this.#reading && !this.#stream.isClosed && this.#consumer !== undefined;
  }

  #resumeTransport(): void {
    if (this.#reading || this.#stream.isClosed) return;
    // Resumed even for the writing end of a pipe, because the transport may then notice that the reader has closed.
    if (this.isEnded && this.#transport.direction !== 'write') return;
    this.#reading = true;
    this.#transport.resume();
  }
}

/** Only logs the error, because the stream is already closed. */
function reportLate(error: unknown): void {
  IOLoop.current().logger.error({ error }, 'the consumer of a stream threw after the stream was closed');
}

function busy(operation: string): StreamUsageError {
  return new StreamUsageError(
    'ERR_STREAM_BUSY',
    `${operation}: another read is pending, or a consumer is set`,
  );
}
