import type { ResponseHead } from '@landspout/http1';
import type { HTTPResponseDelegate } from '@landspout/http1/client';

/** A complete response, before its status is checked. */
export interface CollectedResponse {
  readonly head: ResponseHead;
  readonly body: Uint8Array;
}

export interface ResponseListeners {
  readonly headReceived: (head: ResponseHead) => void | PromiseLike<void>;
  /** Gets the chunks of the body, which are then not collected. */
  readonly onData: ((chunk: Uint8Array) => void | PromiseLike<void>) | undefined;
  readonly complete: (response: CollectedResponse) => void;
  readonly failed: (reason: Error) => void;
}

const EMPTY = new Uint8Array(0);
const MIN_BUFFER_BYTES = 4 * 1024;

/**
 * Collects a response. The body is copied to one buffer, whose size doubles when it is full: a list of one-byte chunks
 * would need a hundred times the memory of the body.
 */
export class ResponseCollector implements HTTPResponseDelegate {
  readonly #listeners: ResponseListeners;
  #head: ResponseHead | undefined;
  #body: Uint8Array = EMPTY;
  #length = 0;

  constructor(listeners: ResponseListeners) {
    this.#listeners = listeners;
  }

  headersReceived(head: ResponseHead): void | PromiseLike<void> {
    this.#head = head;
    return this.#listeners.headReceived(head);
  }

  dataReceived(chunk: Uint8Array): void | PromiseLike<void> {
    const { onData } = this.#listeners;
    if (onData !== undefined) return onData(chunk);
    this.#append(chunk);
    return undefined;
  }

  finish(): void {
    const head = this.#head as ResponseHead;
    this.#listeners.complete({ head, body: this.#body.subarray(0, this.#length) });
  }

  connectionClosed(reason: Error): void {
    this.#body = EMPTY;
    this.#listeners.failed(reason);
  }

  #append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (this.#length === 0) {
      // Most bodies arrive in one piece. We own the piece, so it need not be copied.
      this.#body = chunk;
    } else {
      if (length > this.#body.length) {
        const larger = new Uint8Array(Math.max(length, this.#body.length * 2, MIN_BUFFER_BYTES));
        larger.set(this.#body.subarray(0, this.#length));
        this.#body = larger;
      }
      this.#body.set(chunk, this.#length);
    }
    this.#length = length;
  }
}
