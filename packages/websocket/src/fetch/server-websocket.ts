// The interface of the WebSockets standard over a connection that a Fetch handler has upgraded.

import type { Logger } from '@landspout/ioloop';
import { isThenable } from '@landspout/ioloop/reactor';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketClosedError, WebSocketMessageError } from '../connection/errors.ts';
import type { MessageData } from '../connection/message-data.ts';
import type { PreparedMessage } from '../connection/prepared-message.ts';
import type { SendOptions, SendPolicy } from '../connection/send-policy.ts';
import { ignorable, type WebSocketConnection } from '../connection/websocket-connection.ts';
import type { SwitchedConnection } from '../handler/server-handshake.ts';
import { isValidCloseCode } from '../protocol/index.ts';
import { BaseWebSocket, type WebSocketEventMap } from '../web-socket/base-web-socket.ts';
import type { Listener, ListenerOptions } from '../web-socket/events.ts';
import { CLOSED, OPEN, SocketState } from '../web-socket/socket-state.ts';
import { MessageSlots } from './message-slots.ts';

/** What a {@link ServerWebSocket} is made of. */
export interface ServerWebSocketParts {
  /** Takes over the connection; called once, at once. */
  readonly open: (delegate: WebSocketDelegate) => SwitchedConnection;
  /** With the scheme ws or wss. */
  readonly url: string;
  readonly protocol: string;
  readonly maxQueuedBytes: number;
  readonly maxPendingMessages: number;
  readonly logger: Logger;
}

/**
 * The server's end of a WebSocket, with the interface of browsers and of `Deno.upgradeWebSocket`. Made by
 * `upgradeWebSocket`. Its property `url` is that of the request, with the scheme ws or wss.
 *
 * The event `open` follows in a later iteration of the event loop than the one in which the first listener was added,
 * and messages after it. Add all listeners together, so that no message is missed.
 *
 * It differs from browsers as follows. `binaryType` is `arraybuffer` at first, as in Deno. {@link close} accepts every
 * code that may be sent. An error that a listener throws, or with which its promise rejects, is logged, and the
 * connection is closed with 1011; for a `WebSocketMessageError` with its code. While the promises of too many message
 * listeners are pending, the client is not read from: see the option `maxPendingMessages`. {@link writeMessage},
 * {@link sendMessage}, {@link ping} and {@link abort} are those of `WebSocketHandler`, so that a set of sockets can be
 * passed to `broadcast`.
 *
 * If more than `maxQueuedBytes` are waiting to be sent, the connection is closed with 1008: await
 * {@link writeMessage} instead of calling {@link send} where much is sent.
 */
export class ServerWebSocket extends BaseWebSocket {
  readonly #state: SocketState;
  readonly #connection: WebSocketConnection;
  readonly #logger: Logger;
  readonly #slots: MessageSlots;
  readonly #guarded = new WeakMap<object, (event: Event) => void>();
  /** Lets the connection deliver messages; undefined after the opening was scheduled. */
  #letOpen: (() => void) | undefined;

  /** Takes over the connection. For `upgradeWebSocket` only. */
  constructor(parts: ServerWebSocketParts) {
    const state = new SocketState({ name: 'ServerWebSocket', url: parts.url, binaryType: 'arraybuffer' });
    super(state);
    this.#state = state;
    this.#logger = parts.logger;
    this.#slots = new MessageSlots(parts.maxPendingMessages);
    const { connection, extensions } = parts.open({
      messageReceived: (message) => this.#messageReceived(message),
      pingReceived: () => {},
      pongReceived: () => {},
      connectionClosed: () => state.ended(),
      callbackFailed: (error) => this.#callbackFailed(error),
    });
    this.#connection = connection;
    state.protocol = parts.protocol;
    state.extensions = extensions;
    state.connected(connection, parts.maxQueuedBytes);
    const opening = new Promise<void>((resolve) => {
      this.#letOpen = resolve;
    });
    connection.start(opening);
  }

  /** Bytes that were written but are not yet sent, because the client does not read fast enough. */
  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  /**
   * Sends text, bytes, an object as JSON, or a message that is prepared for many connections. The promise is for
   * back-pressure; see {@link WebSocketConnection.writeMessage}.
   */
  writeMessage(data: MessageData | PreparedMessage, options?: SendOptions): Promise<void> {
    if (this.readyState === OPEN) return this.#connection.writeMessage(data, options);
    return ignorable(Promise.reject(new WebSocketClosedError('the connection is not open')));
  }

  /** Sends a prepared message without a promise, for `broadcast`. See {@link WebSocketConnection.sendMessage}. */
  sendMessage(message: PreparedMessage, policy?: SendPolicy, key?: string): boolean {
    return this.readyState === OPEN && this.#connection.sendMessage(message, policy, key);
  }

  /** Sends a ping of at most 125 bytes. See {@link WebSocketConnection.ping}. */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    return this.#connection.ping(payload);
  }

  /**
   * Closes the connection, after everything that was sent. Messages that arrive later are discarded.
   *
   * @param code - 1000 to 1003, 1007 to 1014 or 3000 to 4999. Default: 1000 if there is a reason, otherwise no code.
   * @param reason - at most 123 bytes of UTF-8. Default: none.
   * @throws DOMException `InvalidAccessError` for another code, `SyntaxError` for a longer reason.
   */
  close(code?: number, reason?: string): void {
    if (code !== undefined && !isValidCloseCode(code)) {
      const expected = 'from 1000 to 1003, 1007 to 1014 or 3000 to 4999';
      const problem = `ServerWebSocket: the close code must be ${expected}, got ${String(code)}`;
      throw new DOMException(problem, 'InvalidAccessError');
    }
    this.#state.close(code, reason);
  }

  /** Resets the connection without a close frame; the event `close` follows. */
  abort(error?: Error): void {
    this.#connection.abort(error);
  }

  override addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: ((this: ServerWebSocket, event: WebSocketEventMap[K]) => unknown) | null,
    options?: ListenerOptions,
  ): void;
  override addEventListener(type: string, listener: Listener | null, options?: ListenerOptions): void;
  override addEventListener(type: string, listener: unknown, options?: ListenerOptions): void {
    super.addEventListener(type, this.#guard(listener) as Listener, options);
    const letOpen = this.#letOpen;
    if (letOpen === undefined) return;
    this.#letOpen = undefined;
    setImmediate(() => this.#open(letOpen));
  }

  override removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: ((this: ServerWebSocket, event: WebSocketEventMap[K]) => unknown) | null,
    options?: ListenerOptions,
  ): void;
  override removeEventListener(type: string, listener: Listener | null, options?: ListenerOptions): void;
  override removeEventListener(type: string, listener: unknown, options?: ListenerOptions): void {
    super.removeEventListener(type, this.#guard(listener) as Listener, options);
  }

  // ---- listeners ----

  /**
   * Returns the function that is added as a listener in place of the given one. An error must not reach Node's
   * EventTarget, which would end the process.
   */
  #guard(listener: unknown): unknown {
    if ((typeof listener !== 'object' && typeof listener !== 'function') || listener === null)
      return listener;
    let guarded = this.#guarded.get(listener);
    if (guarded === undefined) {
      guarded = (event) => this.#call(listener, event);
      this.#guarded.set(listener, guarded);
    }
    return guarded;
  }

  #call(listener: object, event: Event): void {
    try {
      const result: unknown =
        typeof listener === 'function'
          ? listener.call(this, event)
          : (listener as EventListenerObject).handleEvent(event);
      if (!isThenable(result)) return;
      if (event.type === 'message') this.#slots.hold(result, this.#failed);
      else Promise.resolve(result).catch(this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #failed = (error: unknown): void => this.#connection.programFailed(error);

  // ---- events of the connection ----

  #open(letOpen: () => void): void {
    const hasEnded = this.readyState === CLOSED;
    this.#state.open();
    if (!hasEnded) letOpen();
  }

  #messageReceived(message: string | Uint8Array): Promise<void> | undefined {
    return this.#state.deliver(message) ? this.#slots.waitForRoom() : undefined;
  }

  #callbackFailed(error: unknown): void {
    if (error instanceof WebSocketMessageError) {
      const { closeCode, closeReason } = error;
      const text = `a WebSocket message was refused; the connection is closed with ${closeCode}`;
      this.#logger.debug({ error }, text);
      // After this, the connection does not send another close frame for the error.
      this.#connection.close(closeCode, closeReason);
      return;
    }
    this.#logger.error({ error }, 'a listener of a WebSocket threw or rejected');
  }
}

interface EventListenerObject {
  handleEvent(event: Event): unknown;
}
