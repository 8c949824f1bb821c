// Upgrades a request of a web application to a WebSocket connection, and calls the callbacks of the handler. Does not
// know frames, topics or broadcasts.

import type { StopNotice } from '@landspout/http1';
import { isCancellation } from '@landspout/ioloop';
import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { callReporting, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { type ApplicationSettings, RequestHandler, type RouteUse } from '@landspout/web';
import type { WebSocketDelegate } from '../connection/delegate.ts';
import { WebSocketClosedError, WebSocketMessageError } from '../connection/errors.ts';
import type { MessageData } from '../connection/message-data.ts';
import type { PreparedMessage } from '../connection/prepared-message.ts';
import type { SendOptions, SendPolicy } from '../connection/send-policy.ts';
import { ignorable, type WebSocketConnection } from '../connection/websocket-connection.ts';
import { sharedSettings, type WebSocketOptions } from '../connection/websocket-options.ts';
import {
  checkUpgradeRequest,
  originRefusal,
  type UpgradeOffer,
  WebSocketUsageError,
} from '../protocol/index.ts';
import { AllowedOrigins } from './allowed-origins.ts';
import { messageMethodsProblem, webSocketClassProblem } from './handler-check.ts';
import { MessageIterator } from './message-iterator.ts';
import { switchProtocols, withPings } from './server-handshake.ts';
import { refusal, refusalOfStopping } from './upgrade-refusal.ts';

type AnyHandler = WebSocketHandler<string, object>;

// For the delegate, which is a class of its own.
let openingOf: (handler: AnyHandler) => Promise<unknown> | undefined;
let callbackFailed: (handler: AnyHandler, error: unknown) => void;
let openConnection: (handler: AnyHandler) => WebSocketConnection | undefined;

/** The connection of a handler, for handlers of this package; undefined before the upgrade. */
export function connectionOf(handler: AnyHandler): WebSocketConnection | undefined {
  return openConnection(handler);
}

/**
 * Serves one WebSocket connection: a `RequestHandler` whose `get` upgrades the connection, and which then exists as
 * long as the connection does. Write a subclass with {@link onMessage} or {@link onMessages}, and add a route for it as
 * for any handler.
 *
 * Middleware, `prepare` and `setDefaultHeaders` run as usual: use them to check who may connect. A refused upgrade gets
 * the same error page as any other refused request. Headers and cookies set by middleware, `prepare` or
 * `setDefaultHeaders` are sent with the 101. After the 101, methods that write an HTTP response throw
 * `ERR_WEB_FINISHED`, `onFinish` is not called, and `signal` aborts when the connection has ended.
 *
 * All callbacks may be asynchronous. If one throws or rejects, the error is logged and the connection is closed with
 * 1011; for a {@link WebSocketMessageError}, see there.
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
  /**
   * Origins whose pages may connect, besides those of this site: `https://app.example.com`, `https://*.example.com` for
   * all subdomains of `example.com` but not for `example.com` itself, and `'*'` for every page. Used by the default
   * {@link checkOrigin}. Checked when a route uses the class. Default: none.
   *
   * With `'*'`, any page can open a connection with the cookies of its visitor. Do not use it if cookies say who the
   * user is.
   */
  static readonly allowedOrigins?: readonly string[];

  /**
   * The subprotocols of this class, in its order of preference: at most 64 different tokens. The default
   * {@link selectSubprotocol} chooses the first that the client offered. Checked when a route uses the class. Default:
   * none.
   */
  static readonly subprotocols?: readonly string[];

  static override routeProblem({ handlerClass }: RouteUse): string | undefined {
    return webSocketClassProblem(handlerClass, WebSocketHandler);
  }

  #connection: WebSocketConnection | undefined = undefined;
  #selectedSubprotocol: string | undefined = undefined;
  /** The argument of {@link onMessages}, if the handler has that method. */
  #messages: MessageIterator | undefined = undefined;

  // ---- for a subclass to define ----

  /**
   * Called with each message: text as a string, binary as bytes, which the handler owns. If it returns a promise, the
   * next message is not read until the promise settles. Messages are therefore handled in order, and a slow handler
   * slows its peer down. A class defines either this method or {@link onMessages}.
   */
  onMessage?(message: string | Uint8Array): unknown;

  /**
   * Called once, after `onOpen` has settled, with all messages: define it instead of {@link onMessage} to handle them in
   * a loop. A message is read when the loop asks for it, as if `onMessage` had returned a promise until then. The loop
   * ends when the connection is closed. If the connection ends while `onOpen` is pending, it is not called.
   *
   * When it returns, or its promise resolves, the connection is closed with 1000. If the loop is left early, later
   * messages are discarded, but messages can still be sent until then. If it throws or rejects, the error is logged and
   * the connection is closed with 1011. `onClose` does not wait for it: if the peer disappears while the loop handles a
   * message, `onClose` is called first.
   *
   * @example
   * override async onMessages(messages: AsyncIterable<string | Uint8Array>) {
   *   for await (const message of messages) await this.writeMessage(message);
   * }
   */
  onMessages?(messages: AsyncIterable<string | Uint8Array>): unknown;

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
   * By default, only the origins of this site and {@link allowedOrigins} are allowed. Those of this site are the setting
   * `publicOrigin` or, without that setting, every origin with the host of the request. If a proxy changes the Host
   * header, use the setting.
   */
  checkOrigin(origin: string): boolean {
    if (this.request.isOwnOrigin(origin)) return true;
    const { allowedOrigins } = this.constructor as typeof WebSocketHandler;
    return allowedOrigins !== undefined && AllowedOrigins.of(allowedOrigins).allows(origin);
  }

  /**
   * Chooses a subprotocol: by default the first of {@link subprotocols} that the client offered. Called once.
   *
   * @param offered - the subprotocols of the client, in its order of preference; empty if it offered none.
   * @returns one of them, or `undefined` for none. Anything else results in a 500.
   */
  selectSubprotocol(offered: readonly string[]): string | undefined {
    const { subprotocols } = this.constructor as typeof WebSocketHandler;
    return subprotocols?.find((name) => offered.includes(name));
  }

  /**
   * Returns the limits, pings and timeouts of this connection. Called once, before the 101. Unlike those of a client,
   * connections of a handler are pinged every 30 s by default; `{ pingIntervalMs: 0 }` turns pings off.
   */
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

  /**
   * Sends text, bytes, an object as JSON, or a message that is prepared for many connections. See
   * {@link WebSocketConnection.writeMessage}.
   */
  writeMessage(data: MessageData | PreparedMessage, options?: SendOptions): Promise<void> {
    return this.#connection?.writeMessage(data, options) ?? notOpen();
  }

  /** Sends a prepared message without a promise, for `broadcast`. See {@link WebSocketConnection.sendMessage}. */
  sendMessage(message: PreparedMessage, policy?: SendPolicy, key?: string): boolean {
    return this.#connection?.sendMessage(message, policy, key) ?? false;
  }

  /** Whether both sides have agreed to compress messages. */
  get isCompressed(): boolean {
    return this.#connection?.isCompressed ?? false;
  }

  /** Messages that were dropped because the peer reads too slowly. See {@link SendPolicy}. */
  get droppedMessages(): number {
    return this.#connection?.droppedMessages ?? 0;
  }

  /** The bytes of {@link droppedMessages}. */
  get droppedBytes(): number {
    return this.#connection?.droppedBytes ?? 0;
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
    reportRejection(answer, (error) => this.#callbackFailed(error));
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
    reportRejection(options, (error) => this.#callbackFailed(error));
    const settings = sharedSettings(this.constructor, withPings(options));
    this.#messages = this.#makeIterator();
    // The client disconnected or ended its side while `prepare` was pending: a WebSocket is no longer possible.
    if (this.request.closeReason !== undefined) {
      throw refusal(400, 'the connection ended before the upgrade');
    }
    if (this.exchange.stopping.aborted) {
      // Not thrown: every client that reconnects during a stop would be logged as an error with status 503.
      this.sendError(503, refusalOfStopping(settings.randomBytes));
      return;
    }
    const upgrade = {
      head: this.request.head,
      offer,
      protocol: this.#selectedSubprotocol,
      settings,
      takeHeaders: () => this.response.takeHeaders(),
      detach: (onStopping: (notice: StopNotice) => void) => this.detach(onStopping),
    };
    const { connection } = switchProtocols(upgrade, new HandlerDelegate(this, this.#messages));
    this.#connection = connection;
    this.#open(connection);
  }

  /** Fields of the instance count here, which the check of the class does not see. */
  #makeIterator(): MessageIterator | undefined {
    const problem = messageMethodsProblem(this, shownValue(this.constructor));
    if (problem !== undefined) {
      throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_OPTION', `WebSocketHandler: ${problem}`);
    }
    return this.onMessages === undefined ? undefined : new MessageIterator();
  }

  #chooseSubprotocol(offered: readonly string[]): string | undefined {
    const chosen = this.selectSubprotocol(offered);
    reportRejection(chosen, (error) => this.#callbackFailed(error));
    if (chosen === undefined || offered.includes(chosen)) return chosen;
    const detail = `selectSubprotocol must return one of the offered subprotocols or undefined, got ${shownValue(chosen)}`;
    throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_SUBPROTOCOL', detail);
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
    const messages = this.#messages;
    if (messages === undefined) return;
    const read = (): void => {
      if (connection.isOpen) messages.readBy((all) => this.onMessages?.(all), connection);
    };
    if (this.#opening === undefined) read();
    else this.#opening.then(read, () => {});
  }

  /**
   * The promise of `onOpen`. `onClose` is called after this promise settles, so that it can undo everything that
   * `onOpen` did.
   */
  #opening: Promise<unknown> | undefined = undefined;

  static {
    openingOf = (handler) => handler.#opening;
    callbackFailed = (handler, error) => handler.#callbackFailed(error);
    openConnection = (handler) => handler.#connection;
  }

  #callbackFailed(error: unknown): void {
    if (error instanceof WebSocketMessageError) {
      const { closeCode, closeReason } = error;
      this.log.debug(
        { error },
        `a WebSocket message was refused; the connection is closed with ${closeCode}`,
      );
      // After this, the connection does not send another close frame for the error.
      this.#connection?.close(closeCode, closeReason);
      return;
    }
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
  }
}

/** Passes the events of a connection to its handler. */
class HandlerDelegate implements WebSocketDelegate {
  readonly #handler: AnyHandler;
  readonly #messages: MessageIterator | undefined;

  constructor(handler: AnyHandler, messages: MessageIterator | undefined) {
    this.#handler = handler;
    this.#messages = messages;
  }

  messageReceived(message: string | Uint8Array): unknown {
    if (this.#messages !== undefined) return this.#messages.push(message);
    return this.#handler.onMessage?.(message);
  }

  pingReceived(payload: Uint8Array): unknown {
    return this.#handler.onPing(payload);
  }

  pongReceived(payload: Uint8Array): unknown {
    return this.#handler.onPong(payload);
  }

  connectionClosed(): unknown {
    const handler = this.#handler;
    const { closeError } = handler;
    const options = closeError === undefined ? {} : { cause: closeError };
    const error = new WebSocketClosedError('the WebSocket connection has ended', options);
    handler.request.connectionClosed(error);
    this.#messages?.end();
    const opening = openingOf(handler);
    if (opening === undefined) return handler.onClose();
    const close = () => handler.onClose();
    return opening.then(close, close);
  }

  callbackFailed(error: unknown): void {
    callbackFailed(this.#handler, error);
  }
}

function notOpen(): Promise<void> {
  return ignorable(Promise.reject(new WebSocketClosedError('the connection is not open yet')));
}
