import type { WebSocketConnection } from '../connection/websocket-connection.ts';

/** What `send` accepts, other than text. */
type Bytes = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;
export type Sendable = string | Bytes | Blob;

/** Sends data in the order of the calls, although the bytes of a Blob must be awaited. */
export class Outbox {
  readonly #connection: WebSocketConnection;
  readonly #maxQueuedBytes: number;
  #bufferedAmount = 0;
  /** The last step that waits, because a Blob before it is still being read. */
  #last: Promise<void> | undefined;
  /** Bytes that wait for a Blob, or are in one. */
  #waitingBytes = 0;

  constructor(connection: WebSocketConnection, maxQueuedBytes: number) {
    this.#connection = connection;
    this.#maxQueuedBytes = maxQueuedBytes;
  }

  /** Bytes of data that were passed to {@link send} and that the kernel has not accepted. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** @returns false if too much waits already: nothing is queued. */
  send(data: Sendable): boolean {
    const size = byteLengthOf(data);
    this.#bufferedAmount += size;
    if (this.#last === undefined && !(data instanceof Blob)) {
      this.#write(typeof data === 'string' ? data : bytesOf(data), size);
      return true;
    }
    if (this.#waitingBytes > 0 && this.#waitingBytes + size > this.#maxQueuedBytes) return false;
    this.#waitingBytes += size;
    const waiting = data instanceof Blob || typeof data === 'string' ? data : bytesOf(data).slice();
    this.#after(async () => {
      const message = waiting instanceof Blob ? new Uint8Array(await waiting.arrayBuffer()) : waiting;
      this.#waitingBytes -= size;
      this.#write(message, size);
    });
    return true;
  }

  /** Starts the closing handshake after everything has been written. */
  close(code: number | undefined, reason: string): void {
    if (this.#last === undefined) this.#connection.close(code, reason);
    else this.#after(async () => this.#connection.close(code, reason));
  }

  #after(step: () => Promise<void>): void {
    const last = (this.#last ?? Promise.resolve())
      .then(step)
      .catch((error) => this.#connection.abort(error)) // A Blob of a file may be unreadable.
      .finally(() => {
        if (this.#last === last) this.#last = undefined;
      });
    this.#last = last;
  }

  /** After the connection has ended, the amount stays, as in browsers. */
  #write(message: string | Uint8Array, size: number): void {
    this.#connection.writeMessage(message, CLOSE_WHEN_FULL).then(
      () => {
        this.#bufferedAmount -= size;
      },
      () => {},
    );
  }
}

/** As the standard requires, whatever the policy of the connection is: no message is lost without notice. */
const CLOSE_WHEN_FULL = { policy: 'close' } as const;

export function isSendable(data: unknown): data is Sendable {
  if (typeof data === 'string' || ArrayBuffer.isView(data) || data instanceof Blob) return true;
  return data instanceof ArrayBuffer || data instanceof SharedArrayBuffer;
}

export function byteLengthOf(data: Sendable): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return data instanceof Blob ? data.size : data.byteLength;
}

function bytesOf(data: Bytes): Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(data);
}
