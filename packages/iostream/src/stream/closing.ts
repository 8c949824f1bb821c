import { type Clock, type ClockTimer, IOLoop } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { StreamClosedError, StreamLimitError } from '../errors.ts';
import type { StreamConsumer } from './stream-consumer.ts';

/**
 * Who closed a stream, and how:
 *
 * - `peer-ended`: both sides ended in order, the peer first (FIN), or we closed after it had.
 * - `peer-reset`: the peer broke the connection off (RST), or no longer takes bytes (EPIPE).
 * - `we-ended`: both sides ended in order, we first; or we closed.
 * - `we-reset`: we reset the connection.
 * - `timeout`: the peer did not answer the system in time, or a deadline of ours passed.
 * - `limit`: a limit of ours was passed.
 * - `error`: anything else, such as a bug of a handler or a broken TLS record: see the stream's `error`.
 */
export type CloseReason =
  | 'peer-ended'
  | 'peer-reset'
  | 'we-ended'
  | 'we-reset'
  | 'timeout'
  | 'limit'
  | 'error';

/** What the system calls a connection that the peer has broken off. */
const BROKEN_OFF: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** @param orderly - the reason where there is no error. */
export function closeReasonOf(error: Error | undefined, orderly: CloseReason): CloseReason {
  if (error === undefined) return orderly;
  if (error instanceof StreamLimitError) return 'limit';
  // A handler that fails because its stream came to an end closes it with what it was told.
  if (error instanceof StreamClosedError) return closeReasonOf(error.cause as Error | undefined, orderly);
  const code: unknown = (error as { code?: unknown }).code;
  if (BROKEN_OFF.has(code)) return 'peer-reset';
  if (typeof code === 'string' && /TIMEDOUT$|TIMEOUT$/.test(code)) return 'timeout';
  return orderly === 'we-reset' ? orderly : 'error';
}

/** Who wants to hear of a stream's close. Made only when somebody does. */
export class CloseListeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): void {
    // Wrapped, so that the same function given twice is called twice.
    this.#listeners.add(() => listener());
  }

  /** Resolves at the close. @throws the reason of `signal`. */
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

  /** Calls each on a later turn, after reads were settled. If one throws or rejects, the loop logs it. */
  tell(): void {
    const loop = IOLoop.current();
    for (const listener of this.#listeners) loop.addCallback(listener);
    this.#listeners.clear();
  }
}

/** What a graceful close needs of its stream. */
interface LingeringStream {
  readonly queuedBytes: number;
  readonly isClosed: boolean;
  readonly isEnded: boolean;
  close(): void;
}

/**
 * Takes the consumer's place while a stream closes gracefully: throws away what comes, until the peer has ended too
 * or, once all that was queued has left, `lingerMs` have passed.
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
