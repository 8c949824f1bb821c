import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { IOStream } from '@landspout/iostream';
import type { MessageData } from '../connection/message-data.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import type { WebSocketSettings } from '../connection/websocket-options.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { MessageInbox } from './message-inbox.ts';

export interface ReadMessageOptions {
  /** Stops the wait. No message is lost. */
  readonly signal?: AbortSignal;
}

const READ_OPTIONS: OptionNames<ReadMessageOptions> = { signal: true };

/**
 * The client's end of a WebSocket, as `websocketConnect` gives it: messages are read when they are wanted, and a
 * reader that falls behind slows the server down. Reading is also what notices the server's close.
 *
 * @example
 * for await (const message of connection) console.log(message);
 * console.log(connection.closeCode);
 */
export class WebSocketClientConnection implements AsyncIterable<string | Uint8Array> {
  /** The subprotocol that the server chose; `undefined` for none. */
  readonly selectedSubprotocol: string | undefined;
  readonly #inbox = new MessageInbox();
  readonly #connection: WebSocketConnection;

  /** For `websocketConnect`. */
  constructor(stream: IOStream, settings: WebSocketSettings, selectedSubprotocol: string | undefined) {
    this.selectedSubprotocol = selectedSubprotocol;
    this.#connection = new WebSocketConnection(stream, 'client', this.#inbox, settings);
    this.#connection.start();
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** The code of the server's close frame; 1005 when it gave none, 1006 when none came; `undefined` before the end. */
  get closeCode(): number | undefined {
    return this.#connection.closeCode;
  }

  /** The reason in the server's close frame, or an empty string. */
  get closeReason(): string {
    return this.#connection.closeReason;
  }

  /** Why there was no orderly end, where that is known: what the server did wrong, a deadline, the network. */
  get closeError(): Error | undefined {
    return this.#connection.closeError;
  }

  /** Bytes that wait for the server to read. */
  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  /**
   * Reads the next message: text as a string, else bytes, which are yours.
   *
   * @returns null when the connection is gone and all messages that came were read; see {@link closeCode}.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BUSY` when another read is waiting; the reason of `signal`.
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

  /** Reads messages until the connection is gone. Leaving the loop early begins to close. */
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

  /** Begins the closing handshake. What came before can still be read. See {@link WebSocketConnection.close}. */
  close(code?: number, reason = ''): void {
    this.#connection.close(code, reason);
  }

  /** Cuts the connection without a close frame. */
  abort(error?: Error): void {
    this.#connection.abort(error);
  }

  /** TCP_NODELAY, which is on by default. */
  setNoDelay(on: boolean): void {
    this.#connection.setNoDelay(on);
  }

  /** Resolves when the connection is gone, by whomever. */
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
