import { type Clock, type ClockTimer, IOLoop } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamLimitError, StreamTruncatedError } from '../errors.ts';
import type { StreamConsumer } from './stream-consumer.ts';

/**
 * Which side closed a stream, and how:
 *
 * - `peer-ended`: both sides ended in order, the peer first (FIN); or we closed after the peer had ended.
 * - `peer-reset`: the peer reset the connection (RST), or no longer accepts bytes (EPIPE).
 * - `we-ended`: both sides ended in order, we first; or we closed before the peer had ended.
 * - `we-reset`: we reset the connection.
 * - `timeout`: the peer did not acknowledge in time, or one of our deadlines passed.
 * - `limit`: one of our limits was exceeded.
 * - `error`: anything else, such as a bug in a handler or an invalid TLS record: see the stream's `error`.
 */
export type CloseReason =
  | 'peer-ended'
  | 'peer-reset'
  | 'we-ended'
  | 'we-reset'
  | 'timeout'
  | 'limit'
  | 'error';

/** The system's error codes for a connection that the peer has reset or no longer reads from. */
const BROKEN_OFF: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** @param orderly - the reason to return if there is no error. */
export function closeReasonOf(error: Error | undefined, orderly: CloseReason): CloseReason {
  if (error === undefined) return orderly;
  if (error instanceof StreamLimitError) return 'limit';
  // If a handler fails because its stream ended, it may close the stream with the StreamClosedError it received.
  if (error instanceof StreamClosedError) {
    // The peer has ended all the same: many never send close_notify.
    if (error.cause instanceof StreamTruncatedError) return orderly;
    return closeReasonOf(error.cause as Error | undefined, orderly);
  }
  const code: unknown = (error as { code?: unknown }).code;
  if (BROKEN_OFF.has(code)) return 'peer-reset';
  if (typeof code === 'string' && /TIMEDOUT$|TIMEOUT$/.test(code)) return 'timeout';
  return orderly === 'we-reset' ? orderly : 'error';
}

/** The callbacks to call when a stream closes. Created only when the first callback is added. */
export class CloseListeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): void {
    // Wrapped, so that a function that is added twice is called twice.
    this.#listeners.add(() => listener());
  }

  /** Resolves when the stream closes. @throws the reason of `signal`. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onClose = (): void => {
        stopListening();
        resolve();
      };
      this.#listeners.add(onClose);
      const stopListening = onAbort(signal, (reason) => {
        this.#listeners.delete(onClose);
        reject(reason);
      });
    });
  }

  /**
   * Schedules every callback to run after all reads have settled. If a callback throws or rejects, the loop logs the
   * error.
   */
  tell(): void {
    const loop = IOLoop.current();
    for (const listener of this.#listeners) loop.addCallback(listener);
    this.#listeners.clear();
  }
}

/** The part of a stream that a graceful close uses. */
interface LingeringStream {
  readonly queuedBytes: number;
  readonly isClosed: boolean;
  readonly isEnded: boolean;
  close(): void;
}

/**
 * Replaces the consumer while a stream closes gracefully. Discards received bytes until the peer has ended too, or
 * until `lingerMs` have passed since everything queued was sent.
 */
export class LingeringClose implements StreamConsumer {
  readonly #stream: LingeringStream;
  readonly #outer: StreamConsumer | undefined;
  readonly #clock: Clock;
  readonly #lingerMs: number;
  #timer: ClockTimer | undefined;

  constructor(stream: LingeringStream, outer: StreamConsumer | undefined, clock: Clock, lingerMs: number) {
    this.#stream = stream;
    this.#outer = outer;
    this.#clock = clock;
    this.#lingerMs = lingerMs;
  }

  received(): void {}

  /** A bare end is like any other here: nothing that the peer sends is used any more. */
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

  /** If nothing is queued any more, closes the stream or starts the last wait. */
  goOn(): void {
    const stream = this.#stream;
    if (stream.queuedBytes > 0 || stream.isClosed) return;
    if (stream.isEnded) stream.close();
    else this.#timer ??= this.#clock.setTimeout(() => stream.close(), this.#lingerMs);
  }
}
