import { type IOStream, StreamLimitError } from '@landspout/iostream';
import { encodeClose, encodePing, encodePong, type WebSocketRole } from '../protocol/index.ts';
import { WebSocketClosedError, WebSocketLimitError } from './errors.ts';
import type { WebSocketSettings } from './websocket-options.ts';

/** Above this many unsent bytes only the latest ping is answered (RFC 6455 §5.5.3). */
const HIGH_WATER_BYTES = 64 * 1024;

/** What one connection sends: masks where we are the client, and bounds what waits for a slow peer. */
export class FrameWriter {
  readonly #stream: IOStream;
  readonly #role: WebSocketRole;
  readonly #settings: WebSocketSettings;
  /** Of the latest ping that is not answered, because the peer does not read. */
  #owedPong: Uint8Array | undefined;
  /** The stream's promise that its writes of one turn share, and ours made of it. */
  #streamPromise: Promise<void> | undefined;
  #writePromise: Promise<void> | undefined;

  constructor(stream: IOStream, role: WebSocketRole, settings: WebSocketSettings) {
    this.#stream = stream;
    this.#role = role;
    this.#settings = settings;
  }

  /** For one frame only; `undefined` on a server, which never masks. */
  maskKey(): Uint8Array | undefined {
    return this.#role === 'client' ? this.#settings.randomBytes(4) : undefined;
  }

  /** @returns a promise for "all of this turn is with the kernel", shared and safe to ignore; or why there is no room. */
  write(frame: Uint8Array): Promise<void> | WebSocketLimitError {
    if (!this.#hasRoom(frame.length)) return this.fullError(frame.length);
    let sent: Promise<void>;
    try {
      sent = this.#stream.write(frame);
    } catch (error) {
      if (error instanceof StreamLimitError) return this.fullError(frame.length, error);
      throw error;
    }
    if (sent !== this.#streamPromise || this.#writePromise === undefined) {
      this.#streamPromise = sent;
      this.#writePromise = ignorable(
        sent.catch((cause) => {
          throw new WebSocketClosedError('the connection ended before all was sent', { cause });
        }),
      );
    }
    return this.#writePromise;
  }

  /** As {@link write}, without a promise. */
  send(frame: Uint8Array): boolean {
    return this.#hasRoom(frame.length) && this.#sendControl(frame);
  }

  sendPing(): void {
    this.#sendControl(encodePing('', this.maskKey()));
  }

  /** @returns false when not even a close frame finds room. @throws WebSocketUsageError. */
  sendClose(code: number | undefined, reason: string): boolean {
    return this.#sendControl(encodeClose(code, reason, this.maskKey()));
  }

  /** Sends a pong, or remembers that it is owed while the peer does not read: a flood of pings costs no memory. */
  answerPing(payload: Uint8Array): void {
    if (this.#stream.queuedBytes > HIGH_WATER_BYTES) this.#owedPong = payload;
    else this.#sendControl(encodePong(payload, this.maskKey()));
  }

  /** All that was queued has reached the kernel. */
  drained(): void {
    this.#streamPromise = undefined;
    this.#writePromise = undefined;
    const owed = this.#owedPong;
    this.#owedPong = undefined;
    if (owed !== undefined) this.answerPing(owed);
  }

  fullError(byteLength: number, cause?: Error): WebSocketLimitError {
    const { queuedBytes } = this.#stream;
    const detail = `${queuedBytes} bytes wait for a slow peer, and there is no room for ${byteLength} more`;
    return new WebSocketLimitError(detail, cause === undefined ? {} : { cause });
  }

  /** A first piece of any size is taken: its memory is the caller's already. The bound is for what piles up. */
  #hasRoom(byteLength: number): boolean {
    const { queuedBytes } = this.#stream;
    return queuedBytes === 0 || queuedBytes + byteLength <= this.#settings.maxQueuedBytes;
  }

  /** Bounded by the stream alone, so that a close frame finds room behind a full queue of messages. */
  #sendControl(frame: Uint8Array): boolean {
    try {
      this.#stream.send(frame);
      return true;
    } catch (error) {
      if (error instanceof StreamLimitError) return false;
      throw error;
    }
  }
}

/** A promise whose rejection nobody needs to look at. */
export function ignorable(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}
