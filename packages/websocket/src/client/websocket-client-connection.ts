import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { MessageData } from '../connection/message-data.ts';
import type { PreparedMessage } from '../connection/prepared-message.ts';
import type { SendOptions, SendPolicy } from '../connection/send-policy.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import { CLOSE_CODES, WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { MessageCallback, type OnMessage } from './message-callback.ts';
import { MessageInbox } from './message-inbox.ts';
import type { OpenWebSocket } from './open-websocket.ts';

export interface ReadMessageOptions {
  /** Cancels the wait. No message is lost: the next read returns it. */
  readonly signal?: AbortSignal;
}

export const READ_OPTIONS: OptionNames<ReadMessageOptions> = { signal: true };

/**
 * The client side of a WebSocket connection, returned by `websocketConnect`. The program calls {@link readMessage} for
 * each message. Up to 64 messages, or about 64 KiB, are read ahead. After that, back-pressure slows the server down,
 * and a close by the server is noticed only after the program has read more messages. With `onMessage`, messages are
 * passed to that callback instead.
 *
 * Call {@link close}: if the program drops its last reference to an open connection, a warning is logged and the
 * connection is closed with 1001. With `onMessage`, no reference is needed.
 *
 * @example
 * for await (const message of connection) console.log(message);
 * console.log(connection.closeCode);
 */
export class WebSocketClientConnection implements AsyncIterable<string | Uint8Array> {
  /** The subprotocol that the server chose; `undefined` if it chose none. */
  readonly selectedSubprotocol: string | undefined;
  readonly #delegate: MessageInbox | MessageCallback;
  readonly #connection: WebSocketConnection;

  /** Called by `websocketConnect`. */
  constructor({ stream, settings, protocol, deflate, name }: OpenWebSocket, onMessage?: OnMessage) {
    this.selectedSubprotocol = protocol;
    this.#delegate = onMessage === undefined ? new MessageInbox() : new MessageCallback(onMessage);
    this.#connection = new WebSocketConnection(stream, 'client', this.#delegate, settings, deflate);
    if (onMessage === undefined) {
      this.#connection.start();
      closeIfForgotten(this, this.#connection, name);
    } else {
      // The caller has the connection before the first message. With a callback, it need not keep it.
      this.#connection.start(new Promise((resolve) => setImmediate(resolve)));
    }
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
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BUSY` if another read is pending, or there is an `onMessage`; the reason
   *   of `signal`.
   */
  readMessage(options?: ReadMessageOptions): Promise<string | Uint8Array | null> {
    const delegate = this.#delegate;
    try {
      if (options !== undefined) webSocketChecks.options('readMessage', options, READ_OPTIONS);
      if (delegate instanceof MessageCallback)
        throw new WebSocketUsageError('ERR_WEBSOCKET_BUSY', 'readMessage: messages are passed to onMessage');
    } catch (error) {
      return Promise.reject(error);
    }
    return delegate.read(options?.signal, this);
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

  /** Whether both sides have agreed to compress messages. */
  get isCompressed(): boolean {
    return this.#connection.isCompressed;
  }

  /** Messages that were dropped because the server reads too slowly. See {@link SendPolicy}. */
  get droppedMessages(): number {
    return this.#connection.droppedMessages;
  }

  /** The bytes of {@link droppedMessages}. */
  get droppedBytes(): number {
    return this.#connection.droppedBytes;
  }

  /**
   * Sends text, bytes, an object as JSON, or a prepared message. See {@link WebSocketConnection.writeMessage}.
   */
  writeMessage(data: MessageData | PreparedMessage, options?: SendOptions): Promise<void> {
    return this.#connection.writeMessage(data, options);
  }

  /** Sends a prepared message without a promise, for `broadcast`. See {@link WebSocketConnection.sendMessage}. */
  sendMessage(message: PreparedMessage, policy?: SendPolicy, key?: string): boolean {
    return this.#connection.sendMessage(message, policy, key);
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
  async waitClosed(): Promise<void> {
    // Awaited here, because that keeps this object from being collected while someone waits.
    await this.#delegate.whenClosed;
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

interface Watched {
  readonly connection: WebSocketConnection;
  /** The URL without user information and query. */
  readonly name: string;
}

const registry = new FinalizationRegistry<Watched>(({ connection, name }) => {
  if (!connection.isOpen) return;
  const message =
    'a WebSocket connection was garbage-collected while it was open, and is closed with 1001; call its close method';
  IOLoop.current().logger.warn({ url: name }, message);
  connection.close(CLOSE_CODES.goingAway);
});

/**
 * Warns if the program loses its last reference to an open connection, and closes it: the connection itself is still
 * referenced by its stream and would stay open until the process ends.
 *
 * @param owner - what the program holds. The connection must not reference it.
 */
function closeIfForgotten(owner: object, connection: WebSocketConnection, name: string): void {
  registry.register(owner, { connection, name });
}
