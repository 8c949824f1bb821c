// The bodies/ folder holds the body of a request between the connection that receives it and the handler that reads it.

import type { HTTPHeaders } from '@landspout/http1';
import { BodyChunks } from '@landspout/http1/server';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/**
 * While this many bytes are waiting to be read, no more are received. The containers receive a body of at most this
 * many bytes before they call their handler, which takes less work and no more memory.
 */
export const HIGH_WATER_BYTES = 64 * 1024;

/**
 * The body of one request, for a handler that reads it at its own pace. The delegate of the request fills it; there is
 * one reader at a time.
 *
 * The reader takes chunks until there is none, and is called when there may be more. While 64 KiB are waiting, the
 * connection receives nothing.
 */
export class IncomingBody {
  /** Called when a chunk arrives at an empty body, and when the body ends or fails. Set by the reader. */
  onReadable: (() => void) | undefined = undefined;
  readonly #chunks = new BodyChunks();
  #isComplete = false;
  #isDiscarded = false;
  #error: Error | undefined = undefined;
  #trailers: HTTPHeaders | undefined = undefined;
  #isWanted = false;
  /** Resolves the promises of {@link push} and {@link wanted}. */
  #resume: (() => void) | undefined = undefined;

  // ---- for the delegate ----

  /** Adds bytes, which it then owns. @returns a promise that resolves when more may arrive; undefined: more may. */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#isDiscarded || this.#error !== undefined || chunk.length === 0) return undefined;
    const wasEmpty = this.#chunks.length === 0;
    this.#chunks.push(chunk);
    if (wasEmpty) this.onReadable?.();
    return this.#chunks.byteLength < HIGH_WATER_BYTES ? undefined : this.#held();
  }

  /** The whole body was received. */
  end(trailers?: HTTPHeaders): void {
    if (this.#isComplete || this.#error !== undefined) return;
    this.#isComplete = true;
    this.#trailers = trailers;
    this.onReadable?.();
  }

  /** The rest of the body will not arrive. Does nothing if the body is complete. What was received can still be read. */
  fail(error: Error): void {
    if (this.#isComplete || this.#error !== undefined) return;
    this.#error = error;
    this.#release();
    this.onReadable?.();
  }

  /** For `Expect: 100-continue`. @returns a promise that resolves when a reader asks for the body; undefined: it has. */
  wanted(): Promise<void> | undefined {
    return this.#isWanted || this.#isDiscarded ? undefined : this.#held();
  }

  // ---- for the reader ----

  /** Takes the next chunk, which the reader then owns; undefined if none is there. */
  take(): Uint8Array | undefined {
    this.want();
    const chunk = this.#chunks.shift();
    if (chunk !== undefined && this.#chunks.byteLength < HIGH_WATER_BYTES) this.#release();
    return chunk;
  }

  /** Takes all that is there, as one chunk. */
  takeAll(): Uint8Array {
    const bytes = this.#chunks.takeAll();
    this.want();
    return bytes;
  }

  /** Asks the client for the body if it waits for that, and lets it arrive. */
  want(): void {
    this.#isWanted = true;
    if (this.#chunks.byteLength < HIGH_WATER_BYTES) this.#release();
  }

  /** Discards what is there and what will arrive. */
  discard(): void {
    this.#isDiscarded = true;
    this.#chunks.clear();
    this.onReadable = undefined;
    this.#release();
  }

  /** Bytes that were received and not taken. */
  get queuedBytes(): number {
    return this.#chunks.byteLength;
  }

  /** Whether the last byte was received. It may not have been taken. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Why the rest will not arrive. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** The trailers of a complete chunked body. */
  get trailers(): HTTPHeaders | undefined {
    return this.#trailers;
  }

  [INSPECT](): object {
    return inspection(this, ['queuedBytes', 'isComplete'], () => ({
      error: this.#error,
      onReadable: undefined,
    }));
  }

  #held(): Promise<void> {
    // Only the connection waits, for one promise at a time.
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #release(): void {
    this.#resume?.();
    this.#resume = undefined;
  }
}
