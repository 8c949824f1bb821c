import type { Buffer } from 'node:buffer';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { type FrameDecoder, type FrameEvent, NEED_DATA } from '../protocol/index.ts';

/** Who hears what a {@link FramePump} decodes. */
export interface FrameListener {
  /** Whether more events are wanted at all. */
  readonly isListening: boolean;
  /** The content stands in the decoder's getters. Must not throw. */
  frameReceived(event: FrameEvent): void;
  /** After a pause, in which nothing of the peer was noticed. */
  readingResumed(): void;
  /** The peer broke the protocol: nothing more will come. */
  decodingFailed(error: unknown): void;
}

/**
 * Decodes what a stream hands over, one event at a time, and stops where a promise holds it back. What has come by
 * then is kept, and no more is read: the peer feels it, instead of our memory.
 */
export class FramePump {
  readonly #stream: IOStream;
  readonly #decoder: FrameDecoder;
  readonly #listener: FrameListener;
  #held = false;
  /** Tells the promise that holds us from one that did. */
  #round = 0;
  /** We are at work further up the stack and will go on by ourselves. */
  #running = false;
  /** An event was delivered, and bytes are there that may be the next one. */
  #hasMore = false;
  #paused = false;

  constructor(stream: IOStream, decoder: FrameDecoder, listener: FrameListener) {
    this.#stream = stream;
    this.#decoder = decoder;
    this.#listener = listener;
  }

  /** Whether the stream is not read, so that nothing of the peer is noticed. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Bytes came. They are lent. */
  received(bytes: Buffer, start: number, end: number): void {
    this.#decoder.receive(bytes, start, end);
    if (this.#held) this.#keepUnread();
    else this.#run();
  }

  /** Holds back what comes next until `waiting` settles. A rejection goes to `failed` first. */
  holdUntil(waiting: PromiseLike<unknown>, failed: (error: unknown) => void): void {
    this.#held = true;
    this.#round += 1;
    const round = this.#round;
    const release = (): void => {
      // The context of the one who waited is not that of the next message.
      if (this.#round === round) runInRootContext(this.release, this);
    };
    Promise.resolve(waiting).then(release, (error) => {
      failed(error);
      release();
    });
  }

  /** Goes on, whatever holds us. */
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
      // Each in a context of its own: the one before may have entered another by `enterWith`.
      while (this.#hasMore) runInRootContext(this.#deliver, this);
    } catch (error) {
      this.#listener.decodingFailed(error);
    } finally {
      this.#running = false;
    }
    if (this.#held) this.#keepUnread();
    else this.#readOn();
  }

  /** Delivers one event at most, where more may follow it. */
  #deliver(): void {
    this.#hasMore = false;
    while (!this.#hasMore && !this.#held && this.#listener.isListening) {
      const event = this.#decoder.next();
      if (event === NEED_DATA) return;
      this.#listener.frameReceived(event);
      this.#hasMore = !this.#held && this.#decoder.unreadBytes > 0;
    }
  }

  /** While nothing comes we go on reading, so that the peer's end is noticed; what does come is kept, once. */
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
