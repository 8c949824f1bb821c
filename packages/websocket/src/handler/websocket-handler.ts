// This room knows how a request of a web application becomes a connection, and which callbacks that has. It does not know
// frames, topics or broadcasts.

import { createHash } from 'node:crypto';
import type { HTTPHeaders } from '@landspout/http1';
import { HttpDateCache, ResponseEncoder } from '@landspout/http1/protocol';
import { isCancellation } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { callReporting, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { RequestHandler, type RouteUse } from '@landspout/web';
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
  isSameOrigin,
  originRefusal,
  type UpgradeOffer,
  WebSocketUsageError,
} from '../protocol/index.ts';

/**
 * Serves one WebSocket connection: a `RequestHandler` whose GET becomes one, and that then lives as long as the
 * connection does. Write a subclass with {@link onMessage}, and route to it like to any handler.
 *
 * `prepare` and `setDefaultHeaders` run as always: who may connect is decided there, and headers and cookies set
 * there go out with the 101. After it the methods that answer HTTP throw `ERR_WEB_FINISHED`, `onFinish` is not
 * called, and `signal` aborts when the connection has ended.
 *
 * All callbacks may be asynchronous. One that throws or rejects is logged, and the connection is closed with 1011.
 *
 * @typeParam Pattern - the route's pattern, which types `pathParams`.
 *
 * @example
 * class Echo extends WebSocketHandler {
 *   override onMessage(message: string | Uint8Array) {
 *     return this.writeMessage(message);
 *   }
 * }
 * const server = await new Application([['/echo', Echo]]).listen({ port: 8888 });
 */
export abstract class WebSocketHandler<Pattern extends string = string> extends RequestHandler<Pattern> {
  static override routeProblem({ handlerClass }: RouteUse): string | undefined {
    if (typeof (handlerClass.prototype as WebSocketHandler).onMessage === 'function') return undefined;
    // A field shows in an object only, so that its name in the text of a class has to do.
    for (let one: unknown = handlerClass; one !== WebSocketHandler; one = Object.getPrototypeOf(one)) {
      if (/\bonMessage\b/.test(String(one))) return undefined;
    }
    return `${shownValue(handlerClass)} has no method onMessage`;
  }

  #connection: WebSocketConnection | undefined = undefined;
  #selectedSubprotocol: string | undefined = undefined;

  // ---- for a subclass to define ----

  /**
   * Hears a message: text as a string, else bytes, which are yours. The next one is not read until a returned
   * promise settles, so that messages are dealt with in order and a slow handler slows its peer down.
   */
  abstract onMessage(message: string | Uint8Array): unknown;

  /** The connection is open. No message is delivered, and `onClose` not called, before a returned promise settles. */
  onOpen(): unknown {
    return undefined;
  }

  /** Runs once, when the connection is gone, however that came about. See {@link closeCode}. */
  onClose(): unknown {
    return undefined;
  }

  /** A ping, which has been answered. */
  onPing(_payload: Uint8Array): unknown {
    return undefined;
  }

  onPong(_payload: Uint8Array): unknown {
    return undefined;
  }

  /**
   * Whether a page of this origin may connect: browsers let every page try, with the visitor's cookies. Not asked
   * for a request without an Origin, which no browser sends. Anything but `true` is a 403, a promise too; the log and
   * the response name the origin.
   *
   * By default only the origin that the request's Host names. Behind a proxy that changes Host, override it.
   */
  checkOrigin(origin: string): boolean {
    return isSameOrigin(origin, this.request.headers.get('Host') ?? '');
  }

  /**
   * Chooses a subprotocol. Called once.
   *
   * @param _offered - in the client's order of preference; empty when it offered none.
   * @returns one of those, or `undefined` for none; anything else is a 500.
   */
  selectSubprotocol(_offered: readonly string[]): string | undefined {
    return undefined;
  }

  /** Limits, pings and patience of this connection. Called once, before the 101. */
  connectionOptions(): WebSocketOptions {
    return {};
  }

  // ---- for everybody ----

  /** The subprotocol that was chosen; `undefined` for none. */
  get selectedSubprotocol(): string | undefined {
    return this.#selectedSubprotocol;
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /** The code of the peer's close frame; 1005 when it gave none, 1006 when none came; `undefined` before the end. */
  get closeCode(): number | undefined {
    return this.#connection?.closeCode;
  }

  /** The reason in the peer's close frame, or an empty string. */
  get closeReason(): string {
    return this.#connection?.closeReason ?? '';
  }

  /** Why there was no orderly end, where that is known: what the peer did wrong, a deadline, the network. */
  get closeError(): Error | undefined {
    return this.#connection?.closeError;
  }

  /** Bytes that wait for the peer to read. */
  get queuedBytes(): number {
    return this.#connection?.queuedBytes ?? 0;
  }

  /** Sends text, bytes, or an object as JSON. See {@link WebSocketConnection.writeMessage}. */
  writeMessage(data: MessageData): Promise<void> {
    return this.#connection?.writeMessage(data) ?? notOpen();
  }

  /** Sends what `encodeMessage` has made, the way to broadcast. See {@link WebSocketConnection.sendFrame}. */
  sendFrame(frame: Uint8Array): boolean {
    return this.#connection?.sendFrame(frame) ?? false;
  }

  /** Sends a ping of at most 125 bytes. See {@link WebSocketConnection.ping}. */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    return this.#connection?.ping(payload) ?? notOpen();
  }

  /** Begins the closing handshake; `onClose` follows. See {@link WebSocketConnection.close}. */
  close(code?: number, reason = ''): void {
    this.#connection?.close(code, reason);
  }

  /** Cuts the connection without a close frame; `onClose` follows. */
  abort(error?: Error): void {
    this.#connection?.abort(error);
  }

  /** TCP_NODELAY, which is on by default. */
  setNoDelay(on: boolean): void {
    this.#connection?.setNoDelay(on);
  }

  // ---- the opening handshake ----

  /** The upgrade. Not for a subclass: use `prepare` and {@link onOpen}. */
  override get(): void {
    const { method, version, headers } = this.request;
    const offer = checkUpgradeRequest({ method, version, header: (name) => headers.get(name) });
    if (!offer.ok) {
      this.#refuse(offer.status, offer.reason, offer.headers);
      return;
    }
    const origin = headers.get('Origin');
    if (origin === undefined || this.#allows(origin)) this.#upgrade(offer);
  }

  /** Refuses an origin that may not connect, and says so: whoever set the server up looks for it in the log. */
  #allows(origin: string): boolean {
    const answer: unknown = this.checkOrigin(origin);
    reportRejection(answer, this.#callbackFailed);
    if (answer === true) return true;
    const isDefault = this.checkOrigin === WebSocketHandler.prototype.checkOrigin;
    const host = this.request.headers.get('Host') ?? '';
    const reason = originRefusal(origin, host, answer, isDefault);
    const details = { status: 403, peer: this.request.remoteAddress };
    this.application.refusalLog.warn('websocket-origin', details, `refused a WebSocket: ${reason}`);
    this.#refuse(403, reason, {});
    return false;
  }

  override [INSPECT](): object {
    return inspection(
      this,
      ['request', 'isOpen', 'selectedSubprotocol', 'closeCode', 'closeReason', 'closeError', 'queuedBytes'],
      () => ({ application: undefined }),
    );
  }

  #refuse(status: number, reason: string, headers: Readonly<Record<string, string>>): void {
    this.setStatus(status);
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    this.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    this.finish(`${reason}\n`);
  }

  #upgrade(offer: UpgradeOffer): void {
    // All that can fail comes first: until the stream is detached, an error is an ordinary 500.
    this.#selectedSubprotocol = this.#chooseSubprotocol(offer.protocols);
    const options = this.connectionOptions();
    reportRejection(options, this.#callbackFailed);
    const settings = resolveWebSocketOptions(options);
    const head = this.#encodeHead(offer, settings.clock.wallTime());
    // The peer has left, or has ended its half, while `prepare` waited: no WebSocket can come of it.
    if (this.request.closeReason !== undefined) {
      this.#refuse(400, 'the connection ended before the upgrade', {});
      return;
    }
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
    const detail = `selectSubprotocol: one of the offered was expected, not ${shownValue(chosen)}`;
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_SUBPROTOCOL', detail);
  }

  #encodeHead(offer: UpgradeOffer, nowMs: number): string {
    const headers = this.responseHeaders.copy();
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

  /** What `onOpen` waits for: `onClose` comes after it, or what it began could never be undone. */
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
    // The callback passed on that `signal` aborted with the connection, which is no error.
    if (closeReason !== undefined && isCancellation(error, closeReason)) {
      this.application.logger.debug({ error }, 'a callback gave up after its connection had ended');
      return;
    }
    callReporting(
      () => this.logException(error),
      undefined,
      (failure) => this.application.logger.error({ error: failure }, 'logException failed'),
    );
  };
}

/** Describe a body, which a 101 has not, or are decided by the handshake alone. */
const NOT_OF_UPGRADES = [
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Transfer-Encoding',
  'ETag',
  'Sec-WebSocket-Extensions',
  'Sec-WebSocket-Protocol',
];

const dates = new HttpDateCache();

function encodeSwitch(headers: HTTPHeaders, nowMs: number): string {
  const encoder = new ResponseEncoder();
  encoder.begin('GET', 'HTTP/1.1', true);
  return encoder.head(101, '', headers, dates.at(nowMs), -1, false);
}

function notOpen(): Promise<void> {
  return ignorable(Promise.reject(new WebSocketClosedError('the connection is not open yet')));
}
