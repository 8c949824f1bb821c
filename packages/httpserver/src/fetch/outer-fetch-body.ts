import { HTTPUsageError } from '@landspout/http1';
import { shownValue } from '@landspout/ioloop/errors';
import type { DelegateCall } from '../calling/delegate-call.ts';
import type { BodySource } from '../calling/response-sink.ts';

/** The message of the error for a body that something else reads. */
export const READ_ELSEWHERE =
  'toFetchHandler: the body of the request was already read; pass request.clone() to the code that reads it first';

/** The body of a Request. */
export class OuterFetchBody implements BodySource {
  readonly announcedBytes: number;
  /** Set before the body is started. */
  call!: DelegateCall;
  readonly #body: ReadableStream<Uint8Array> | null;
  readonly #failed: (error: unknown) => void;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #isReading = false;
  #isPaused = false;
  #isReleased = false;

  /** @param failed - called if the stream fails, or is not one of bytes. */
  constructor(
    body: ReadableStream<Uint8Array> | null,
    announcedBytes: number,
    failed: (error: unknown) => void,
  ) {
    this.#body = body;
    this.announcedBytes = announcedBytes;
    this.#failed = failed;
  }

  /** @throws HTTPUsageError if the body was locked after the handler was called. */
  start(): void {
    if (this.#body === null) {
      this.call.ended();
      return;
    }
    if (this.#body.locked) throw new HTTPUsageError(READ_ELSEWHERE);
    this.#reader = this.#body.getReader();
    void this.#readOn(this.#reader);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#reader !== undefined) void this.#readOn(this.#reader);
  }

  /**
   * The body is released, not cancelled: it may be the request of node:http, which would be destroyed together with the
   * connection that the response is sent on. The server in front discards what is left of it.
   */
  discard(): void {
    this.#isReleased = true;
    if (!this.#isReading) this.#release();
  }

  /** The client is gone: the source of the stream is told. */
  cancel(reason: unknown): void {
    this.#isReleased = true;
    const { locked } = this.#body ?? { locked: true };
    const cancelled = this.#reader?.cancel(reason) ?? (locked ? undefined : this.#body?.cancel(reason));
    cancelled?.catch(() => {});
  }

  async #readOn(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (!this.#isPaused && !this.#isReleased) {
        const { done, value } = await reader.read();
        if (this.#isReleased) break;
        if (done) {
          this.call.ended();
          break;
        }
        if (!(value instanceof Uint8Array)) throw notBytes(value);
        this.call.received(value);
      }
    } catch (error) {
      if (!this.#isReleased) this.#failed(error);
    }
    this.#isReading = false;
    if (this.#isReleased) this.#release();
  }

  #release(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.releaseLock();
  }
}

function notBytes(chunk: unknown): HTTPUsageError {
  const remedy = 'pipe a stream of text through a TextEncoderStream';
  return new HTTPUsageError(
    `toFetchHandler: the body of a request must consist of Uint8Arrays, not ${shownValue(chunk)}; ${remedy}`,
  );
}
