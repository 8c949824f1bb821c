import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import type { MessageData } from '../connection/message-data.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import type { WebSocketSettings } from '../connection/websocket-options.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { MessageInbox } from './message-inbox.ts';

export interface ReadMessageOptions {
  /** Cancels the wait. No message is lost: the next read returns it. */
  readonly signal?: AbortSignal;
}

const READ_OPTIONS: OptionNames<ReadMessageOptions> = { signal: true };

/**
 * The client side of a WebSocket connection, returned by `websocketConnect`. The program calls {@link readMessage} for
 * each message. Up to 64 messages, or about 64 KiB, are read ahead. After that, back-pressure slows the server down,
 * and a close by the server is noticed only after the program has read more messages.
 *
 * @example
 * for await (const message of connection) console.log(message);
 * console.log(connection.closeCode);
 */
export class WebSocketClientConnection implements AsyncIterable<string | Uint8Array> {
  /** The subprotocol that the server chose; `undefined` if it chose none. */
  readonly selectedSubprotocol: string | undefined;
  readonly #inbox = new MessageInbox();
  readonly #connection: WebSocketConnection;

  /** Called by `websocketConnect`. */
  constructor(stream: IOStream, settings: WebSocketSettings, selectedSubprotocol: string | undefined) {
    this.selectedSubprotocol = selectedSubprotocol;
    this.#connection = new WebSocketConnection(stream, 'client', this.#inbox, settings);
    this.#connection.start();
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /**
   * The code in the server's close frame: 1005 if the frame had no code, 1006 if the connection ended without a close
   * frame. `undefined` until a close frame arrives or the connection ends.
   */
  get closeCode(): number | undefined {
    return this.#connection.closeCode;
  }

  /** The reason in the server's close frame; empty if there is none. */
  get closeReason(): string {
    return this.#connection.closeReason;
  }

  /**
   * Why the connection did not close in an orderly way, if known: a protocol error of the server, a timeout or a
   * network error.
   */
  get closeError(): Error | undefined {
    return this.#connection.closeError;
  }

  /** Bytes that were written but are not yet sent, because the server does not read fast enough. */
  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  /**
   * Reads the next message: text as a string, binary as bytes, which the caller owns.
   *
   * @returns null if the connection is closed and all received messages were read; see {@link closeCode}.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BUSY` if another read is pending; the reason of `signal`.
   */
  readMessage(options?: ReadMessageOptions): Promise<string | Uint8Array | null> {
    if (options === undefined) return this.#inbox.read(undefined);
    try {
      webSocketChecks.options('readMessage', options, READ_OPTIONS);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#inbox.read(options.signal);
  }

  /** Reads messages until the connection is closed. Leaving the loop early starts the closing handshake. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array, void, undefined> {
    try {
      for (;;) {
        const message = await this.readMessage();
        if (message === null) return;
        yield message;
      }
    } finally {
      this.close();
    }
  }

  /** Sends text, bytes, or an object as JSON. See {@link WebSocketConnection.writeMessage}. */
  writeMessage(data: MessageData): Promise<void> {
    return this.#connection.writeMessage(data);
  }

  /** Sends a ping of at most 125 bytes. See {@link WebSocketConnection.ping}. */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    return this.#connection.ping(payload);
  }

  /**
   * Starts the closing handshake. Messages received before the call can still be read. See
   * {@link WebSocketConnection.close}.
   */
  close(code?: number, reason = ''): void {
    this.#connection.close(code, reason);
  }

  /** Resets the connection without sending a close frame. */
  abort(error?: Error): void {
    this.#connection.abort(error);
  }

  /** Sets TCP_NODELAY, which is on by default. */
  setNoDelay(on: boolean): void {
    this.#connection.setNoDelay(on);
  }

  /** Resolves when the connection is closed, by either side. */
  waitClosed(): Promise<void> {
    return this.#inbox.whenClosed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.waitClosed();
  }

  [INSPECT](): object {
    return inspection(this, [
      'isOpen',
      'selectedSubprotocol',
      'closeCode',
      'closeReason',
      'closeError',
      'queuedBytes',
    ]);
  }
}
