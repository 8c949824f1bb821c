// Sends the messages of one connection in order: encodes or compresses them, and holds them back while the peer reads
// too slowly. Control frames go past waiting messages (RFC 6455 §5.4), and are written by the frame writer.

import { isThenable } from '@landspout/ioloop/reactor';
import { type IOStream, StreamLimitError } from '@landspout/iostream';
import { isBusy, WebSocketCompressionError } from '../compression/errors.ts';
import type { MessageCompression } from '../compression/message-compression.ts';
import { byteLengthOf } from '../protocol/frames/frame-encoder.ts';
import { encodeAsciiText, encodeMessage } from '../protocol/index.ts';
import { WebSocketClosedError, WebSocketLimitError } from './errors.ts';
import type { FrameWriter } from './frame-writer.ts';
import { OutboundQueue, type Outgoing } from './outbound-queue.ts';
import { compressedFrame, type Frame, PreparedMessage } from './prepared-message.ts';
import { mayDrop, type SendPolicy } from './send-policy.ts';
import type { WebSocketSettings } from './websocket-options.ts';

/** Resolved: nothing has to be waited for. Shared, so that most messages create no promise. */
const READY: Promise<void> = Promise.resolve();

/** See {@link MessageWriter.whenReady}. */
const MESSAGES_BETWEEN_PAUSES = 1024;
let messagesUntilPause = MESSAGES_BETWEEN_PAUSES;

interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The connection that a {@link MessageWriter} belongs to. */
interface WritingConnection {
  /** Called if a waiting message cannot be encoded, or the stream does not accept it. */
  writingFailed(error: unknown): void;
}

/** Sends the messages of one connection. The rest of the connection is in `WebSocketConnection`. */
export class MessageWriter {
  readonly #stream: IOStream;
  readonly #frames: FrameWriter;
  readonly #settings: WebSocketSettings;
  readonly #compression: MessageCompression | undefined;
  readonly #connection: WritingConnection;
  /** The most that the stream holds before messages wait in the queue. */
  readonly #highWaterBytes: number;
  /** Exists only if messages have waited. */
  #queue: OutboundQueue | undefined;
  /** The length of the message that is being compressed in the thread pool; -1 for none. */
  #encodingBytes = -1;
  /** Whether {@link #refill} will be called when the stream has sent enough. */
  #isRefillDue = false;
  /** What writers wait for. */
  #waiting: Waiting | undefined;
  /** Called when all messages are passed to the stream, to send the close frame. */
  #finished: (() => void) | undefined;
  #isOver = false;

  constructor(
    stream: IOStream,
    frames: FrameWriter,
    settings: WebSocketSettings,
    compression: MessageCompression | undefined,
    connection: WritingConnection,
  ) {
    this.#stream = stream;
    this.#frames = frames;
    this.#settings = settings;
    this.#compression = compression;
    this.#connection = connection;
    this.#highWaterBytes = Math.max(1, Math.min(settings.highWaterBytes, settings.maxQueuedBytes));
  }

  /** Bytes that wait, here or in the stream. */
  get unsentBytes(): number {
    return this.#stream.queuedBytes + (this.#queue?.byteLength ?? 0) + Math.max(this.#encodingBytes, 0);
  }

  /** Whether at least `highWaterBytes` are unsent. */
  get isFull(): boolean {
    const queued = this.#stream.queuedBytes;
    if (queued >= this.#highWaterBytes) return true;
    return this.#isHolding && this.unsentBytes >= this.#highWaterBytes;
  }

  /** Resolves when at most `lowWaterBytes` are unsent; rejects if the connection ends first. */
  whenDrained(): Promise<void> {
    return this.#whenRefilled();
  }

  get droppedMessages(): number {
    return this.#queue?.droppedMessages ?? 0;
  }

  get droppedBytes(): number {
    return this.#queue?.droppedBytes ?? 0;
  }

  /**
   * Sends a message, or lets it wait as `policy` says.
   *
   * @returns the error if there is no room for it.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_UNSENDABLE_DATA`.
   */
  send(message: Outgoing, policy: SendPolicy, key: string | undefined): WebSocketLimitError | undefined {
    const { queuedBytes } = this.#stream;
    if (this.#isHolding || queuedBytes >= this.#highWaterBytes) return this.#hold(message, policy, key);
    if (queuedBytes > 0 && !mayDrop(policy)) {
      const byteLength = lengthOf(message);
      if (queuedBytes + byteLength > this.#settings.maxQueuedBytes) return this.#fullError(byteLength);
    }
    // The caller may reuse its bytes while a thread compresses them.
    const isShared = message instanceof Uint8Array && this.#compression !== undefined;
    return this.#pass(isShared ? Uint8Array.from(message) : message);
  }

  /**
   * Returns a promise for the writer of the last message. If at most `highWaterBytes` are unsent, or the message may be
   * dropped, it is resolved; otherwise it resolves when at most `lowWaterBytes` are unsent.
   *
   * A loop that awaits nothing else would never let the event loop run. So, once in a while, it resolves in the next
   * iteration.
   */
  whenReady(policy: SendPolicy): Promise<void> {
    const isSlow = this.#isHolding || this.#stream.queuedBytes > this.#highWaterBytes;
    if (isSlow && !mayDrop(policy)) return this.#whenRefilled();
    messagesUntilPause -= 1;
    if (messagesUntilPause > 0) return READY;
    messagesUntilPause = MESSAGES_BETWEEN_PAUSES;
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Calls `then` when all messages that were accepted are passed to the stream. No more may be sent. */
  finish(then: () => void): void {
    this.#finished = then;
    this.#refill();
  }

  /** Whether a message is being compressed, so that it is not yet passed to the stream. */
  get isEncoding(): boolean {
    return this.#encodingBytes >= 0;
  }

  /** Whether {@link finish} is still waiting for messages. */
  get isFinishing(): boolean {
    return this.#finished !== undefined;
  }

  /** Drops the messages that wait. Those in the stream are still sent. */
  abandon(): void {
    this.#isOver = true;
    this.#finished = undefined;
    this.#queue?.clear();
  }

  /**
   * The connection is closed. Promises that are pending reject.
   *
   * @param cause - of their error. @param closeCode - of the peer, which the message of the error names.
   */
  closed(cause: Error | undefined, closeCode: number | undefined): void {
    this.abandon();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) return;
    const code = closeCode === undefined ? '' : ` (close code ${closeCode})`;
    const detail = `the connection ended${code} before everything was sent`;
    waiting.reject(new WebSocketClosedError(detail, cause === undefined ? {} : { cause }));
  }

  /** Whether messages wait, so that the next one must wait too. */
  get #isHolding(): boolean {
    return this.#encodingBytes >= 0 || this.#queue?.isEmpty === false;
  }

  #hold(message: Outgoing, policy: SendPolicy, key: string | undefined): WebSocketLimitError | undefined {
    const { maxQueuedBytes } = this.#settings;
    const isDroppable = mayDrop(policy);
    const byteLength = lengthOf(message);
    if (!isDroppable && !this.#hasRoom(byteLength)) return this.#fullError(byteLength);
    this.#queue ??= new OutboundQueue();
    const queue = this.#queue;
    // The caller may reuse its bytes at once.
    const kept = message instanceof Uint8Array ? Uint8Array.from(message) : message;
    const isReplaced = policy === 'keep-latest' && key !== undefined && queue.replace(key, kept, byteLength);
    if (!isReplaced) queue.add(kept, byteLength, isDroppable, policy === 'keep-latest' ? key : undefined);
    if (isDroppable) queue.dropDownTo(maxQueuedBytes);
    this.#refillLater();
    return undefined;
  }

  /** Whether a message that may not be dropped may wait. Messages that may be dropped make way for it. */
  #hasRoom(byteLength: number): boolean {
    const queue = this.#queue;
    const wanted =
      this.unsentBytes + (queue?.overheadBytes ?? 0) + byteLength - this.#settings.maxQueuedBytes;
    return wanted <= 0 || queue?.makeRoom(wanted) === true;
  }

  /** Passes a message to the stream, after it is compressed. */
  #pass(message: Outgoing): WebSocketLimitError | undefined {
    let frame: Frame | Promise<Frame>;
    try {
      frame = this.#encode(message);
    } catch (error) {
      if (!(error instanceof WebSocketCompressionError)) throw error;
      this.#connection.writingFailed(error);
      return undefined;
    }
    if (!isThenable(frame)) return this.#write(frame);
    this.#encodingBytes = lengthOf(message);
    Promise.resolve(frame).then(
      (encoded) => this.#encoded(encoded),
      (error) => {
        this.#encodingBytes = -1;
        if (!this.#isOver) this.#connection.writingFailed(error);
      },
    );
    return undefined;
  }

  #encoded(frame: Frame): void {
    this.#encodingBytes = -1;
    if (this.#isOver) return;
    const full = this.#write(frame);
    if (full === undefined) this.#refill();
    else this.#connection.writingFailed(full);
  }

  #write(frame: Frame): WebSocketLimitError | undefined {
    try {
      this.#stream.send(frame);
      return undefined;
    } catch (error) {
      if (error instanceof StreamLimitError) return this.#fullError(frame.length, error);
      throw error;
    }
  }

  #encode(message: Outgoing): Frame | Promise<Frame> {
    const maskKey = this.#frames.maskKey();
    const compression = this.#compression;
    const isPrepared = message instanceof PreparedMessage;
    if (compression === undefined || lengthOf(message) < compression.thresholdBytes) {
      if (isPrepared)
        return maskKey === undefined ? message.plainFrame() : encodeMessage(message.data, maskKey);
      if (maskKey === undefined && typeof message === 'string')
        return encodeAsciiText(message) ?? encodeMessage(message);
      return encodeMessage(message, maskKey);
    }
    if (isPrepared && maskKey === undefined && !compression.keepsContext)
      return message.compressedFrame(compression);
    return this.#compressed(compression, isPrepared ? message.data : message, maskKey);
  }

  #compressed(
    compression: MessageCompression,
    message: string | Uint8Array,
    maskKey: Uint8Array | undefined,
  ): Frame | Promise<Frame> {
    let deflated: Uint8Array | Promise<Uint8Array>;
    try {
      deflated = compression.deflate(message);
    } catch (error) {
      // Too many large messages are waiting for a thread. Sending this one as it is costs less than waiting.
      if (isBusy(error)) return encodeMessage(message, maskKey);
      throw error;
    }
    if (isThenable(deflated)) return deflated.then((bytes) => compressedFrame(message, bytes, maskKey));
    return compressedFrame(message, deflated, maskKey);
  }

  /** Passes waiting messages to the stream until it has enough. */
  #refill(): void {
    this.#settleWriters();
    const queue = this.#queue;
    while (queue?.isEmpty === false && this.#encodingBytes < 0) {
      if (this.#finished === undefined && this.#stream.queuedBytes >= this.#highWaterBytes) break;
      try {
        const full = this.#pass(queue.take() as Outgoing);
        if (full !== undefined) throw full;
      } catch (error) {
        this.#connection.writingFailed(error);
        return;
      }
    }
    if (this.#isHolding) {
      this.#refillLater();
      return;
    }
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.();
    this.#settleWriters();
    if (this.#waiting !== undefined) this.#refillLater();
  }

  /** Messages that may be dropped keep no writer waiting: they may keep the queue full for hours. */
  #settleWriters(): void {
    if (this.#waiting === undefined) return;
    const droppable = this.#queue?.droppableBytes ?? 0;
    const overhead = this.#queue?.overheadBytes ?? 0;
    if (this.unsentBytes + overhead - droppable > this.#settings.lowWaterBytes) return;
    this.#waiting.resolve();
    this.#waiting = undefined;
  }

  #refillLater(): void {
    // After the compression, `#encoded` continues.
    if (this.#isRefillDue || this.#encodingBytes >= 0) return;
    this.#isRefillDue = true;
    const toBytes = Math.min(this.#settings.lowWaterBytes, this.#highWaterBytes - 1);
    this.#stream.waitDrained({ toBytes }).then(
      () => {
        this.#isRefillDue = false;
        if (!this.#isOver) this.#refill();
      },
      () => undefined, // The connection ends; `closed` settles what is pending.
    );
  }

  #whenRefilled(): Promise<void> {
    if (this.#waiting === undefined) {
      let resolve!: () => void;
      let reject!: (error: Error) => void;
      const promise = new Promise<void>((onResolve, onReject) => {
        resolve = onResolve;
        reject = onReject;
      });
      // It may be ignored.
      promise.catch(() => undefined);
      this.#waiting = { promise, resolve, reject };
      this.#refillLater();
    }
    return this.#waiting.promise;
  }

  #fullError(byteLength: number, cause?: Error): WebSocketLimitError {
    const detail = `${this.unsentBytes} bytes are queued for a slow peer; ${byteLength} more would exceed maxQueuedBytes (${this.#settings.maxQueuedBytes}); see sendPolicy`;
    return new WebSocketLimitError(detail, cause === undefined ? {} : { cause });
  }
}

function lengthOf(message: Outgoing): number {
  return message instanceof PreparedMessage ? message.byteLength : byteLengthOf(message);
}
