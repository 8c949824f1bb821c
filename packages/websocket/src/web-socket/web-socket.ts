// The client's end of a connection, with the interface of the WebSockets standard.

import { onAbort } from '@landspout/ioloop/reactor';
import type { WebSocketOpenOptions } from '../client/connect-request.ts';
import { type OpenWebSocket, WebSocketOpener } from '../client/open-websocket.ts';
import { releaseAgreement } from '../compression/negotiation.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import { CLOSE_CODES, WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { BaseWebSocket } from './base-web-socket.ts';
import { CONNECTING, SocketState } from './socket-state.ts';
import { checkedProtocols, parseDestination, syntaxError } from './web-socket-url.ts';

/** Options that browsers do not have: those of `websocketConnect`, except `subprotocols`. */
export type WebSocketInit = Omit<WebSocketOpenOptions, 'subprotocols'>;

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
export class WebSocket extends BaseWebSocket {
  readonly #state: SocketState;
  /** Gives up connecting; undefined after that has succeeded or failed. */
  #connecting: AbortController | undefined;

  /**
   * Starts to connect.
   *
   * @param url - with the scheme ws, wss, http or https, the last two being read as the first two; without a fragment.
   * @param protocols - a subprotocol, or several in order of preference.
   * @throws DOMException `SyntaxError` if the URL or a subprotocol is invalid; WebSocketUsageError
   *   `ERR_WEBSOCKET_BAD_OPTION` if an option is.
   */
  constructor(url: string | URL, protocols: string | Iterable<string> = [], options: WebSocketInit = {}) {
    const { url: text, origin, request } = parseDestination(String(url));
    const state = new SocketState({ name: 'WebSocket', url: text, origin, binaryType: 'blob' });
    super(state);
    this.#state = state;
    const subprotocols = checkedProtocols(protocols);
    const controller = new AbortController();
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
      opener = new WebSocketOpener('WebSocket', request, all);
    } catch (error) {
      const isUrl = error instanceof WebSocketUsageError && error.code === 'ERR_WEBSOCKET_BAD_URL';
      throw isUrl ? syntaxError('the URL is invalid') : error;
    }
    this.#connecting = controller;
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

  // ---- methods ----

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
    this.#state.close(clamped, reason);
    this.#connecting?.abort(givenUp());
  }

  // ---- events of the connection ----

  #opened({ stream, settings, protocol, deflate, extensions }: OpenWebSocket): void {
    if (this.readyState !== CONNECTING) {
      stream.close();
      if (deflate !== undefined && settings.compression !== undefined)
        releaseAgreement(deflate, settings.compression);
      this.#failed(givenUp());
      return;
    }
    this.#connecting = undefined;
    const state = this.#state;
    const connection = new WebSocketConnection(
      stream,
      'client',
      {
        messageReceived: (message) => void state.deliver(message),
        pingReceived: () => {},
        pongReceived: () => {},
        connectionClosed: () => state.ended(),
        callbackFailed: () => {},
      },
      settings,
      deflate,
    );
    state.protocol = protocol ?? '';
    state.extensions = extensions;
    state.connected(connection, settings.maxQueuedBytes);
    state.open();
    connection.start();
  }

  /** The connection was not opened. */
  #failed(error: unknown): void {
    this.#connecting = undefined;
    this.#state.failed(error);
  }
}

function givenUp(): DOMException {
  return new DOMException('WebSocket: closed before the connection was open', 'AbortError');
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
