import { onAbort } from '@landspout/ioloop/reactor';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketUsageError } from '../protocol/index.ts';

/** A connection reads ahead this far of its reader: enough that the two seldom wait for each other. */
const MAX_WAITING_MESSAGES = 64;
const MAX_WAITING_LENGTH = 64 * 1024;

interface Reader {
  readonly resolve: (message: string | Uint8Array | null) => void;
  readonly reject: (reason: unknown) => void;
  readonly stopListening: () => void;
}

/** Messages on their way to a reader that asks for them. Full, it holds the connection back. */
export class MessageInbox implements WebSocketDelegate {
  /** Resolves when the connection is gone. */
  readonly whenClosed: Promise<void>;
  readonly #messages: (string | Uint8Array)[] = [];
  #length = 0;
  #reader: Reader | undefined;
  #makeRoom: (() => void) | undefined;
  #isClosed = false;
  #markClosed!: () => void;

  constructor() {
    this.whenClosed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
  }

  /** The next message; null when there will be none. */
  read(signal: AbortSignal | undefined): Promise<string | Uint8Array | null> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#reader !== undefined) {
      return Promise.reject(new WebSocketUsageError('ERR_WEBSOCKET_BUSY', 'another read is waiting'));
    }
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#length -= message.length;
      if (!this.#isFull()) this.#release();
      return Promise.resolve(message);
    }
    if (this.#isClosed) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const stopListening = onAbort(signal, (reason) => {
        this.#reader = undefined;
        reject(reason);
      });
      this.#reader = { resolve, reject, stopListening };
    });
  }

  // ---- events of the connection ----

  messageReceived(message: string | Uint8Array): void | Promise<void> {
    if (this.#reader !== undefined) {
      this.#answer(message);
      return undefined;
    }
    this.#messages.push(message);
    this.#length += message.length;
    if (!this.#isFull()) return undefined;
    return new Promise((resolve) => {
      this.#makeRoom = resolve;
    });
  }

  pingReceived(): void {}

  pongReceived(): void {}

  connectionClosed(): void {
    this.#isClosed = true;
    this.#release();
    this.#answer(null);
    this.#markClosed();
  }

  /** Nothing above fails. */
  callbackFailed(): void {}

  #isFull(): boolean {
    return this.#messages.length >= MAX_WAITING_MESSAGES || this.#length >= MAX_WAITING_LENGTH;
  }

  #release(): void {
    const makeRoom = this.#makeRoom;
    this.#makeRoom = undefined;
    makeRoom?.();
  }

  #answer(message: string | Uint8Array | null): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.stopListening();
    reader?.resolve(message);
  }
}
