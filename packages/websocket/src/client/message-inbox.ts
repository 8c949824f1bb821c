import { onAbort } from '@landspout/ioloop/reactor';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketUsageError } from '../protocol/index.ts';

/** Maximum number of messages that are read ahead: enough that connection and reader rarely wait for each other. */
const MAX_WAITING_MESSAGES = 64;
const MAX_WAITING_LENGTH = 64 * 1024;

interface Reader {
  readonly resolve: (message: string | Uint8Array | null) => void;
  readonly reject: (reason: unknown) => void;
  readonly stopListening: () => void;
  /** Must not be collected during the wait. */
  readonly owner: object | undefined;
}

/**
 * Queues messages until the reader asks for them. While the queue is full, the connection delivers no more messages.
 */
export class MessageInbox implements WebSocketDelegate {
  /** Resolves when the connection is closed. */
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

  /** Resolves to the next message, or to null if there will be no more. @param owner - is referenced meanwhile. */
  read(signal: AbortSignal | undefined, owner?: object): Promise<string | Uint8Array | null> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#reader !== undefined) {
      return Promise.reject(
        new WebSocketUsageError(
          'ERR_WEBSOCKET_BUSY',
          'readMessage: an earlier call is still waiting for a message',
        ),
      );
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
      this.#reader = { resolve, reject, stopListening, owner };
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

  /** Never called, because the callbacks above never throw or reject. */
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
