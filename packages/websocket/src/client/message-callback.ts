import { IOLoop } from '@landspout/ioloop';
import type { WebSocketDelegate } from '../connection/delegate.ts';

/**
 * Is called with each message, instead of reading, and with null after the last one, as in Tornado. If it returns a
 * promise, no more is read until the promise settles. If it throws or rejects, the error is logged, and the connection
 * is closed with 1011.
 */
export type OnMessage = (message: string | Uint8Array | null) => unknown;

/** Passes messages to a callback as they arrive. */
export class MessageCallback implements WebSocketDelegate {
  /** Resolves when the connection is closed. */
  readonly whenClosed: Promise<void>;
  readonly #callback: OnMessage;
  #markClosed!: () => void;

  constructor(callback: OnMessage) {
    this.#callback = callback;
    this.whenClosed = new Promise((resolve) => {
      this.#markClosed = resolve;
    });
  }

  messageReceived(message: string | Uint8Array): unknown {
    return this.#callback(message);
  }

  pingReceived(): void {}

  pongReceived(): void {}

  connectionClosed(): unknown {
    this.#markClosed();
    return this.#callback(null);
  }

  callbackFailed(error: unknown): void {
    IOLoop.current().logger.error({ error }, 'the callback onMessage of a WebSocket connection failed');
  }
}
