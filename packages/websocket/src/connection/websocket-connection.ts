// One open connection over a stream, the same for client and server: frames, deadlines, back-pressure and the closing
// handshake. Does not know HTTP, handlers or how a client connects.

import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  callReporting,
  Deadline,
  type DeadlineEntry,
  isThenable,
  reportRejection,
} from '@landspout/ioloop/reactor';
import type { IOStream, StreamConsumer } from '@landspout/iostream';
import {
  CLOSE,
  CLOSE_CODES,
  encodeMessage,
  encodePing,
  FrameDecoder,
  type FrameEvent,
  MESSAGE,
  PING,
  WebSocketProtocolError,
  type WebSocketRole,
  WebSocketUsageError,
} from '../protocol/index.ts';
import { wheelOf } from './deadline-wheels.ts';
import type { WebSocketDelegate } from './delegate.ts';
import { WebSocketClosedError, type WebSocketLimitError, WebSocketTimeoutError } from './errors.ts';
import { type FrameListener, FramePump } from './frame-pump.ts';
import { FrameWriter, ignorable } from './frame-writer.ts';
import { type MessageData, toMessage } from './message-data.ts';
import { PingSchedule, type PingTarget } from './ping-schedule.ts';
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
  readonly #writer: FrameWriter;
  #state: State = 'open';
  #closeCode: number | undefined;
  #closeReason = '';
  #closeError: Error | undefined;
  #pings: PingSchedule | undefined;
  #deadline: Deadline | undefined;

  /** Takes over the stream. Messages can be written at once, but nothing is read before {@link start} is called. */
  constructor(
    stream: IOStream,
    role: WebSocketRole,
    delegate: WebSocketDelegate,
    settings: WebSocketSettings,
  ) {
    const { maxMessageBytes, maxFragments } = settings;
    this.#stream = stream;
    this.#role = role;
    this.#delegate = delegate;
    this.#settings = settings;
    this.#decoder = new FrameDecoder({ role, maxMessageBytes, maxFragments });
    this.#pump = new FramePump(stream, this.#decoder, this);
    this.#writer = new FrameWriter(stream, role, settings);
    stream.setConsumer(this);
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
    return this.#stream.queuedBytes;
  }

  // ---- writing ----

  /**
   * Sends a message; see {@link MessageData}. Messages are sent in the order of the calls, whether or not the promises
   * are awaited.
   *
   * @returns a promise that resolves when the kernel has accepted everything written in this loop iteration. Await it
   *   for back-pressure; ignoring it is safe. It rejects with WebSocketClosedError if the connection is not open or
   *   ends first, and with WebSocketLimitError if too much is already queued: see `whenQueueFull`.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA`, synchronously.
   */
  writeMessage(data: MessageData): Promise<void> {
    const message = toMessage(data);
    if (this.#state !== 'open') return this.#refused();
    return this.#write(encodeMessage(message, this.#writer.maskKey()));
  }

  /**
   * Sends a frame that was already encoded with `encodeMessage`, without making a promise. A broadcast can encode once
   * and send the same frame to all peers. The bytes must not be modified after the call. For servers only, since a
   * client masks each frame with its own key.
   *
   * @returns whether the frame was queued: false if the connection is not open or its queue is full.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_MASK` on a client.
   */
  sendFrame(frame: Uint8Array): boolean {
    if (this.#role === 'client') {
      throw new WebSocketUsageError(
        'ERR_WEBSOCKET_BAD_MASK',
        'sendFrame: a client must mask each frame with a new key; use writeMessage',
      );
    }
    if (this.#state !== 'open') return false;
    if (this.#writer.send(frame)) return true;
    this.#queueFull(this.#writer.fullError(frame.length));
    return false;
  }

  /**
   * Sends a ping of at most 125 bytes. Otherwise like {@link writeMessage}.
   *
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CONTROL`, synchronously.
   */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    const frame = encodePing(payload, this.#writer.maskKey());
    return this.#state === 'open' ? this.#write(frame) : this.#refused();
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
    if (!this.#writer.sendClose(code, reason)) {
      this.abort(this.#writer.fullError(0));
      return;
    }
    this.#enter('closing');
    this.#pings?.stop();
    this.#expire();
    this.#pump.release();
  }

  /** Resets the connection without a close frame. The delegate is notified in a later loop iteration. */
  abort(error?: Error): void {
    if (this.#state === 'closed') return;
    this.#enter('ending');
    this.#closeError ??= error;
    this.#pings?.stop();
    this.#stream.reset(error);
  }

  // ---- events of the stream ----

  received(bytes: Buffer, start: number, end: number): void {
    this.#pings?.heard();
    this.#pump.received(bytes, start, end);
  }

  ended(): void {
    // The peer may have ended its side without waiting for our close frame, which may still be queued.
    if (this.#state === 'ending' && this.#stream.queuedBytes > 0) this.#stream.closeGracefully(LINGER_MS);
    else this.#stream.close();
  }

  drained(): void {
    if (this.#state === 'open') this.#writer.drained();
  }

  closed(error: Error | undefined): void {
    this.#enter('closed');
    this.#pings?.stop();
    this.#deadline?.close();
    this.#closeCode ??= CLOSE_CODES.abnormal;
    this.#closeError ??= error;
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
    this.#writer.sendPing();
  }

  pingTimedOut(): void {
    const detail = `nothing was received within ${this.#settings.pingTimeoutMs} ms of a ping`;
    const error = new WebSocketTimeoutError('ERR_WEBSOCKET_PING_TIMEOUT', detail);
    this.#fail(CLOSE_CODES.internalError, 'ping timed out', error);
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
    if (error instanceof WebSocketProtocolError) this.#fail(error.closeCode, error.message, error);
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
        this.#holdFor(delegate.messageReceived(this.#decoder.message));
      } else if (event === PING) {
        this.#writer.answerPing(payload);
        this.#watch(delegate.pingReceived(payload));
      } else {
        this.#watch(delegate.pongReceived(payload));
      }
    } catch (error) {
      this.#callbackFailed(error);
    }
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
    const isOwed = this.#state === 'open';
    this.#enter('ending');
    this.#pings?.stop();
    // RFC 6455 §5.5.1: the peer's code is sent back. 1005 is never sent: it only reports that there was no code.
    const code = this.#closeCode === CLOSE_CODES.noStatus ? undefined : this.#closeCode;
    if (isOwed && !this.#writer.sendClose(code, '')) {
      this.abort();
      return;
    }
    this.#expire();
    // RFC 6455 §7.1.1: the server closes TCP first, so that the TIME_WAIT state is on the server and not on the client.
    if (this.#role === 'server') this.#stream.closeGracefully(LINGER_MS);
  }

  /** Called when a callback of the delegate threw or rejected. */
  #callbackFailed(error: unknown): void {
    // A write that failed because the connection ended is not an error of the delegate.
    if (!(error instanceof WebSocketClosedError) || this.#state === 'open') {
      this.#delegate.callbackFailed(error);
    }
    this.#fail(CLOSE_CODES.internalError, '', error instanceof Error ? error : new Error(String(error)));
  }

  /** Applies `whenQueueFull`. */
  #queueFull(error: WebSocketLimitError): void {
    if (this.#settings.whenQueueFull === 'refuse') return;
    this.#fail(CLOSE_CODES.policyViolation, 'too much is waiting to be read', error);
  }

  /**
   * Fails the connection (RFC 6455 §7.1.7): sends a close frame with the code, and closes without waiting for the
   * peer's close frame.
   */
  #fail(code: number, reason: string, error: Error): void {
    if (!this.isListening) return;
    const isOwed = this.#state === 'open';
    this.#enter('ending');
    this.#closeError = error;
    this.#pings?.stop();
    if (isOwed && !this.#writer.sendClose(code, clip(reason))) {
      this.abort(error);
      return;
    }
    this.#expire();
    this.#stream.closeGracefully(LINGER_MS);
  }

  #expire(): void {
    this.#deadline ??= new Deadline(wheelOf(this.#settings.clock), this);
    this.#deadline.set(this.#settings.closeTimeoutMs);
  }

  // ---- helpers for writing ----

  #write(frame: Buffer): Promise<void> {
    const outcome = this.#writer.write(frame);
    if (isThenable(outcome)) return outcome;
    this.#queueFull(outcome);
    return ignorable(Promise.reject(outcome));
  }

  /** The only place where the state is assigned. The state only moves forward in the order of {@link State}. */
  #enter(state: State): void {
    this.#state = state;
  }

  #refused(): Promise<void> {
    const cause = this.#closeError;
    const options = cause === undefined ? {} : { cause };
    return ignorable(Promise.reject(new WebSocketClosedError(`the connection is ${this.#state}`, options)));
  }
}

/** Shortens a reason so that it fits into a close frame. Our own reasons are ASCII. */
function clip(reason: string): string {
  return reason.slice(0, MAX_REASON_BYTES);
}
