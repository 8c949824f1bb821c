// This room knows one open connection over a stream, the same for both ends: frames, deadlines, back-pressure, the closing
// handshake. It does not know HTTP, handlers or how a client connects.

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
 * Where a connection stands.
 *
 * - open: messages go both ways
 * - closing: we sent a close frame and wait for the peer's; what else it sends is dropped
 * - ending: nothing more is said either way, and TCP is being closed
 * - closed: over, and the delegate has heard of it
 */
type State = 'open' | 'closing' | 'ending' | 'closed';

/** How long a peer may still read our close frame before the connection goes. */
const LINGER_MS = 2_000;
const MAX_REASON_BYTES = 123;

/**
 * One WebSocket connection after its opening handshake: frames over a stream, the closing handshake, deadlines
 * (RFC 6455). The same for both ends, but for masking and for who closes TCP first.
 *
 * A peer that breaks the protocol or a limit gets a close frame with the code of that error. `closeCode` is the
 * peer's: without a close frame from it, it is 1006, whoever is at fault; `closeError` says more.
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

  /** Takes the stream over. Nothing is read before {@link start}; writing may begin at once. */
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

  /** Begins to read. No message is delivered before `ready` settles; its rejection closes with 1011. */
  start(ready?: unknown): void {
    this.#holdFor(ready);
    const { pingIntervalMs, pingTimeoutMs, clock } = this.#settings;
    if (pingIntervalMs > 0 && this.#state === 'open') {
      this.#pings = new PingSchedule(this, clock, pingIntervalMs, pingTimeoutMs);
    }
    this.#stream.resume();
  }

  // ---- what it is ----

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** The code of the peer's close frame; 1005 when it gave none, 1006 when none came; `undefined` before the end. */
  get closeCode(): number | undefined {
    return this.#closeCode;
  }

  /** The reason in the peer's close frame, or an empty string. */
  get closeReason(): string {
    return this.#closeReason;
  }

  /** Why there was no orderly end, where that is known: what the peer did wrong, a deadline, the network. */
  get closeError(): Error | undefined {
    return this.#closeError;
  }

  /** Bytes that wait for the peer to read. */
  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  // ---- writing ----

  /**
   * Sends a message; see {@link MessageData}. The order is kept, whether or not anybody waits.
   *
   * @returns when the kernel has taken all that was written in this turn. Awaiting it is the flow control; ignoring
   *   it is safe. Rejects with WebSocketClosedError when the connection ends first or is not open, and with
   *   WebSocketLimitError when too much waits already: see `whenQueueFull`.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA` at once.
   */
  writeMessage(data: MessageData): Promise<void> {
    const message = toMessage(data);
    if (this.#state !== 'open') return this.#refused();
    return this.#write(encodeMessage(message, this.#writer.maskKey()));
  }

  /**
   * Sends a frame that `encodeMessage` has made, without a promise: a broadcast encodes once for all of its peers.
   * The bytes must not change any more. For servers: a client's frames are masked one by one.
   *
   * @returns whether it was queued: false when the connection is not open, or its queue is full.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_MASK` on a client.
   */
  sendFrame(frame: Uint8Array): boolean {
    if (this.#role === 'client') {
      throw new WebSocketUsageError('ERR_WEBSOCKET_BAD_MASK', 'sendFrame: a client masks each frame anew');
    }
    if (this.#state !== 'open') return false;
    if (this.#writer.send(frame)) return true;
    this.#queueFull(this.#writer.fullError(frame.length));
    return false;
  }

  /**
   * Sends a ping of at most 125 bytes. As {@link writeMessage} otherwise.
   *
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CONTROL` at once.
   */
  ping(payload: string | Uint8Array = ''): Promise<void> {
    const frame = encodePing(payload, this.#writer.maskKey());
    return this.#state === 'open' ? this.#write(frame) : this.#refused();
  }

  /** TCP_NODELAY, which is on by default. */
  setNoDelay(on: boolean): void {
    this.#stream.setNoDelay(on);
  }

  // ---- the end, by us ----

  /**
   * Begins the closing handshake. What was written before leaves first; what the peer still sends is dropped. The
   * connection is cut when the peer's close frame does not come within `closeTimeoutMs`. Later calls do nothing.
   *
   * @param code - 1000 to 1003, 1007 to 1014 or 3000 to 4999; none says nothing, or 1000 where there is a reason.
   * @param reason - at most 123 bytes of UTF-8.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_CLOSE`; the connection is as it was.
   */
  close(code?: number, reason = ''): void {
    if (this.#state !== 'open') return;
    if (!this.#writer.sendClose(code, reason)) {
      this.abort(this.#writer.fullError(0));
      return;
    }
    this.#state = 'closing';
    this.#pings?.stop();
    this.#expire();
    this.#pump.release();
  }

  /** Cuts the connection, so that the peer sees a reset. The delegate hears of it on a later turn. */
  abort(error?: Error): void {
    if (this.#state === 'closed') return;
    this.#state = 'ending';
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
    // Our close frame may still be on its way to a peer that did not wait for it.
    if (this.#state === 'ending' && this.#stream.queuedBytes > 0) this.#stream.closeGracefully(LINGER_MS);
    else this.#stream.close();
  }

  drained(): void {
    if (this.#state === 'open') this.#writer.drained();
  }

  closed(error: Error | undefined): void {
    this.#state = 'closed';
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

  /** The closing handshake takes too long. */
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
    const detail = `no sign of life within ${this.#settings.pingTimeoutMs} ms of a ping`;
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
    // The answer to a ping may lie in what was not read.
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

  /** Holds back what comes next while `result` is a promise, unless we have begun to close and only wait for that. */
  #holdFor(result: unknown): void {
    if (!isThenable(result)) return;
    if (this.#state === 'open') this.#pump.holdUntil(result, (error) => this.#callbackFailed(error));
    else this.#watch(result);
  }

  #watch(result: unknown): void {
    if (isThenable(result)) reportRejection(result, (error) => this.#callbackFailed(error));
  }

  // ---- the end, by the peer or by an error ----

  #closeReceived(): void {
    this.#closeCode = this.#decoder.closeCode;
    this.#closeReason = this.#decoder.closeReason;
    const isOwed = this.#state === 'open';
    this.#state = 'ending';
    this.#pings?.stop();
    // RFC 6455 §5.5.1: the code is echoed. 1005 is only the report that there was none.
    const code = this.#closeCode === CLOSE_CODES.noStatus ? undefined : this.#closeCode;
    if (isOwed && !this.#writer.sendClose(code, '')) {
      this.abort();
      return;
    }
    this.#expire();
    // RFC 6455 §7.1.1: the server closes TCP first, so that the state that lingers is not the client's.
    if (this.#role === 'server') this.#stream.closeGracefully(LINGER_MS);
  }

  /** A bug of the delegate. */
  #callbackFailed(error: unknown): void {
    // That a write failed because the connection ended is nobody's fault.
    if (!(error instanceof WebSocketClosedError) || this.#state === 'open') {
      this.#delegate.callbackFailed(error);
    }
    this.#fail(CLOSE_CODES.internalError, '', error instanceof Error ? error : new Error(String(error)));
  }

  /** The policy for a slow reader. */
  #queueFull(error: WebSocketLimitError): void {
    if (this.#settings.whenQueueFull === 'refuse') return;
    this.#fail(CLOSE_CODES.policyViolation, 'too much is waiting to be read', error);
  }

  /** Fails the connection (RFC 6455 §7.1.7): says why, and goes without waiting for an answer. */
  #fail(code: number, reason: string, error: Error): void {
    if (!this.isListening) return;
    const isOwed = this.#state === 'open';
    this.#state = 'ending';
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

  // ---- the rest of writing ----

  #write(frame: Buffer): Promise<void> {
    const outcome = this.#writer.write(frame);
    if (isThenable(outcome)) return outcome;
    this.#queueFull(outcome);
    return ignorable(Promise.reject(outcome));
  }

  #refused(): Promise<void> {
    const cause = this.#closeError;
    const options = cause === undefined ? {} : { cause };
    return ignorable(Promise.reject(new WebSocketClosedError(`the connection is ${this.#state}`, options)));
  }
}

/** As much of a reason as a close frame holds. Our own reasons are ASCII. */
function clip(reason: string): string {
  return reason.slice(0, MAX_REASON_BYTES);
}
