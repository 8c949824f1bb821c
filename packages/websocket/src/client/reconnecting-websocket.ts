import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort, reportRejection } from '@landspout/ioloop/reactor';
import { WebSocketClosedError } from '../connection/errors.ts';
import { type MessageData, toMessage } from '../connection/message-data.ts';
import { PreparedMessage } from '../connection/prepared-message.ts';
import { checkSendOptions, type SendOptions } from '../connection/send-policy.ts';
import { ignorable } from '../connection/websocket-connection.ts';
import { CLOSE_CODES, encodeClose, WebSocketUsageError } from '../protocol/index.ts';
import { webSocketChecks } from '../protocol/limits.ts';
import { MessageInbox } from './message-inbox.ts';
import {
  attemptOptions,
  type ForEachAttempt,
  type ReconnectingWebSocketOptions,
  type ReconnectSettings,
  resolveReconnectOptions,
  type WebSocketTarget,
} from './reconnect-options.ts';
import { isTemporaryClose, isTemporaryFailure } from './reconnect-policy.ts';
import { type AttemptOutcome, ReconnectSchedule } from './reconnect-schedule.ts';
import {
  READ_OPTIONS,
  type ReadMessageOptions,
  type WebSocketClientConnection,
} from './websocket-client-connection.ts';
import { type WebSocketConnectOptions, websocketConnect } from './websocket-connect.ts';

/** What a WebSocket is doing. */
type State = 'connecting' | 'open' | 'waiting' | 'closed';

/**
 * A WebSocket that connects again when its connection is lost.
 *
 * It connects when it is created, and delivers the messages of all its connections, in order. Messages that the server
 * sends while there is no connection are lost, unless the server sends them again: use `onOpen` to ask for them. Nothing
 * is queued for sending either: {@link writeMessage} rejects while there is no connection, so that the program knows.
 *
 * About 128 messages are read ahead. After that, back-pressure slows the server down, and a lost connection is noticed
 * only after the program has read more messages: so a program must read, even if it only wants to send.
 *
 * Between attempts it waits for a random time, whose limit doubles with each failure. It ends without an error if the
 * server closes with 1000 or the program calls {@link close}. After a failure that another attempt is unlikely to cure
 * (see {@link ReconnectingWebSocketOptions.shouldReconnect}), reads reject with its error.
 *
 * @example
 * await using socket = new ReconnectingWebSocket('wss://example.com/prices', {
 *   onOpen: (connection) => connection.writeMessage({ subscribe: 'EUR/USD' }),
 * });
 * for await (const message of socket) console.log(message);
 */
export class ReconnectingWebSocket implements AsyncIterable<string | Uint8Array> {
  readonly #target: ForEachAttempt<WebSocketTarget>;
  readonly #settings: ReconnectSettings;
  readonly #schedule: ReconnectSchedule;
  readonly #inbox = new MessageInbox();
  /** Aborted when the program closes this: ends waits, attempts and callbacks. */
  readonly #closing = new AbortController();
  readonly #whenClosed: Promise<void>;
  #state: State = 'connecting';
  #connection: WebSocketClientConnection | undefined;
  #isIterating = false;
  /** The error with which this has ended; after an abort, unread messages are discarded. */
  #failure: { readonly error: unknown; readonly isAbort: boolean } | undefined;

  /**
   * @param url - as for `websocketConnect`, or a function that returns it for each attempt.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or invalid. Whether `url` and
   *   `connect` are valid is known after the first attempt.
   */
  constructor(url: ForEachAttempt<WebSocketTarget>, options: ReconnectingWebSocketOptions = {}) {
    this.#settings = resolveReconnectOptions(options);
    this.#schedule = new ReconnectSchedule(this.#settings);
    this.#target = url;
    this.#whenClosed = this.#run();
  }

  /** The open connection, also while `onOpen` is pending; `undefined` if there is none. */
  get connection(): WebSocketClientConnection | undefined {
    return this.isOpen ? this.#connection : undefined;
  }

  /** Whether messages can be sent now. */
  get isOpen(): boolean {
    return this.#connection?.isOpen ?? false;
  }

  /**
   * The number of the last attempt to connect, counted from 1 after a connection that lasted for `stableMs`; 0 before
   * the first one.
   */
  get attempt(): number {
    return this.#schedule.attempt;
  }

  /**
   * Reads the next message, waiting for as many connections as necessary.
   *
   * @returns null if this has ended without an error, and all received messages were read.
   * @throws WebSocketReconnectError `ERR_WEBSOCKET_NOT_RECONNECTED` or `ERR_WEBSOCKET_ATTEMPTS`; the error of an attempt
   *   that is not repeated, as for `websocketConnect`; the error of a callback; the reason of the option `signal`. All
   *   later reads reject with the same error. WebSocketUsageError `ERR_WEBSOCKET_BUSY` if another read is pending, and
   *   the reason of the `signal` of this call: later reads continue.
   */
  async readMessage(options?: ReadMessageOptions): Promise<string | Uint8Array | null> {
    if (options !== undefined) webSocketChecks.options('readMessage', options, READ_OPTIONS);
    if (this.#failure?.isAbort) throw this.#failure.error;
    const message = await this.#inbox.read(options?.signal);
    if (message === null && this.#failure !== undefined) throw this.#failure.error;
    return message;
  }

  /**
   * Reads messages until this ends. Only one loop at a time. Leaving it early closes the WebSocket.
   *
   * @throws as {@link readMessage}.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string | Uint8Array, void, undefined> {
    if (this.#isIterating) {
      throw new WebSocketUsageError('ERR_WEBSOCKET_BUSY', 'another loop is reading the messages');
    }
    this.#isIterating = true;
    try {
      for (;;) {
        const message = await this.readMessage();
        if (message === null) return;
        yield message;
      }
    } finally {
      this.#isIterating = false;
      this.close();
    }
  }

  /**
   * Sends a message on the present connection, as `WebSocketClientConnection.writeMessage` does.
   *
   * @returns a promise that rejects with WebSocketClosedError if there is no open connection; nothing is sent later.
   *   Ignoring it is safe.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` or `ERR_WEBSOCKET_BAD_OPTION`, synchronously.
   */
  writeMessage(data: MessageData | PreparedMessage, options?: SendOptions): Promise<void> {
    const { connection } = this;
    if (connection !== undefined) return connection.writeMessage(data, options);
    if (!(data instanceof PreparedMessage)) toMessage(data); // Only to check it.
    if (options !== undefined) checkSendOptions(options);
    const cause = this.#failure?.error;
    const message = this.#state === 'closed' ? 'the WebSocket has ended' : 'there is no open connection';
    const error = new WebSocketClosedError(message, cause === undefined ? {} : { cause });
    return ignorable(Promise.reject(error));
  }

  /**
   * Ends this: no more attempts are made, and the closing handshake of the connection is started. Messages that were
   * received before the call can still be read. Later calls have no effect.
   *
   * @param code - as for `WebSocketClientConnection.close`.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE`; nothing has changed.
   */
  close(code?: number, reason = ''): void {
    encodeClose(code, reason); // Only to check the arguments.
    if (this.#isClosing || this.#state === 'closed') return;
    this.#connection?.close(code, reason);
    this.#closing.abort(new WebSocketClosedError('the program has closed the WebSocket'));
  }

  /** Resolves when this has ended, and its last connection is closed. Never rejects. */
  waitClosed(): Promise<void> {
    return this.#whenClosed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#whenClosed;
  }

  [INSPECT](): object {
    return inspection(this, ['attempt', 'connection'], () => ({
      state: this.#state,
      error: this.#failure?.error,
    }));
  }

  /** Runs from the first attempt to the end. */
  async #run(): Promise<void> {
    const stopListening = onAbort(this.#settings.signal, (reason) => this.#abort(reason));
    try {
      // The program has a reference to this before any of its callbacks is called.
      await undefined;
      let delayMs: number | undefined = 0;
      while (delayMs !== undefined && !this.#isClosing) {
        if (delayMs > 0) await this.#wait(delayMs);
        if (!this.#isClosing) delayMs = this.#plan(await this.#attemptOnce());
      }
    } catch (error) {
      this.#failure ??= { error, isAbort: false };
    }
    stopListening();
    this.#enter('closed');
    this.#inbox.connectionClosed();
  }

  /** Makes one attempt and, if it succeeds, delivers messages until the connection is closed. */
  async #attemptOnce(): Promise<AttemptOutcome> {
    this.#enter('connecting');
    this.#schedule.startAttempt();
    const { signal } = this.#closing;
    let url: WebSocketTarget;
    let connect: WebSocketConnectOptions;
    try {
      url = await currentValue(this.#target, signal);
      connect = await currentValue(this.#settings.connect, signal);
    } catch (error) {
      return failed(error, true);
    }
    try {
      this.#connection = await websocketConnect(url, attemptOptions(connect, signal));
    } catch (error) {
      return failed(error, isTemporaryFailure(error));
    }
    this.#enter('open');
    const outcome = await this.#use(this.#connection);
    this.#connection = undefined;
    return outcome;
  }

  /** Resolves when the connection is closed, and its messages are in the inbox. */
  async #use(connection: WebSocketClientConnection): Promise<AttemptOutcome> {
    const { clock, onOpen, stableMs } = this.#settings;
    const { signal } = this.#closing;
    let closedAt = 0;
    const whenClosed = connection.waitClosed().then(() => {
      closedAt = clock.now();
    });
    try {
      // If this was closed at the same moment, the connection is closed below.
      signal.throwIfAborted();
      // The connection may end while the callback waits for a message of the server.
      await Promise.race([unlessAborted(signal, onOpen?.(connection, this.attempt)), whenClosed]);
      const openedAt = clock.now();
      await this.#receive(connection);
      await whenClosed;
      const { closeCode: code, closeReason: reason, closeError: error } = connection;
      const isTemporary = isTemporaryClose(code as number, error);
      return { code, reason, error, isTemporary, isStable: closedAt - openedAt >= stableMs };
    } catch (error) {
      // The callback has failed, perhaps because the server has closed the connection; or this was closed meanwhile.
      const { closeCode: before, closeError } = connection;
      const isTemporary = before === undefined || isTemporaryClose(before, closeError);
      connection.close(CLOSE_CODES.internalError);
      await whenClosed;
      const { closeCode: code, closeReason: reason } = connection;
      return { code, reason, error, isTemporary, isStable: false };
    }
  }

  async #receive(connection: WebSocketClientConnection): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      const message = await connection.readMessage();
      if (message === null) return;
      if (this.#failure !== undefined) continue; // Reads reject already.
      const whenRoom = this.#inbox.messageReceived(message);
      // After `close`, only the few messages that the connection has read ahead are left.
      if (whenRoom !== undefined && !signal.aborted) await unlessAborted(signal, whenRoom).catch(() => {});
    }
  }

  /**
   * Notifies the program of how an attempt has ended.
   *
   * @returns how long to wait for the next one; `undefined` if this ends without an error.
   * @throws the error with which this ends.
   */
  #plan(outcome: AttemptOutcome): number | undefined {
    if (this.#isClosing) return undefined;
    const { disconnect, failure } = this.#schedule.decide(outcome);
    const { retryInMs } = disconnect;
    if (retryInMs !== undefined) this.#enter('waiting');
    const { onDisconnect } = this.#settings;
    reportRejection(onDisconnect?.(disconnect), (error) => this.#abort(error));
    if (failure !== undefined && !this.#isClosing) throw failure.error;
    return retryInMs;
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        stopListening();
        resolve();
      };
      const timer = this.#settings.clock.setTimeout(end, delayMs);
      const stopListening = onAbort(this.#closing.signal, end);
    });
  }

  /** Ends this at once with an error. */
  #abort(reason: unknown): void {
    if (this.#state === 'closed' || this.#failure !== undefined) return;
    this.#failure = { error: reason, isAbort: true };
    this.#closing.abort(reason);
    this.#connection?.abort();
    this.#inbox.connectionClosed();
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  #enter(state: State): void {
    this.#state = state;
  }
}

function failed(error: unknown, isTemporary: boolean): AttemptOutcome {
  return { code: undefined, reason: '', error, isTemporary, isStable: false };
}

function currentValue<T>(source: ForEachAttempt<T>, signal: AbortSignal): T | Promise<T> {
  return typeof source === 'function'
    ? unlessAborted(signal, (source as (signal: AbortSignal) => T | PromiseLike<T>)(signal))
    : source;
}

/** Settles with `work`, or rejects with the abort reason as soon as `signal` is aborted. */
function unlessAborted<T>(signal: AbortSignal, work: T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, reject);
    Promise.resolve(work).then(resolve, reject).finally(stopListening);
  });
}
