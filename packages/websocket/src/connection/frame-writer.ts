import { type IOStream, StreamLimitError } from '@landspout/iostream';
import { encodeClose, encodePing, encodePong, type WebSocketRole } from '../protocol/index.ts';
import type { WebSocketSettings } from './websocket-options.ts';

/** While more bytes than this are unsent, only the latest ping gets a pong (RFC 6455 §5.5.3). */
const HIGH_WATER_BYTES = 64 * 1024;

/** Writes the control frames of one connection, and makes the masking keys of a client. */
export class FrameWriter {
  readonly #stream: IOStream;
  readonly #role: WebSocketRole;
  readonly #settings: WebSocketSettings;
  /** The payload of the latest ping whose pong was not sent yet because the peer does not read fast enough. */
  #owedPong: Uint8Array | undefined;

  constructor(stream: IOStream, role: WebSocketRole, settings: WebSocketSettings) {
    this.#stream = stream;
    this.#role = role;
    this.#settings = settings;
  }

  /** A fresh masking key for one frame; `undefined` on a server, which never masks. */
  maskKey(): Uint8Array | undefined {
    return this.#role === 'client' ? this.#settings.randomBytes(4) : undefined;
  }

  /** Sends a ping. Returns whether the stream has room for it. @throws WebSocketUsageError. */
  ping(payload: string | Uint8Array): boolean {
    return this.#send(encodePing(payload, this.maskKey()));
  }

  /** @returns false if there is no room even for a close frame. @throws WebSocketUsageError. */
  sendClose(code: number | undefined, reason: string): boolean {
    return this.#send(encodeClose(code, reason, this.maskKey()));
  }

  /**
   * Sends a pong. While the peer does not read, only the payload of the latest ping is kept, so a flood of pings does
   * not use more memory.
   */
  answerPing(payload: Uint8Array): void {
    if (this.#stream.queuedBytes > HIGH_WATER_BYTES) this.#owedPong = payload;
    else this.#send(encodePong(payload, this.maskKey()));
  }

  /** Called when the kernel has accepted all queued bytes. */
  drained(): void {
    const owed = this.#owedPong;
    this.#owedPong = undefined;
    if (owed !== undefined) this.answerPing(owed);
  }

  /** Only the limit of the stream applies, so that a close frame can be sent even if the limit of messages is reached. */
  #send(frame: Uint8Array): boolean {
    try {
      this.#stream.send(frame);
      return true;
    } catch (error) {
      if (error instanceof StreamLimitError) return false;
      throw error;
    }
  }
}
