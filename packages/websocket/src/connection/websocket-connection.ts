// One open connection over a stream, the same for client and server: frames, deadlines, back-pressure and the closing
// handshake. Does not know HTTP, handlers or how a client connects.

import type { Buffer } from 'node:buffer';
import type { RequestHead } from '@landspout/http1';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  callReporting,
  Deadline,
  type DeadlineEntry,
  isThenable,
  reportRejection,
} from '@landspout/ioloop/reactor';
import type { IOStream, StreamConsumer } from '@landspout/iostream';
import { isBusy } from '../compression/errors.ts';
import { MessageCompression } from '../compression/message-compression.ts';
import {
  CLOSE,
  CLOSE_CODES,
  COMPRESSED_MESSAGE,
  type DeflateAgreement,
  encodeClose,
  encodePing,
  FrameDecoder,
  type FrameEvent,
  MESSAGE,
  PING,
  WebSocketProtocolError,
  type WebSocketRole,
} from '../protocol/index.ts';
import { wheelOf } from './deadline-wheels.ts';
import type { WebSocketDelegate } from './delegate.ts';
import { WebSocketClosedError, WebSocketLimitError, WebSocketTimeoutError } from './errors.ts';
import { type FrameListener, FramePump } from './frame-pump.ts';
import { FrameWriter } from './frame-writer.ts';
import { type MessageData, toMessage } from './message-data.ts';
import { MessageWriter } from './message-writer.ts';
import { PingSchedule, type PingTarget } from './ping-schedule.ts';
import { PreparedMessage } from './prepared-message.ts';
import { checkSendOptions, type SendOptions, type SendPolicy } from './send-policy.ts';
import {
  areConnectionsHeard,
  deliverMessage,
  publishConnectionEnd,
  publishConnectionStart,
  publishSent,
} from './websocket-channels.ts';
import type { WebSocketSettings } from './websocket-options.ts';

/**
 * The state of a connection.
 *
 * - open: messages are sent and received
 * - closing: we sent a close frame and wait for the peer's close frame; other frames are discarded
 * - ending: no more frames are sent or received, and TCP is being closed
 * - closed: the connection is closed, and the delegate was notified
 */
type State = 'open' | 'closing' | 'ending' | 'closed';

/** Notified of the end of a connection before its delegate. */
export interface CloseListener {
  /** Called once. Must not throw. */
  connectionClosed(): void;
}

/** How long we wait for the peer to read our close frame before we close TCP. */
const LINGER_MS = 2_000;
const MAX_REASON_BYTES = 123;

/**
 * One WebSocket connection after its opening handshake: frames over a stream, the closing handshake and deadlines (RFC
 * 6455). Client and server differ only in two ways: the client masks its frames, and the server closes TCP first.
 *
 * If the peer breaks the protocol or a limit, it is sent a close frame with the code of that error. `closeCode` never
 * shows a code that we sent: it is the peer's code, 1005 if the peer's close frame had no code, or 1006 if there was no
 * close frame. See `closeError` for the cause.
 */
export class WebSocketConnection implements StreamConsumer, FrameListener, PingTarget, DeadlineEntry {
  readonly #stream: IOStream;
  readonly #role: WebSocketRole;
  readonly #delegate: WebSocketDelegate;
  readonly #settings: WebSocketSettings;
  readonly #decoder: FrameDecoder;
  readonly #pump: FramePump;
  readonly #frames: FrameWriter;
  readonly #messages: MessageWriter;
  readonly #compression: MessageCompression | undefined;
  #state: State = 'open';
  #closeCode: number | undefined;
  #closeReason = '';
  #closeError: Error | undefined;
  #hasPeerEnded = false;
  #closeListener: CloseListener | undefined;
  /** For the diagnostics channels; undefined if they had no subscribers at the start. */
  readonly #head: RequestHead | undefined;
  #pings: PingSchedule | undefined;
  #deadline: Deadline | undefined;

  /**
   * Takes over the stream. Messages can be written at once, but nothing is read before {@link start} is called.
   *
   * @param deflate - what the opening handshake has agreed on for compression; also requires the setting `compression`.
   * @param head - of the request that was upgraded, for the messages on diagnostics channels; of a server.
   */
  constructor(
    stream: IOStream,
    role: WebSocketRole,
    delegate: WebSocketDelegate,
    settings: WebSocketSettings,
    deflate?: DeflateAgreement,
    head?: RequestHead,
  ) {
    const { maxMessageBytes, maxFragments, compression } = settings;
    this.#stream = stream;
    this.#role = role;
    this.#delegate = delegate;
    this.#settings = settings;
    if (deflate !== undefined && compression !== undefined)
      this.#compression = new MessageCompression(compression, deflate);
    const mayCompress = this.#compression !== undefined;
    this.#decoder = new FrameDecoder({ role, mayCompress, maxMessageBytes, maxFragments });
    this.#pump = new FramePump(stream, this.#decoder, this);
    this.#frames = new FrameWriter(stream, role, settings);
    this.#messages = new MessageWriter(stream, this.#frames, settings, this.#compression, this);
    this.#head = areConnectionsHeard() ? (head?.received ?? head) : undefined;
    stream.setConsumer(this);
    publishConnectionStart(this, role, this.#head);
  }

  /**
   * Starts to read. No message is delivered before `ready` settles; if it rejects, the connection is closed with 1011.
   */
  start(ready?: unknown): void {
    this.#holdFor(ready);
    const { pingIntervalMs, pingTimeoutMs, clock } = this.#settings;
    if (pingIntervalMs > 0 && this.#state === 'open') {
      this.#pings = new PingSchedule(this, clock, pingIntervalMs, pingTimeoutMs);
    }
    this.#stream.resume();
  }

  // ---- state ----

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /**
   * The code in the peer's close frame: 1005 if the frame had no code, 1006 if the connection ended without a close
   * frame. `undefined` until then.
   */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** The reason in the peer's close frame; empty if there is none. */
  get closeReason(): string {
    return this.#closeReason;
  }

  /**
   * Why the connection did not close in an orderly way, if known: a protocol error of the peer, a timeout, a network
   * error, an error of a callback of the delegate, a full queue, or the error that was passed to `abort`.
   */
  get closeError(): Error | undefined {
    return this.#closeError;
  }

  /** Bytes that were written but are not yet sent, because the peer does not read fast enough. */
  get queuedBytes(): number {
    return this.#messages.unsentBytes;
  }

  /** Whether at least `highWaterBytes` are unsent: a source that can wait should wait with {@link whenDrained}. */
  get isFull(): boolean {
    return this.#messages.isFull;
  }

  /**
   * Waits until at most `lowWaterBytes` are unsent. Only for a connection that {@link isFull}.
   *
   * @throws WebSocketClosedError if the connection ends first, or is not open. Ignoring the rejection is safe.
   */
  whenDrained(): Promise<void> {
    return this.#state === 'open' ? this.#messages.whenDrained() : this.#refused();
  }

  /** Sets the only object besides the delegate that is notified of the end of the connection, before the delegate. */
  setCloseListener(listener: CloseListener): void {
    this.#closeListener = listener;
  }

  /** Messages that were dropped because the peer reads too slowly; see {@link SendPolicy}. */
  get droppedMessages(): number {
    return this.#messages.droppedMessages;
  }

  /** The bytes of {@link droppedMessages}. */
  get droppedBytes(): number {
    return this.#messages.droppedBytes;
  }

  /** Whether both sides have agreed to compress messages. */
  get isCompressed(): boolean {
    return this.#compression !== undefined;
  }

  // ---- writing ----

  /**
   * Sends a message; see {@link MessageData}. Messages are sent in the order of the calls, whether or not the promises
   * are awaited.
   *
   * @param data - bytes may be modified again after the call.
   * @param options - the policy for this message, and its key.
   * @returns a promise for back-pressure: it is resolved while at most `highWaterBytes` are unsent, and otherwise
   *   resolves when at most `lowWaterBytes` are. Ignoring it is safe. It rejects with WebSocketClosedError if the
   *   connection is not open or ends first, and with WebSocketLimitError if there is no room: see {@link SendPolicy}.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` or `ERR_WEBSOCKET_BAD_OPTION`, synchronously.
   */
  writeMessage(data: MessageData | PreparedMessage, options?: SendOptions): Promise<void> {
    const message = data instanceof PreparedMessage ? data : toMessage(data);
    if (options !== undefined) checkSendOptions(options);
    if (this.#state !== 'open') return this.#refused();
    const policy = options?.policy ?? this.#settings.sendPolicy;
    const full = this.#messages.send(message, policy, options?.key);
    // The message could not be compressed.
    if (!this.isOpen) return this.#refused();
    if (full === undefined) {
      publishSent(this, this.#role, message);
      return this.#messages.whenReady(policy);
    }
    this.#queueFull(full, policy);
    return ignorable(Promise.reject(full));
  }

  /**
   * Like {@link writeMessage}, but without a promise: for broadcasts.
   *
   * @returns whether the message was accepted: false if the connection is not open, or there is no room for the message.
   */
  sendMessage(message: PreparedMessage, policy = this.#settings.sendPolicy, key?: string): boolean {
    if (this.#state !== 'open') return false;
    const full = this.#messages.send(message, policy, key);
    if (full !== undefined) {
      this.#queueFull(full, policy);
      return false;
    }
    publishSent(this, this.#role, message);
    return true;
  }

  /**
   * Sends a ping of at most 125 bytes, ahead of messages that wait.
   *
   * @returns a promise like that of {@link writeMessage}.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CONTROL`, synchronously.
   */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    if (this.#state !== 'open') {
      encodePing(payload); // Only to check the payload.
      return this.#refused();
    }
    if (this.#frames.ping(payload)) return this.#messages.whenReady('wait');
    return ignorable(Promise.reject(new WebSocketLimitError('the stream has no room for a ping')));
  }

  /** Sets TCP_NODELAY, which is on by default. */
  setNoDelay(on: boolean): void {
    this.#stream.setNoDelay(on);
  }

  // ---- closing by this side ----

  /**
   * Starts the closing handshake. Messages that were written before the call are sent first; messages that are received
   * after it are discarded. If the peer's close frame does not arrive within `closeTimeoutMs`, the connection is reset.
   * Later calls have no effect.
   *
   * @param code - 1000 to 1003, 1007 to 1014 or 3000 to 4999. Default: 1000 if there is a reason, otherwise no code.
   * @param reason - at most 123 bytes of UTF-8.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE`; the connection stays open.
   */
  close(code?: number, reason = ''): void {
    if (this.#state !== 'open') return;
    encodeClose(code, reason); // Only to check the arguments.
    this.#enter('closing');
    this.#pings?.stop();
    this.#expire();
    this.#messages.finish(() => {
      if (!this.#frames.sendClose(code, reason))
        this.abort(new WebSocketLimitError('there is no room for a close frame'));
    });
    this.#pump.release();
  }

  /** Resets the connection without a close frame. The delegate is notified in a later loop iteration. */
  abort(error?: Error): void {
    if (this.#state === 'closed') return;
    this.#enter('ending');
    this.#messages.abandon();
    this.#closeError ??= error;
    this.#pings?.stop();
    this.#stream.reset(error);
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    this.#pings?.heard();
    this.#pump.received(bytes, start, end);
  }

  /**
   * A bare end of TLS is like any other: frames have lengths, and the peer's close frame ends the messages. Without one,
   * the code is 1006.
   */
  ended(): void {
    this.#hasPeerEnded = true;
    // A reply that is being compressed, and then our close frame, are still to be sent.
    if (this.#state === 'ending' && this.#messages.isFinishing) return;
    // The peer may have ended its side without waiting for our close frame, which may still be queued.
    if (this.#state === 'ending' && this.#stream.queuedBytes > 0) this.#stream.closeGracefully(LINGER_MS);
    else this.#stream.close();
  }

  drained(): void {
    if (this.#state === 'open') this.#frames.drained();
  }

  closed(error: Error | undefined): void {
    this.#enter('closed');
    this.#pings?.stop();
    this.#deadline?.close();
    this.#closeCode ??= CLOSE_CODES.abnormal;
    this.#closeError ??= error;
    this.#messages.closed(this.#closeError, this.#closeCode);
    this.#compression?.close();
    this.#closeListener?.connectionClosed();
    this.#closeListener = undefined;
    publishConnectionEnd(this, this.#role, this.#head, this.#closeCode, this.#closeError);
    callReporting(
      () => this.#delegate.connectionClosed(),
      undefined,
      (failure) => this.#callbackFailed(failure),
    );
  }

  /** Called when the closing handshake has taken too long. */
  deadlinePassed(): void {
    const detail = `the closing handshake took longer than ${this.#settings.closeTimeoutMs} ms`;
    this.abort(new WebSocketTimeoutError('ERR_WEBSOCKET_CLOSE_TIMEOUT', detail));
  }

  // ---- events of the ping schedule ----

  get isPaused(): boolean {
    return this.#pump.isPaused;
  }

  sendPing(): void {
    this.#frames.ping('');
  }

  pingTimedOut(): void {
    const detail = `nothing was received within ${this.#settings.pingTimeoutMs} ms of a ping`;
    const error = new WebSocketTimeoutError('ERR_WEBSOCKET_PING_TIMEOUT', detail);
    this.#fail(CLOSE_CODES.internalError, 'ping timed out', error);
  }

  /** Closes the connection with 1011, because of an error of the program that no callback has thrown. */
  programFailed(error: unknown): void {
    this.#callbackFailed(error);
  }

  // ---- events of the message writer ----

  writingFailed(error: unknown): void {
    this.#fail(CLOSE_CODES.internalError, '', asError(error));
  }

  // ---- events of the pump ----

  get isListening(): boolean {
    return this.#state === 'open' || this.#state === 'closing';
  }

  frameReceived(event: FrameEvent): void {
    if (event === CLOSE) this.#closeReceived();
    else if (this.#state === 'open') this.#deliver(event);
  }

  readingResumed(): void {
    // The pong may be among the bytes that were not read.
    this.#pings?.heard();
  }

  decodingFailed(error: unknown): void {
    if (error instanceof WebSocketProtocolError) this.#fail(error.closeCode, error.message, error, true);
    else if (isBusy(error))
      this.#fail(CLOSE_CODES.tryAgainLater, 'too many messages are waiting', error as Error);
    else this.#callbackFailed(error);
  }

  [INSPECT](): object {
    return inspection(this, ['closeCode', 'closeReason', 'closeError', 'queuedBytes'], () => ({
      role: this.#role,
      state: this.#state,
      stream: this.#stream,
    }));
  }

  #deliver(event: FrameEvent): void {
    const delegate = this.#delegate;
    const { payload } = this.#decoder;
    try {
      if (event === MESSAGE) {
        this.#holdFor(this.#receive(this.#decoder.message));
      } else if (event === COMPRESSED_MESSAGE) {
        this.#inflate(this.#decoder.compressed, this.#decoder.isText);
      } else if (event === PING) {
        this.#frames.answerPing(payload);
        this.#holdFor(delegate.pingReceived(payload));
      } else {
        this.#holdFor(delegate.pongReceived(payload));
      }
    } catch (error) {
      this.#callbackFailed(error);
    }
  }

  #inflate(payload: Uint8Array, isText: boolean): void {
    const compression = this.#compression as MessageCompression;
    const { maxMessageBytes } = this.#settings;
    let message: string | Uint8Array | Promise<string | Uint8Array>;
    try {
      message = isText
        ? compression.inflateText(payload, maxMessageBytes)
        : compression.inflate(payload, maxMessageBytes);
    } catch (error) {
      this.decodingFailed(error);
      return;
    }
    if (!isThenable(message)) {
      this.#holdFor(this.#inflated(message));
      return;
    }
    const delivered = Promise.resolve(message).then(
      (inflated) => this.#inflated(inflated),
      (error) => this.decodingFailed(error),
    );
    this.#pump.holdUntil(delivered, (error) => this.#callbackFailed(error));
  }

  /** Returns what the delegate returns, and throws what it throws. */
  #inflated(message: string | Uint8Array): unknown {
    return this.#state === 'open' ? this.#receive(message) : undefined;
  }

  #receive(message: string | Uint8Array): unknown {
    return deliverMessage(this, this.#role, this.#delegate, message, this.#settings.clock);
  }

  /**
   * If `result` is a promise, delivers nothing more until it settles. After we have started to close, no messages are
   * delivered anyway, so only a rejection of `result` matters.
   */
  #holdFor(result: unknown): void {
    if (!isThenable(result)) return;
    if (this.#state === 'open') this.#pump.holdUntil(result, (error) => this.#callbackFailed(error));
    else this.#watch(result);
  }

  #watch(result: unknown): void {
    if (isThenable(result)) reportRejection(result, (error) => this.#callbackFailed(error));
  }

  // ---- closing by the peer or after an error ----

  #closeReceived(): void {
    this.#closeCode = this.#decoder.closeCode;
    this.#closeReason = this.#decoder.closeReason;
    const isOwed = this.#state === 'open' || this.#messages.isFinishing;
    this.#enter('ending');
    this.#pings?.stop();
    this.#expire();
    // RFC 6455 §5.5.1: the peer's code is sent back. 1005 is never sent: it only reports that there was no code.
    const code = this.#closeCode === CLOSE_CODES.noStatus ? undefined : this.#closeCode;
    this.#afterReplies(() => {
      if (isOwed && !this.#frames.sendClose(code, '')) this.abort();
      // RFC 6455 §7.1.1: the server closes TCP first, so that the TIME_WAIT state is on the server and not on the client.
      else if (this.#role === 'server' || this.#hasPeerEnded) this.#stream.closeGracefully(LINGER_MS);
    });
  }

  /**
   * Calls `end`, but if a reply to an earlier message of the peer is being compressed, after that was passed to the
   * stream. The other messages that wait are dropped.
   */
  #afterReplies(end: () => void): void {
    if (this.#messages.isEncoding) {
      this.#messages.finish(end);
    } else {
      this.#messages.abandon();
      end();
    }
  }

  /** Called when a callback of the delegate threw or rejected. */
  #callbackFailed(error: unknown): void {
    // A write that failed because the connection ended is not an error of the delegate.
    if (!(error instanceof WebSocketClosedError) || this.#state === 'open') {
      this.#delegate.callbackFailed(error);
    }
    this.#fail(CLOSE_CODES.internalError, '', asError(error));
  }

  /** A message has no room. */
  #queueFull(error: WebSocketLimitError, policy: SendPolicy): void {
    if (policy !== 'close') return;
    this.#fail(CLOSE_CODES.policyViolation, 'too much is waiting to be read', error);
  }

  /**
   * Fails the connection (RFC 6455 §7.1.7): sends a close frame with the code, and closes without waiting for the
   * peer's close frame.
   *
   * @param repliesFirst - whether a reply that is being compressed is sent before the close frame.
   */
  #fail(code: number, reason: string, error: Error, repliesFirst = false): void {
    if (!this.isListening) return;
    const isOwed = this.#state === 'open' || this.#messages.isFinishing;
    this.#enter('ending');
    this.#closeError = error;
    this.#pings?.stop();
    this.#expire();
    const end = (): void => {
      if (isOwed && !this.#frames.sendClose(code, clip(reason))) this.abort(error);
      else this.#stream.closeGracefully(LINGER_MS);
    };
    if (repliesFirst) {
      this.#afterReplies(end);
    } else {
      this.#messages.abandon();
      end();
    }
  }

  #expire(): void {
    this.#deadline ??= new Deadline(wheelOf(this.#settings.clock), this);
    this.#deadline.set(this.#settings.closeTimeoutMs);
  }

  /** The only place where the state is assigned. The state only moves forward in the order of {@link State}. */
  #enter(state: State): void {
    this.#state = state;
  }

  #refused(): Promise<void> {
    const cause = this.#closeError;
    const options = cause === undefined ? {} : { cause };
    const code = this.#closeCode === undefined ? '' : ` (close code ${this.#closeCode})`;
    return ignorable(
      Promise.reject(new WebSocketClosedError(`the connection is ${this.#state}${code}`, options)),
    );
  }
}

/** Marks a promise as handled, so that ignoring its rejection is safe. */
export function ignorable(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Shortens a reason so that it fits into a close frame. Our own reasons are ASCII. */
function clip(reason: string): string {
  return reason.slice(0, MAX_REASON_BYTES);
}
