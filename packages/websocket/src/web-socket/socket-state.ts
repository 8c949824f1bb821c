import { WebSocketLimitError } from '../connection/errors.ts';
import type { WebSocketConnection } from '../connection/websocket-connection.ts';
import { type BinaryType, closeEventOf, ErrorEvent, toEventData } from './events.ts';
import { byteLengthOf, isSendable, Outbox, type Sendable } from './outbox.ts';

export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

const MAX_REASON_BYTES = 123;

/** What is known of a socket before it has a connection. */
export interface SocketTerms {
  /** The class, for messages of errors. */
  readonly name: string;
  /** With the scheme ws or wss. */
  readonly url: string;
  /** The property `origin` of messages. Default: empty. */
  readonly origin?: string;
  readonly binaryType: BinaryType;
}

/** How a connection has ended, as a {@link WebSocketConnection} reports it. */
interface ConnectionEnd {
  readonly closeCode: number | undefined;
  readonly closeReason: string;
  readonly closeError: unknown;
}

/**
 * The state of a socket with the interface of browsers, and its events. Its class creates one, passes it to
 * `BaseWebSocket`, and reports to it what the connection does.
 */
export class SocketState {
  readonly name: string;
  readonly url: string;
  binaryType: BinaryType;
  protocol = '';
  extensions = '';
  readonly #origin: string;
  #target: EventTarget | undefined = undefined;
  #connection: WebSocketConnection | undefined = undefined;
  #outbox: Outbox | undefined = undefined;
  /** `open` from the event of that name on. */
  #phase: 'connecting' | 'open' | 'closed' = 'connecting';
  /** Whether {@link close} was called. */
  #isClosing = false;
  /** Bytes that were passed to {@link send} when it was too late. */
  #discardedBytes = 0;

  constructor({ name, url, origin = '', binaryType }: SocketTerms) {
    this.name = name;
    this.url = url;
    this.#origin = origin;
    this.binaryType = binaryType;
  }

  /** Sets the target of the events. Called once, before everything else. */
  dispatchTo(target: EventTarget): void {
    this.#target = target;
  }

  /** Takes the connection through which {@link send} and {@link close} work from now on. */
  connected(connection: WebSocketConnection, maxQueuedBytes: number): void {
    this.#connection = connection;
    this.#outbox = new Outbox(connection, maxQueuedBytes);
  }

  get readyState(): 0 | 1 | 2 | 3 {
    if (this.#phase === 'closed') return CLOSED;
    if (this.#isClosing || this.#connection?.isOpen === false) return CLOSING;
    return this.#phase === 'connecting' ? CONNECTING : OPEN;
  }

  get bufferedAmount(): number {
    return this.#discardedBytes + (this.#phase === 'closed' ? 0 : (this.#outbox?.bufferedAmount ?? 0));
  }

  /** @throws DOMException `InvalidStateError` before the event `open`. */
  send(data: Sendable): void {
    const { readyState } = this;
    if (readyState === CONNECTING)
      throw new DOMException(`${this.name}: send was called before the event open`, 'InvalidStateError');
    const message = isSendable(data) ? data : String(data);
    if (readyState !== OPEN) {
      this.#discardedBytes += byteLengthOf(message);
      return;
    }
    if (this.#outbox?.send(message) === true) return;
    this.#isClosing = true;
    const error = new WebSocketLimitError('too many bytes are waiting for a Blob that is being read');
    this.#connection?.abort(error);
  }

  /** Closes the connection, if there is one, after everything that was sent. @param code - checked by the caller. */
  close(code: number | undefined, reason: string | undefined): void {
    const text = reason === undefined ? '' : String(reason);
    const length = Buffer.byteLength(text);
    if (length > MAX_REASON_BYTES) {
      const problem = `the close reason must have at most ${MAX_REASON_BYTES} bytes of UTF-8, got ${length}`;
      throw new DOMException(`${this.name}: ${problem}`, 'SyntaxError');
    }
    if (this.#isClosing || this.#phase === 'closed') return;
    this.#isClosing = true;
    this.#outbox?.close(code, text);
  }

  /** Dispatches `open`, or the events of an end that came before. */
  open(): void {
    if (this.#phase === 'closed') {
      this.#dispatchEnd(this.#connection);
      return;
    }
    const isReady = this.readyState === CONNECTING;
    this.#phase = 'open';
    if (isReady) this.#target?.dispatchEvent(new Event('open'));
  }

  /** Dispatches a message. @returns false if it is discarded, because the socket is not open. */
  deliver(message: string | Uint8Array): boolean {
    if (this.readyState !== OPEN) return false;
    const data = toEventData(message, this.binaryType);
    this.#target?.dispatchEvent(new MessageEvent('message', { data, origin: this.#origin }));
    return true;
  }

  /** The connection has ended. The events follow at once, or in place of `open`. */
  ended(): void {
    this.#discardedBytes = this.bufferedAmount;
    const wasOpen = this.#phase === 'open';
    this.#phase = 'closed';
    if (wasOpen) this.#dispatchEnd(this.#connection);
  }

  /** There will be no connection. */
  failed(closeError: unknown): void {
    this.#phase = 'closed';
    this.#dispatchEnd({ closeCode: undefined, closeReason: '', closeError });
  }

  #dispatchEnd(end: ConnectionEnd | undefined): void {
    const close = closeEventOf(end?.closeCode, end?.closeReason);
    if (!close.wasClean && end?.closeError !== undefined)
      this.#target?.dispatchEvent(new ErrorEvent(end.closeError));
    this.#target?.dispatchEvent(close);
  }
}
