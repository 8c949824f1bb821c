// Upgrades a request of a web application to a WebSocket connection, and calls the callbacks of the handler. Does not
// know frames, topics or broadcasts.

import { createHash } from 'node:crypto';
import type { HTTPHeaders } from '@landspout/http1';
import { HttpDateCache, ResponseEncoder } from '@landspout/http1/protocol';
import { isCancellation } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { callReporting, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { type ApplicationSettings, HTTPError, RequestHandler, type RouteUse } from '@landspout/web';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketClosedError } from '../connection/errors.ts';
import { ignorable } from '../connection/frame-writer.ts';
import type { MessageData } from '../connection/message-data.ts';
import { WebSocketConnection } from '../connection/websocket-connection.ts';
import { resolveWebSocketOptions, type WebSocketOptions } from '../connection/websocket-options.ts';
import {
  acceptValue,
  CLOSE_CODES,
  checkUpgradeRequest,
  originRefusal,
  type UpgradeOffer,
  WebSocketUsageError,
} from '../protocol/index.ts';

/**
 * Serves one WebSocket connection: a `RequestHandler` whose `get` upgrades the connection, and which then exists as
 * long as the connection does. Write a subclass with {@link onMessage}, and add a route for it as for any handler.
 *
 * Middleware, `prepare` and `setDefaultHeaders` run as usual: use them to check who may connect. A refused upgrade gets
 * the same error page as any other refused request. Headers and cookies set by middleware, `prepare` or
 * `setDefaultHeaders` are sent with the 101. After the 101, methods that write an HTTP response throw
 * `ERR_WEB_FINISHED`, `onFinish` is not called, and `signal` aborts when the connection has ended.
 *
 * All callbacks may be asynchronous. If one throws or rejects, the error is logged and the connection is closed with
 * 1011.
 *
 * @typeParam Pattern - the route's pattern, which types `pathParams`.
 * @typeParam Settings - the settings that the handler needs from the application.
 *
 * @example
 * class Echo extends WebSocketHandler {
 *   override onMessage(message: string | Uint8Array) {
 *     return this.writeMessage(message);
 *   }
 * }
 * const server = await new Application([['/echo', Echo]]).listen({ port: 8888 });
 */
export abstract class WebSocketHandler<
  Pattern extends string = string,
  Settings extends object = ApplicationSettings,
> extends RequestHandler<Pattern, Settings> {
  static override routeProblem({ handlerClass }: RouteUse): string | undefined {
    if (typeof (handlerClass.prototype as WebSocketHandler).onMessage === 'function') return undefined;
    // A field exists only on an instance, so look for its name in the source text of the class.
    for (let one: unknown = handlerClass; one !== WebSocketHandler; one = Object.getPrototypeOf(one)) {
      if (/\bonMessage\b/.test(String(one))) return undefined;
    }
    return `${shownValue(handlerClass)} has no method onMessage; define one`;
  }

  #connection: WebSocketConnection | undefined = undefined;
  #selectedSubprotocol: string | undefined = undefined;

  // ---- for a subclass to define ----

  /**
   * Called with each message: text as a string, binary as bytes, which the handler owns. If it returns a promise, the
   * next message is not read until the promise settles. Messages are therefore handled in order, and a slow handler
   * slows its peer down.
   */
  abstract onMessage(message: string | Uint8Array): unknown;

  /**
   * Called when the connection is open. If it returns a promise, no message is delivered and `onClose` is not called
   * before the promise settles.
   */
  onOpen(): unknown {
    return undefined;
  }

  /** Called once, after the connection is closed for any reason. See {@link closeCode}. */
  onClose(): unknown {
    return undefined;
  }

  /** Called with the payload of each ping. The pong is sent automatically. */
  onPing(_payload: Uint8Array): unknown {
    return undefined;
  }

  onPong(_payload: Uint8Array): unknown {
    return undefined;
  }

  /**
   * Returns whether a page of this origin may connect. Browsers let pages of any origin try to connect, with the
   * cookies of the visitor. Not called for a request without an Origin header, since browsers always send one. If the
   * result is anything but `true`, even a promise, the request is refused with 403; the log and the response name the
   * origin.
   *
   * By default, only the origins of this site are allowed: those of the setting `publicOrigin` or, without that
   * setting, every origin with the host of the request. If a proxy changes the Host header, use the setting.
   */
  checkOrigin(origin: string): boolean {
    return this.request.isOwnOrigin(origin);
  }

  /**
   * Chooses a subprotocol. Called once.
   *
   * @param _offered - the subprotocols of the client, in its order of preference; empty if it offered none.
   * @returns one of them, or `undefined` for none. Anything else results in a 500.
   */
  selectSubprotocol(_offered: readonly string[]): string | undefined {
    return undefined;
  }

  /** Returns the limits, pings and timeouts of this connection. Called once, before the 101. */
  connectionOptions(): WebSocketOptions {
    return {};
  }

  // ---- for subclasses and other code to use ----

  /** The subprotocol that was chosen; `undefined` for none. */
  get selectedSubprotocol(): string | undefined {
    return this.#selectedSubprotocol;
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /**
   * The code in the peer's close frame: 1005 if the frame had no code, 1006 if the connection ended without a close
   * frame. `undefined` until a close frame arrives or the connection ends.
   */
  get closeCode(): number | undefined {
    return this.#connection?.closeCode;
  }

  /** The reason in the peer's close frame; empty if there is none. */
  get closeReason(): string {
    return this.#connection?.closeReason ?? '';
  }

  /**
   * Why the connection did not close in an orderly way, if known: a protocol error of the peer, a timeout or a network
   * error.
   */
  get closeError(): Error | undefined {
    return this.#connection?.closeError;
  }

  /** Bytes that were written but are not yet sent, because the peer does not read fast enough. */
  get queuedBytes(): number {
    return this.#connection?.queuedBytes ?? 0;
  }

  /** Sends text, bytes, or an object as JSON. See {@link WebSocketConnection.writeMessage}. */
  writeMessage(data: MessageData): Promise<void> {
    return this.#connection?.writeMessage(data) ?? notOpen();
  }

  /** Sends a frame made by `encodeMessage`. Use it for broadcasts. See {@link WebSocketConnection.sendFrame}. */
  sendFrame(frame: Uint8Array): boolean {
    return this.#connection?.sendFrame(frame) ?? false;
  }

  /** Sends a ping of at most 125 bytes. See {@link WebSocketConnection.ping}. */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    return this.#connection?.ping(payload) ?? notOpen();
  }

  /** Starts the closing handshake; `onClose` follows. See {@link WebSocketConnection.close}. */
  close(code?: number, reason = ''): void {
    this.#connection?.close(code, reason);
  }

  /** Resets the connection without a close frame; `onClose` follows. */
  abort(error?: Error): void {
    this.#connection?.abort(error);
  }

  /** Sets TCP_NODELAY, which is on by default. */
  setNoDelay(on: boolean): void {
    this.#connection?.setNoDelay(on);
  }

  // ---- the opening handshake ----

  /** Upgrades the connection. Do not override it: use `prepare` and {@link onOpen}. */
  override get(): void {
    const { method, version, headers } = this.request;
    const offer = checkUpgradeRequest({ method, version, header: (name) => headers.get(name) });
    if (!offer.ok) throw refusal(offer.status, offer.reason, offer.headers);
    const origin = headers.get('Origin');
    if (origin !== undefined) this.#requireAllowed(origin);
    this.#upgrade(offer);
  }

  /**
   * Refuses origins that are not allowed. The reason is logged, because the operator of the server will look for it in
   * the log.
   */
  #requireAllowed(origin: string): void {
    const answer: unknown = this.checkOrigin(origin);
    reportRejection(answer, this.#callbackFailed);
    if (answer === true) return;
    const isDefault = this.checkOrigin === WebSocketHandler.prototype.checkOrigin;
    const { ownOrigins, host } = this.request;
    const reason = originRefusal(origin, answer, isDefault ? (ownOrigins ?? host) : undefined);
    const details = { status: 403, peer: this.request.remoteAddress };
    this.application.refusalLog.warn('websocket-origin', details, `refused a WebSocket: ${reason}`);
    throw refusal(403, reason);
  }

  override [INSPECT](): object {
    return inspection(
      this,
      ['request', 'isOpen', 'selectedSubprotocol', 'closeCode', 'closeReason', 'closeError', 'queuedBytes'],
      () => ({ application: undefined }),
    );
  }

  #upgrade(offer: UpgradeOffer): void {
    // Everything that can fail is done before the stream is detached: until then, an error becomes an ordinary 500.
    this.#selectedSubprotocol = this.#chooseSubprotocol(offer.protocols);
    const options = this.connectionOptions();
    reportRejection(options, this.#callbackFailed);
    const settings = resolveWebSocketOptions(options);
    // The client disconnected or ended its side while `prepare` was pending: a WebSocket is no longer possible.
    if (this.request.closeReason !== undefined) {
      throw refusal(400, 'the connection ended before the upgrade');
    }
    const head = this.#encodeHead(offer, settings.clock.wallTime());
    const stream = this.detach(() => this.#connection?.close(CLOSE_CODES.goingAway));
    const connection = new WebSocketConnection(stream, 'server', this.#makeDelegate(), settings);
    this.#connection = connection;
    stream.send(head);
    this.#open(connection);
  }

  #chooseSubprotocol(offered: readonly string[]): string | undefined {
    const chosen = this.selectSubprotocol(offered);
    reportRejection(chosen, this.#callbackFailed);
    if (chosen === undefined || offered.includes(chosen)) return chosen;
    const detail = `selectSubprotocol must return one of the offered subprotocols or undefined, got ${shownValue(chosen)}`;
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_SUBPROTOCOL', detail);
  }

  #encodeHead(offer: UpgradeOffer, nowMs: number): string {
    const headers = this.response.takeHeaders();
    for (const name of NOT_OF_UPGRADES) headers.delete(name);
    const sha1Base64 = (text: string) => createHash('sha1').update(text).digest('base64');
    headers.set('Upgrade', 'websocket').set('Connection', 'Upgrade');
    headers.set('Sec-WebSocket-Accept', acceptValue(offer.key, sha1Base64));
    if (this.#selectedSubprotocol !== undefined) {
      headers.set('Sec-WebSocket-Protocol', this.#selectedSubprotocol);
    }
    return encodeSwitch(headers, nowMs);
  }

  // ---- the callbacks ----

  #open(connection: WebSocketConnection): void {
    try {
      const opening = this.onOpen();
      if (isThenable(opening)) this.#opening = Promise.resolve(opening);
    } catch (error) {
      this.#opening = Promise.reject(error);
    }
    connection.start(this.#opening);
  }

  /**
   * The promise of `onOpen`. `onClose` is called after this promise settles, so that it can undo everything that
   * `onOpen` did.
   */
  #opening: Promise<unknown> | undefined = undefined;

  #makeDelegate(): WebSocketDelegate {
    return {
      messageReceived: (message) => this.onMessage(message),
      pingReceived: (payload) => this.onPing(payload),
      pongReceived: (payload) => this.onPong(payload),
      connectionClosed: () => {
        const error = this.closeError;
        const options = error === undefined ? {} : { cause: error };
        this.request.connectionClosed(
          new WebSocketClosedError('the WebSocket connection has ended', options),
        );
        const opening = this.#opening;
        if (opening === undefined) return this.onClose();
        const close = () => this.onClose();
        return opening.then(close, close);
      },
      callbackFailed: this.#callbackFailed,
    };
  }

  readonly #callbackFailed = (error: unknown): void => {
    const { closeReason } = this.request;
    // The callback failed only because `signal` aborted when the connection ended, which is not an error.
    if (closeReason !== undefined && isCancellation(error, closeReason)) {
      this.log.debug({ error }, 'a WebSocket callback stopped because its connection had ended');
      return;
    }
    callReporting(
      () => this.logException(error),
      undefined,
      (failure) => this.log.error({ error: failure }, 'logException threw or rejected'),
    );
  };
}

/** Headers that describe a body, which a 101 does not have, or that only the handshake may set. */
const NOT_OF_UPGRADES = [
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Transfer-Encoding',
  'ETag',
  'Sec-WebSocket-Extensions',
  'Sec-WebSocket-Protocol',
];

/** Makes an error that results in an error page, as for any other request. @param reason - for the client. */
function refusal(status: number, reason: string, headers: Readonly<Record<string, string>> = {}): HTTPError {
  const detail = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  return new HTTPError(status, undefined, { detail, headers });
}

const dates = new HttpDateCache();

function encodeSwitch(headers: HTTPHeaders, nowMs: number): string {
  const encoder = new ResponseEncoder();
  encoder.begin('GET', 'HTTP/1.1', true);
  return encoder.head(101, '', headers, dates.at(nowMs), -1, false);
}

function notOpen(): Promise<void> {
  return ignorable(Promise.reject(new WebSocketClosedError('the connection is not open yet')));
}
