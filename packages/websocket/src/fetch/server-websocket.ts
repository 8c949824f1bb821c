// The interface of the WebSockets standard over a connection that a Fetch handler has upgraded.

import type { Logger } from '@landspout/ioloop';
import { INSPECT, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import { isThenable } from '@landspout/ioloop/reactor';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketClosedError, WebSocketLimitError, WebSocketMessageError } from '../connection/errors.ts';
import type { MessageData } from '../connection/message-data.ts';
import type { PreparedMessage } from '../connection/prepared-message.ts';
import type { SendOptions, SendPolicy } from '../connection/send-policy.ts';
import { ignorable, type WebSocketConnection } from '../connection/websocket-connection.ts';
import type { SwitchedConnection } from '../handler/server-handshake.ts';
import { isValidCloseCode } from '../protocol/index.ts';
import { EventHandlers } from '../web-socket/event-handlers.ts';
import {
  type BinaryType,
  type CloseEvent,
  closeEventOf,
  ErrorEvent,
  type Listener,
  type ListenerOptions,
  toEventData,
} from '../web-socket/events.ts';
import { byteLengthOf, isSendable, Outbox, type Sendable } from '../web-socket/outbox.ts';
import type { WebSocketEventMap } from '../web-socket/web-socket.ts';
import { MessageSlots } from './message-slots.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const MAX_REASON_BYTES = 123;

type Handler<E extends Event> = ((this: ServerWebSocket, event: E) => unknown) | null;

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
 * `upgradeWebSocket`.
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
export class ServerWebSocket extends EventTarget {
  static get CONNECTING(): 0 {
    return CONNECTING;
  }
  static get OPEN(): 1 {
    return OPEN;
  }
  static get CLOSING(): 2 {
    return CLOSING;
  }
  static get CLOSED(): 3 {
    return CLOSED;
  }

  readonly #url: string;
  readonly #protocol: string;
  readonly #extensions: string;
  readonly #connection: WebSocketConnection;
  readonly #outbox: Outbox;
  readonly #logger: Logger;
  readonly #slots: MessageSlots;
  readonly #handlers = new EventHandlers(this);
  readonly #guarded = new WeakMap<object, (event: Event) => void>();
  #phase: 'connecting' | 'open' | 'closed' = 'connecting';
  /** Lets the connection deliver messages; undefined after the opening was scheduled. */
  #letOpen: (() => void) | undefined;
  /** Whether {@link close} was called. */
  #isClosing = false;
  #binaryType: BinaryType = 'arraybuffer';
  /** Bytes that were passed to {@link send} when it was too late. */
  #discardedBytes = 0;

  /** Takes over the connection. For `upgradeWebSocket` only. */
  constructor(parts: ServerWebSocketParts) {
    super();
    this.#url = parts.url;
    this.#protocol = parts.protocol;
    this.#logger = parts.logger;
    this.#slots = new MessageSlots(parts.maxPendingMessages);
    const { connection, extensions } = parts.open({
      messageReceived: (message) => this.#messageReceived(message),
      pingReceived: () => {},
      pongReceived: () => {},
      connectionClosed: () => this.#connectionClosed(),
      callbackFailed: (error) => this.#callbackFailed(error),
    });
    this.#connection = connection;
    this.#extensions = extensions;
    this.#outbox = new Outbox(connection, parts.maxQueuedBytes);
    const opening = new Promise<void>((resolve) => {
      this.#letOpen = resolve;
    });
    connection.start(opening);
  }

  // ---- properties ----

  get CONNECTING(): 0 {
    return CONNECTING;
  }
  get OPEN(): 1 {
    return OPEN;
  }
  get CLOSING(): 2 {
    return CLOSING;
  }
  get CLOSED(): 3 {
    return CLOSED;
  }

  /** The URL of the request, with the scheme ws or wss. */
  get url(): string {
    return this.#url;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    if (this.#phase === 'closed') return CLOSED;
    if (this.#isClosing || !this.#connection.isOpen) return CLOSING;
    return this.#phase === 'connecting' ? CONNECTING : OPEN;
  }

  /** Bytes of data that were passed to {@link send} and not yet sent. It does not become 0 when the connection ends. */
  get bufferedAmount(): number {
    return this.#discardedBytes + (this.#phase === 'closed' ? 0 : this.#outbox.bufferedAmount);
  }

  /** The extensions that are in use; empty if there are none. */
  get extensions(): string {
    return this.#extensions;
  }

  /** The chosen subprotocol; empty if there is none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** How binary messages are delivered. Other values are ignored when set. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === 'blob' || type === 'arraybuffer') this.#binaryType = type;
  }

  get onopen(): Handler<Event> {
    return this.#handlers.get('open');
  }
  set onopen(handler: Handler<Event>) {
    this.#handlers.set('open', handler);
  }

  get onmessage(): Handler<MessageEvent> {
    return this.#handlers.get('message');
  }
  set onmessage(handler: Handler<MessageEvent>) {
    this.#handlers.set('message', handler);
  }

  get onerror(): Handler<ErrorEvent> {
    return this.#handlers.get('error');
  }
  set onerror(handler: Handler<ErrorEvent>) {
    this.#handlers.set('error', handler);
  }

  get onclose(): Handler<CloseEvent> {
    return this.#handlers.get('close');
  }
  set onclose(handler: Handler<CloseEvent>) {
    this.#handlers.set('close', handler);
  }

  /** Bytes that were written but are not yet sent, because the client does not read fast enough. */
  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  // ---- methods ----

  /**
   * Sends text, or the bytes of a Blob, a buffer or a view. Data that is passed while the connection is closing or
   * closed only counts for {@link bufferedAmount}.
   *
   * @throws DOMException `InvalidStateError` before the event `open`.
   */
  send(data: Sendable): void {
    const { readyState } = this;
    if (readyState === CONNECTING)
      throw new DOMException('ServerWebSocket: send was called before the event open', 'InvalidStateError');
    const message = isSendable(data) ? data : String(data);
    if (readyState !== OPEN) {
      this.#discardedBytes += byteLengthOf(message);
      return;
    }
    if (this.#outbox.send(message)) return;
    this.#isClosing = true;
    const error = new WebSocketLimitError('too many bytes are waiting for a Blob that is being read');
    this.#connection.abort(error);
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
    const text = reason === undefined ? '' : String(reason);
    const length = Buffer.byteLength(text);
    if (length > MAX_REASON_BYTES) {
      const problem = `ServerWebSocket: the close reason must have at most 123 bytes of UTF-8, got ${length}`;
      throw new DOMException(problem, 'SyntaxError');
    }
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#outbox.close(code, text);
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

  get [Symbol.toStringTag](): string {
    return 'WebSocket';
  }

  [INSPECT](): object {
    return inspection(this, ['readyState', 'protocol', 'binaryType', 'bufferedAmount'], () => ({
      url: inspectedUrl(this.#url),
    }));
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
    if (this.#phase === 'closed') {
      this.#dispatchEnd();
      return;
    }
    const isOpen = this.readyState === CONNECTING;
    this.#phase = 'open';
    if (isOpen) this.dispatchEvent(new Event('open'));
    letOpen();
  }

  #messageReceived(message: string | Uint8Array): Promise<void> | undefined {
    if (this.readyState !== OPEN) return undefined;
    const data = toEventData(message, this.#binaryType);
    this.dispatchEvent(new MessageEvent('message', { data }));
    return this.#slots.waitForRoom();
  }

  #connectionClosed(): void {
    this.#discardedBytes = this.bufferedAmount;
    const hasOpened = this.#phase === 'open';
    this.#phase = 'closed';
    if (hasOpened) this.#dispatchEnd();
  }

  #dispatchEnd(): void {
    const { closeCode, closeReason, closeError } = this.#connection;
    const close = closeEventOf(closeCode, closeReason);
    if (!close.wasClean && closeError !== undefined) this.dispatchEvent(new ErrorEvent(closeError));
    this.dispatchEvent(close);
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
