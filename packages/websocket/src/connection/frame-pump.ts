import type { Buffer } from 'node:buffer';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { type FrameDecoder, type FrameEvent, NEED_DATA } from '../protocol/index.ts';

/** Is notified of the events that a {@link FramePump} decodes. */
export interface FrameListener {
  /** Whether more events are to be delivered. */
  readonly isListening: boolean;
  /** Called for each event; the content of the event is in the decoder's getters. Must not throw. */
  frameReceived(event: FrameEvent): void;
  /** Called when the stream is read again after a pause. During the pause, nothing was received from the peer. */
  readingResumed(): void;
  /** Called if the peer broke the protocol. No more events follow. */
  decodingFailed(error: unknown): void;
}

/**
 * Decodes the bytes of a stream, one event at a time, and stops while it waits for a promise. Bytes that are received
 * during the wait are kept, and the stream is then paused, so that back-pressure reaches the peer and our memory does
 * not grow.
 */
export class FramePump {
  readonly #stream: IOStream;
  readonly #decoder: FrameDecoder;
  readonly #listener: FrameListener;
  #held = false;
  /** Distinguishes the promise that we are waiting for from earlier ones. */
  #round = 0;
  /** Whether `#run` is already active further up the call stack; it then continues by itself. */
  #running = false;
  /** Whether an event was delivered and the remaining bytes may contain another. */
  #hasMore = false;
  #paused = false;

  constructor(stream: IOStream, decoder: FrameDecoder, listener: FrameListener) {
    this.#stream = stream;
    this.#decoder = decoder;
    this.#listener = listener;
  }

  /** Whether the stream is paused, so that nothing is received from the peer. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Called with bytes of the stream, which are borrowed until the call returns. */
  received(bytes: Buffer, start: number, end: number): void {
    this.#decoder.receive(bytes, start, end);
    if (this.#held) this.#keepUnread();
    else this.#run();
  }

  /** Delivers nothing more until `waiting` settles. If it rejects, calls `failed` with the error before continuing. */
  holdUntil(waiting: PromiseLike<unknown>, failed: (error: unknown) => void): void {
    this.#held = true;
    this.#round += 1;
    const round = this.#round;
    const release = (): void => {
      // The next message must not run in the async context of the code that was awaited.
      if (this.#round === round) runInRootContext(this.release, this);
    };
    Promise.resolve(waiting).then(release, (error) => {
      failed(error);
      release();
    });
  }

  /** Continues at once, even if a promise is still pending. */
  release(): void {
    this.#round += 1;
    this.#held = false;
    this.#run();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      this.#deliver();
      // Each event runs in a fresh async context: the listener of the previous one may have called `enterWith`.
      while (this.#hasMore) runInRootContext(this.#deliver, this);
    } catch (error) {
      this.#listener.decodingFailed(error);
    } finally {
      this.#running = false;
    }
    if (this.#held) this.#keepUnread();
    else this.#readOn();
  }

  /** Delivers events, but returns after an event if the remaining bytes may contain another. */
  #deliver(): void {
    this.#hasMore = false;
    while (!this.#hasMore && !this.#held && this.#listener.isListening) {
      const event = this.#decoder.next();
      if (event === NEED_DATA) return;
      this.#listener.frameReceived(event);
      this.#hasMore = !this.#held && this.#decoder.unreadBytes > 0;
    }
  }

  /**
   * The stream is read until more bytes arrive, so that the end of the peer's side is noticed. The bytes are kept, and
   * the stream is then paused.
   */
  #keepUnread(): void {
    this.#decoder.hold();
    if (this.#decoder.unreadBytes === 0 || this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  #readOn(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#listener.readingResumed();
    this.#stream.resume();
  }
}
