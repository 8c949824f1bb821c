import { type IOStream, StreamLimitError } from '@landspout/iostream';
import { encodeClose, encodePing, encodePong, type WebSocketRole } from '../protocol/index.ts';
import { WebSocketClosedError, WebSocketLimitError } from './errors.ts';
import type { WebSocketSettings } from './websocket-options.ts';

/** While more bytes than this are unsent, only the latest ping gets a pong (RFC 6455 §5.5.3). */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * Writes the frames of one connection: masks them if this is the client, and limits how much is queued for a slow peer.
 */
export class FrameWriter {
  readonly #stream: IOStream;
  readonly #role: WebSocketRole;
  readonly #settings: WebSocketSettings;
  /** The payload of the latest ping whose pong was not sent yet because the peer does not read fast enough. */
  #owedPong: Uint8Array | undefined;
  /**
   * The promise that the stream returned for the writes of this loop iteration, and our own promise derived from it.
   */
  #streamPromise: Promise<void> | undefined;
  #writePromise: Promise<void> | undefined;

  constructor(stream: IOStream, role: WebSocketRole, settings: WebSocketSettings) {
    this.#stream = stream;
    this.#role = role;
    this.#settings = settings;
  }

  /** A fresh masking key for one frame; `undefined` on a server, which never masks. */
  maskKey(): Uint8Array | undefined {
    return this.#role === 'client' ? this.#settings.randomBytes(4) : undefined;
  }

  /**
   * Writes a frame.
   *
   * @returns a promise that resolves when the kernel has accepted everything written in this loop iteration; it is
   *   shared and safe to ignore. If there is no room in the queue, returns the error instead.
   */
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
          throw new WebSocketClosedError('the connection ended before everything was sent', { cause });
        }),
      );
    }
    return this.#writePromise;
  }

  /** Writes a frame without making a promise. Returns whether there was room. */
  send(frame: Uint8Array): boolean {
    return this.#hasRoom(frame.length) && this.#sendControl(frame);
  }

  sendPing(): void {
    this.#sendControl(encodePing('', this.maskKey()));
  }

  /** @returns false if there is no room even for a close frame. @throws WebSocketUsageError. */
  sendClose(code: number | undefined, reason: string): boolean {
    return this.#sendControl(encodeClose(code, reason, this.maskKey()));
  }

  /**
   * Sends a pong. While the peer does not read, only the payload of the latest ping is kept, so a flood of pings does
   * not use more memory.
   */
  answerPing(payload: Uint8Array): void {
    if (this.#stream.queuedBytes > HIGH_WATER_BYTES) this.#owedPong = payload;
    else this.#sendControl(encodePong(payload, this.maskKey()));
  }

  /** Called when the kernel has accepted all queued bytes. */
  drained(): void {
    this.#streamPromise = undefined;
    this.#writePromise = undefined;
    const owed = this.#owedPong;
    this.#owedPong = undefined;
    if (owed !== undefined) this.answerPing(owed);
  }

  fullError(byteLength: number, cause?: Error): WebSocketLimitError {
    const { queuedBytes } = this.#stream;
    const detail = `${queuedBytes} bytes are queued for a slow peer; there is no room for ${byteLength} more`;
    return new WebSocketLimitError(detail, cause === undefined ? {} : { cause });
  }

  /**
   * If nothing is queued, a frame of any size is accepted: the caller already holds it in memory. The limit is only for
   * frames that accumulate.
   */
  #hasRoom(byteLength: number): boolean {
    const { queuedBytes } = this.#stream;
    return queuedBytes === 0 || queuedBytes + byteLength <= this.#settings.maxQueuedBytes;
  }

  /** Applies only the limit of the stream, so that a close frame can be sent even if the message queue is full. */
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

/** Marks a promise as handled, so that ignoring its rejection is safe. */
export function ignorable(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}
