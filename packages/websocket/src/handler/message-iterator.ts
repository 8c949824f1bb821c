import { isThenable } from '@landspout/ioloop/reactor';
import type { WebSocketConnection } from '../connection/websocket-connection.ts';
import { CLOSE_CODES } from '../protocol/index.ts';

type Message = string | Uint8Array;
type Next = IteratorResult<Message, undefined>;

const DONE: Next = { done: true, value: undefined };

/**
 * The messages of one connection, for a loop in `onMessages`. A message is decoded when the loop asks for it; the
 * connection waits for the loop as it would wait for the promise of `onMessage`. So while the loop handles a message,
 * no later message, ping or close frame is handled, and the peer feels back-pressure. Only the first message may arrive
 * before the loop asks.
 *
 * After the loop was left, messages are discarded.
 */
export class MessageIterator implements AsyncIterableIterator<Message> {
  /** A message that the loop has not asked for yet. */
  #message: Message | undefined;
  /** The calls of `next` that wait for a message, in order. */
  readonly #readers: ((next: Next) => void)[] = [];
  /** Lets the connection deliver again. */
  #release: (() => void) | undefined;
  #isDone = false;

  // ---- for the connection ----

  /**
   * Takes over a message.
   *
   * @returns a promise that resolves when the next message may be delivered; `undefined` if that is at once.
   */
  push(message: Message): Promise<void> | undefined {
    if (this.#isDone) return undefined;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#message = message;
    else reader({ done: false, value: message });
    if (this.#readers.length > 0) return undefined;
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** Ends the loop after the message that it has not asked for yet, if there is one. */
  end(): void {
    this.#isDone = true;
    for (const reader of this.#readers.splice(0)) reader(DONE);
    this.#goOn();
  }

  /** Calls `read`, which is `onMessages`, and closes the connection when it has returned or failed. */
  readBy(read: (messages: MessageIterator) => unknown, connection: WebSocketConnection): void {
    const returned = (): void => {
      connection.close(CLOSE_CODES.normal);
      this.end();
    };
    const failed = (error: unknown): void => {
      connection.programFailed(error);
      this.end();
    };
    try {
      const reading = read(this);
      if (isThenable(reading)) Promise.resolve(reading).then(returned, failed);
      else returned();
    } catch (error) {
      failed(error);
    }
  }

  // ---- for the loop ----

  next(): Promise<Next> {
    const message = this.#message;
    if (message !== undefined) {
      this.#message = undefined;
      return Promise.resolve({ done: false, value: message });
    }
    if (this.#isDone) return Promise.resolve(DONE);
    return new Promise((resolve) => {
      this.#readers.push(resolve);
      this.#goOn();
    });
  }

  /**
   * Called when the loop is left early, by `break` or by an error, which this method cannot distinguish. The connection
   * therefore waits until the next loop iteration: by then an error has left `onMessages`, and decides about the
   * close code before the frames that follow.
   */
  return(): Promise<Next> {
    this.#message = undefined;
    this.#isDone = true;
    for (const reader of this.#readers.splice(0)) reader(DONE);
    setImmediate(() => this.#goOn());
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #goOn(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }
}
