// The interface of the WebSockets standard (https://websockets.spec.whatwg.org/) over a connection of ours.

import { INSPECT, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';
import type { WebSocketOpenOptions } from '../client/connect-request.ts';
import { type OpenWebSocket, WebSocketOpener } from '../client/open-websocket.ts';
import { releaseAgreement } from '../compression/negotiation.ts';
import { WebSocketLimitError } from '../connection/errors.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import { CLOSE_CODES, WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { EventHandlers } from './event-handlers.ts';
import {
  type BinaryType,
  CloseEvent,
  closeEventOf,
  ErrorEvent,
  type Listener,
  type ListenerOptions,
  toEventData,
} from './events.ts';
import { byteLengthOf, isSendable, Outbox, type Sendable } from './outbox.ts';
import { checkedProtocols, parseDestination, syntaxError } from './web-socket-url.ts';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

const MAX_REASON_BYTES = 123;

/** Options that browsers do not have: those of `websocketConnect`, except `subprotocols`. */
export type WebSocketInit = Omit<WebSocketOpenOptions, 'subprotocols'>;

export interface WebSocketEventMap {
  readonly open: Event;
  readonly message: MessageEvent;
  readonly error: ErrorEvent;
  readonly close: CloseEvent;
}

type Handler<E extends Event> = ((this: WebSocket, event: E) => unknown) | null;

/** Where a WebSocket stands. Only {@link WebSocket.#enter} assigns it. */
type State =
  | { readonly kind: 'connecting'; readonly controller: AbortController }
  /** `close` was called before the connection was open. */
  | { readonly kind: 'given up' }
  | { readonly kind: 'connected'; readonly connection: WebSocketConnection; readonly outbox: Outbox }
  | { readonly kind: 'closed' };

/**
 * A WebSocket with the interface of browsers, for libraries that expect that class.
 *
 * It differs from browsers in three ways: there is a third argument with our options; an `error` event has the error;
 * and user information in the URL is used for basic authentication. As in browsers, messages are delivered as they
 * arrive, without back-pressure: a program that cannot keep up should use `websocketConnect`.
 *
 * If more than `maxQueuedBytes` are waiting to be sent, the connection is closed, as the standard says.
 *
 * @example
 * const socket = new WebSocket('ws://127.0.0.1:8888/echo', 'chat');
 * socket.onopen = () => socket.send('hello');
 * socket.onmessage = ({ data }) => console.log(data);
 */
export class WebSocket extends EventTarget {
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
  readonly #origin: string;
  readonly #handlers = new EventHandlers(this);
  #state: State;
  /** Whether {@link close} was called while the connection was open. */
  #isClosing = false;
  #protocol = '';
  #extensions = '';
  #binaryType: BinaryType = 'blob';
  /** Bytes that were passed to {@link send} when it was too late. */
  #discardedBytes = 0;

  /**
   * Starts to connect.
   *
   * @param url - with the scheme ws, wss, http or https, the last two being read as the first two; without a fragment.
   * @param protocols - a subprotocol, or several in order of preference.
   * @throws DOMException `SyntaxError` if the URL or a subprotocol is invalid; WebSocketUsageError
   *   `ERR_WEBSOCKET_BAD_OPTION` if an option is.
   */
  constructor(url: string | URL, protocols: string | Iterable<string> = [], options: WebSocketInit = {}) {
    super();
    const destination = parseDestination(String(url));
    const subprotocols = checkedProtocols(protocols);
    const controller = new AbortController();
    this.#url = destination.url;
    this.#origin = destination.origin;
    const { signal, ...others } = options;
    webSocketChecks.signal('WebSocket', signal);
    if ('subprotocols' in others)
      throw new WebSocketUsageError(
        'ERR_WEBSOCKET_BAD_OPTION',
        'WebSocket: pass the subprotocols as the second argument',
      );
    let opener: WebSocketOpener;
    try {
      const all = { ...others, subprotocols, signal: controller.signal };
      opener = new WebSocketOpener('WebSocket', destination.request, all);
    } catch (error) {
      const isUrl = error instanceof WebSocketUsageError && error.code === 'ERR_WEBSOCKET_BAD_URL';
      throw isUrl ? syntaxError('the URL is invalid') : error;
    }
    this.#state = { kind: 'connecting', controller };
    const stopListening = onAbort(signal, (reason) => controller.abort(reason));
    if (signal?.aborted) controller.abort(signal.reason);
    opener
      .open()
      .finally(stopListening)
      .then(
        (opened) => this.#opened(opened),
        (error) => this.#failed(error),
      );
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

  /** The URL, serialized. */
  get url(): string {
    return this.#url;
  }

  get readyState(): 0 | 1 | 2 | 3 {
    const state = this.#state;
    if (state.kind === 'connecting') return CONNECTING;
    if (state.kind === 'closed') return CLOSED;
    return state.kind === 'connected' && state.connection.isOpen && !this.#isClosing ? OPEN : CLOSING;
  }

  /** Bytes of data that were passed to {@link send} and not yet sent. It does not become 0 when the connection ends. */
  get bufferedAmount(): number {
    return this.#discardedBytes + (this.#state.kind === 'connected' ? this.#state.outbox.bufferedAmount : 0);
  }

  /** The extensions that the server chose; empty if there are none. */
  get extensions(): string {
    return this.#extensions;
  }

  /** The subprotocol that the server chose; empty if it chose none. */
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

  // ---- methods ----

  /**
   * Sends text, or the bytes of a Blob, a buffer or a view. Data that is passed while the connection is closing or
   * closed only counts for {@link bufferedAmount}.
   *
   * @throws DOMException `InvalidStateError` if the connection is not open yet.
   */
  send(data: Sendable): void {
    const state = this.#state;
    if (state.kind === 'connecting')
      throw new DOMException('WebSocket: the connection is not open yet', 'InvalidStateError');
    const message = isSendable(data) ? data : String(data);
    if (state.kind !== 'connected' || this.readyState !== OPEN) {
      this.#discardedBytes += byteLengthOf(message);
      return;
    }
    if (state.outbox.send(message)) return;
    this.#isClosing = true;
    state.connection.abort(
      new WebSocketLimitError('too many bytes are waiting for a Blob that is being read'),
    );
  }

  /**
   * Closes the connection, after everything that was sent. While connecting, the attempt is given up.
   *
   * @param code - 1000, or 3000 to 4999. Default: none.
   * @param reason - at most 123 bytes of UTF-8.
   * @throws DOMException `InvalidAccessError` for another code, `SyntaxError` for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const clamped = code === undefined ? undefined : clampedShort(code);
    if (clamped !== undefined && clamped !== CLOSE_CODES.normal && (clamped < 3000 || clamped > 4999)) {
      const message = `WebSocket: the close code must be 1000 or from 3000 to 4999, got ${clamped}`;
      throw new DOMException(message, 'InvalidAccessError');
    }
    const text = reason === undefined ? '' : String(reason);
    const length = Buffer.byteLength(text);
    if (length > MAX_REASON_BYTES)
      throw syntaxError(`the close reason must have at most 123 bytes of UTF-8, got ${length}`);
    const state = this.#state;
    if (state.kind === 'connecting') {
      this.#enter({ kind: 'given up' });
      state.controller.abort(
        new DOMException('WebSocket: closed before the connection was open', 'AbortError'),
      );
    } else if (state.kind === 'connected' && !this.#isClosing) {
      this.#isClosing = true;
      state.outbox.close(clamped, text);
    }
  }

  override addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: ((this: WebSocket, event: WebSocketEventMap[K]) => unknown) | null,
    options?: ListenerOptions,
  ): void;
  override addEventListener(type: string, listener: Listener | null, options?: ListenerOptions): void;
  override addEventListener(type: string, listener: unknown, options?: ListenerOptions): void {
    super.addEventListener(type, listener as Listener, options);
  }

  override removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: ((this: WebSocket, event: WebSocketEventMap[K]) => unknown) | null,
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
      url: inspectedUrl(this.#url),
    }));
  }

  // ---- events of the connection ----

  #opened({ stream, settings, protocol, deflate, extensions }: OpenWebSocket): void {
    if (this.#state.kind !== 'connecting') {
      stream.close();
      if (deflate !== undefined && settings.compression !== undefined)
        releaseAgreement(deflate, settings.compression);
      this.#failed(new DOMException('WebSocket: closed before the connection was open', 'AbortError'));
      return;
    }
    const connection = new WebSocketConnection(
      stream,
      'client',
      {
        messageReceived: (message) => this.#messageReceived(message),
        pingReceived: () => {},
        pongReceived: () => {},
        connectionClosed: () => this.#connectionClosed(connection),
        callbackFailed: () => {},
      },
      settings,
      deflate,
    );
    this.#protocol = protocol ?? '';
    this.#extensions = extensions;
    this.#enter({ kind: 'connected', connection, outbox: new Outbox(connection, settings.maxQueuedBytes) });
    this.dispatchEvent(new Event('open'));
    connection.start();
  }

  /** The connection was not opened. */
  #failed(error: unknown): void {
    this.#enter({ kind: 'closed' });
    this.dispatchEvent(new ErrorEvent(error));
    this.dispatchEvent(new CloseEvent('close', { code: CLOSE_CODES.abnormal }));
  }

  #messageReceived(message: string | Uint8Array): void {
    if (this.readyState !== OPEN) return;
    const data = toEventData(message, this.#binaryType);
    this.dispatchEvent(new MessageEvent('message', { data, origin: this.#origin }));
  }

  #connectionClosed({ closeCode, closeReason, closeError }: WebSocketConnection): void {
    this.#discardedBytes = this.bufferedAmount;
    this.#enter({ kind: 'closed' });
    const close = closeEventOf(closeCode, closeReason);
    if (!close.wasClean && closeError !== undefined) this.dispatchEvent(new ErrorEvent(closeError));
    this.dispatchEvent(close);
  }

  #enter(state: State): void {
    this.#state = state;
  }
}

/** Converts a number as `[Clamp] unsigned short` of Web IDL. */
function clampedShort(value: number): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, 0), 65_535);
  const floor = Math.floor(clamped);
  const rest = clamped - floor;
  // A number in the middle becomes the even one.
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}
