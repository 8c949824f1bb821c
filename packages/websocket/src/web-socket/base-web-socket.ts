// The interface that the WebSockets standard (https://websockets.spec.whatwg.org/) gives both ends of a connection here.

import { INSPECT, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import { EventHandlers } from './event-handlers.ts';
import type { BinaryType, CloseEvent, ErrorEvent, Listener, ListenerOptions } from './events.ts';
import type { Sendable } from './outbox.ts';
import { CLOSED, CLOSING, CONNECTING, OPEN, type SocketState } from './socket-state.ts';

export interface WebSocketEventMap {
  readonly open: Event;
  readonly message: MessageEvent;
  readonly error: ErrorEvent;
  readonly close: CloseEvent;
}

type Handler<Socket, E extends Event> = ((this: Socket, event: E) => unknown) | null;

/** What `WebSocket` and the server's end of a connection share: everything but how they are opened and closed. */
export abstract class BaseWebSocket extends EventTarget {
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

  readonly #state: SocketState;
  readonly #handlers = new EventHandlers(this);

  /** @param state - new, and for this socket only. */
  constructor(state: SocketState) {
    super();
    this.#state = state;
    state.dispatchTo(this);
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

  /** The URL, serialized, with the scheme ws or wss. */
  get url(): string {
    return this.#state.url;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#state.readyState;
  }

  /** Bytes of data that were passed to {@link send} and not yet sent. It does not become 0 when the connection ends. */
  get bufferedAmount(): number {
    return this.#state.bufferedAmount;
  }

  /** The extensions that are in use; empty if there are none. */
  get extensions(): string {
    return this.#state.extensions;
  }

  /** The subprotocol that the server chose; empty if there is none. */
  get protocol(): string {
    return this.#state.protocol;
  }

  /** How binary messages are delivered. Other values are ignored when set. */
  get binaryType(): BinaryType {
    return this.#state.binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === 'blob' || type === 'arraybuffer') this.#state.binaryType = type;
  }

  get onopen(): Handler<this, Event> {
    return this.#handlers.get('open');
  }
  set onopen(handler: Handler<this, Event>) {
    this.#handlers.set('open', handler);
  }

  get onmessage(): Handler<this, MessageEvent> {
    return this.#handlers.get('message');
  }
  set onmessage(handler: Handler<this, MessageEvent>) {
    this.#handlers.set('message', handler);
  }

  get onerror(): Handler<this, ErrorEvent> {
    return this.#handlers.get('error');
  }
  set onerror(handler: Handler<this, ErrorEvent>) {
    this.#handlers.set('error', handler);
  }

  get onclose(): Handler<this, CloseEvent> {
    return this.#handlers.get('close');
  }
  set onclose(handler: Handler<this, CloseEvent>) {
    this.#handlers.set('close', handler);
  }

  // ---- methods ----

  /**
   * Sends text, or the bytes of a Blob, a buffer or a view. Data that is passed while the connection is closing or
   * closed only counts for {@link bufferedAmount}.
   *
   * @throws DOMException `InvalidStateError` before the event `open`.
   */
  send(data: Sendable): void {
    this.#state.send(data);
  }

  override addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: Handler<this, WebSocketEventMap[K]>,
    options?: ListenerOptions,
  ): void;
  override addEventListener(type: string, listener: Listener | null, options?: ListenerOptions): void;
  override addEventListener(type: string, listener: unknown, options?: ListenerOptions): void {
    super.addEventListener(type, listener as Listener, options);
  }

  override removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: Handler<this, WebSocketEventMap[K]>,
    options?: ListenerOptions,
  ): void;
  override removeEventListener(type: string, listener: Listener | null, options?: ListenerOptions): void;
  override removeEventListener(type: string, listener: unknown, options?: ListenerOptions): void {
    super.removeEventListener(type, listener as Listener, options);
  }

  get [Symbol.toStringTag](): string {
    return 'WebSocket';
  }

  [INSPECT](): object {
    return inspection(this, ['readyState', 'protocol', 'binaryType', 'bufferedAmount'], () => ({
      url: inspectedUrl(this.url),
    }));
  }
}
