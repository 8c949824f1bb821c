import { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable } from '@landspout/ioloop/reactor';
import { Http1UsageError } from '../protocol/grammar/errors.ts';
import { type ContentCoding, ContentEncodingError, encodingFailed } from './content-coding.ts';
import type { EncoderLimits } from './encoder-limits.ts';
import { encodingChecks } from './encoder-streams.ts';
import type { SliceEncoder, SliceEnding } from './slice-encoder.ts';

/**
 * Receives an encoded body. After {@link BodyEncoder.abort}, `ended` or `failed`, nothing is called any more. If one of
 * the calls throws, or what `take` returns rejects, the encoder is aborted and `failed` is called with that error.
 */
export interface EncodedBodySink {
  /**
   * Called with each piece, in order. The piece is owned by the callee. If it returns a promise, the encoder waits for
   * it before it encodes more. May be called during `write`, `flush` and `end` of the encoder.
   */
  take(piece: Uint8Array): unknown;
  /** Called after the last piece. */
  ended(): void;
  /** Called if the body cannot be completed: with a {@link ContentEncodingError}, or an error of the sink itself. */
  failed(error: unknown): void;
}

/**
 * - open: more of the body may be written
 * - ending: the whole body was written
 * - closed: everything was encoded, or the encoder was aborted or failed; the engine is freed
 */
type State = 'open' | 'ending' | 'closed';

/** Bytes that are encoded by one call, and from how many on encoding begins without a flush. */
const SLICE_BYTES = 64 * 1024;

/** Above this many bytes {@link BodyEncoder.waitDrained} waits, until at most half of them are left. */
const BACKLOG_BYTES = 64 * 1024;

const NO_BYTES = new Uint8Array(0);

/**
 * Encodes a body that is written piece by piece, such as a streamed response. Made by `EncoderPool.tryOpen`.
 *
 * Slices of up to `maxSyncBytes` are encoded at once, in the thread of the caller; larger ones in Node's thread pool,
 * when it is their turn. What is written is encoded when there are 64 KiB of it, at {@link flush}, or at {@link end}.
 *
 * Its owner must call either {@link end} or {@link abort}: until then the encoder holds up to about 1 MiB of memory
 * outside of the JavaScript heap, and a place of the pool.
 */
export class BodyEncoder {
  readonly coding: ContentCoding;
  readonly #encoder: SliceEncoder;
  readonly #sink: EncodedBodySink;
  readonly #limits: EncoderLimits;
  readonly #maxSyncBytes: number;
  #state: State = 'open';
  /** What was written and is not in a slice yet. */
  #queue: Uint8Array[] = [];
  /** Index of the first part of the queue that is not in a slice. */
  #head = 0;
  #queuedBytes = 0;
  /** Size of the slice that is being encoded. */
  #sliceBytes = 0;
  /** Positions in the body: of all that was written, of the last flush that was asked for, and of the last one done. */
  #writtenBytes = 0;
  #flushAt = 0;
  #flushedAt = 0;
  /** Whether a slice is being encoded, or the sink holds the encoder back. */
  #isBusy = false;
  /** Called when the thread pool may be used. */
  #turn: (() => void) | undefined;
  #drained: (() => void)[] = [];

  /** Called by `EncoderPool`. */
  constructor(
    coding: ContentCoding,
    encoder: SliceEncoder,
    sink: EncodedBodySink,
    limits: EncoderLimits,
    maxSyncBytes: number,
  ) {
    this.coding = coding;
    this.#encoder = encoder;
    this.#sink = sink;
    this.#limits = limits;
    this.#maxSyncBytes = maxSyncBytes;
  }

  /** Whether everything was encoded, or the encoder was aborted or failed. */
  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Bytes that were written and are not encoded yet. */
  get backlogBytes(): number {
    return this.#queuedBytes + this.#sliceBytes;
  }

  /**
   * Writes a part of the body. Ignored after {@link abort} and after a failure.
   *
   * @param chunk - text is encoded as UTF-8. Bytes must not be modified until they are encoded.
   * @throws ContentEncodingError `ERR_HTTP_CODING_BUSY` if the caller does not heed {@link waitDrained} and
   *   `maxWaitingBytes` of the pool would be exceeded: the bytes are not accepted, and the body cannot be completed.
   *   Http1UsageError `ERR_HTTP1_USAGE` after {@link end}.
   */
  write(chunk: string | Uint8Array): void {
    if (!this.#isWritable('write')) return;
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
      throw encodingChecks.wrong('write', 'chunk: a string or a Uint8Array', chunk);
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk;
    const { length } = bytes;
    if (length === 0) return;
    if (this.backlogBytes > BACKLOG_BYTES && !this.#limits.mayWait(length)) throw this.#busy(length);
    this.#queue.push(bytes);
    this.#queuedBytes += length;
    this.#writtenBytes += length;
    this.#limits.addWaiting(length);
    this.#advance();
  }

  /**
   * Makes everything written so far reach the sink in a form that the client can decode at once. Each flush costs some
   * bytes of the encoded body. Does nothing if there is nothing new. Ignored after {@link abort} and after a failure.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` after {@link end}.
   */
  flush(): void {
    if (!this.#isWritable('flush')) return;
    this.#flushAt = this.#writtenBytes;
    this.#advance();
  }

  /**
   * Completes the body: the rest is encoded, and `ended` of the sink is called. Ignored after {@link abort} and after a
   * failure.
   *
   * @throws Http1UsageError `ERR_HTTP1_USAGE` if it was called before.
   */
  end(): void {
    if (!this.#isWritable('end')) return;
    this.#state = 'ending';
    this.#advance();
  }

  /**
   * Drops what is not encoded, and frees the engine: at once, or when its current call in the thread pool ends. The
   * sink is not called any more. May be called at any time.
   */
  abort(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#limits.addWaiting(-this.backlogBytes);
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.#sliceBytes = 0;
    if (this.#turn !== undefined) this.#limits.cancel(this.#turn);
    this.#turn = undefined;
    this.#encoder.close();
    this.#limits.closeStream();
    this.#settleDrained();
  }

  /**
   * Waits until more should be written: until at most 32 KiB are to be encoded, if more than 64 KiB are now. Resolves
   * also when the encoder is closed. Never rejects.
   */
  waitDrained(): Promise<void> {
    if (this.backlogBytes <= BACKLOG_BYTES || this.#state === 'closed') return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained.push(resolve);
    });
  }

  [INSPECT](): object {
    return inspection(this, ['coding', 'isClosed', 'backlogBytes']);
  }

  #isWritable(operation: string): boolean {
    if (this.#state === 'ending') {
      throw new Http1UsageError('ERR_HTTP1_USAGE', `${operation}: the body was already ended`);
    }
    return this.#state === 'open';
  }

  #busy(length: number): ContentEncodingError {
    const { waitingBytes, maxWaitingBytes } = this.#limits;
    return new ContentEncodingError(
      'ERR_HTTP_CODING_BUSY',
      `write: ${waitingBytes} bytes are waiting to be encoded; ` +
        `${length} more bytes would exceed maxWaitingBytes, ${maxWaitingBytes}. Await waitDrained() before writing more`,
    );
  }

  /** Encodes what can be encoded at once, and then starts with the thread pool if there is more. */
  #advance(): void {
    while (!this.#isBusy && this.#hasWork()) {
      this.#isBusy = true;
      const slice = this.#takeSlice();
      const ending = this.#nextEnding();
      const { encodeNow } = this.#encoder;
      if (encodeNow !== undefined && slice.length <= this.#maxSyncBytes)
        this.#encode(encodeNow, slice, ending);
      else void this.#encodeLater(slice, ending);
    }
    this.#settleDrained();
  }

  #hasWork(): boolean {
    if (this.#state === 'closed') return false;
    if (this.#state === 'ending' || this.#flushAt > this.#flushedAt) return true;
    return this.#queuedBytes >= SLICE_BYTES;
  }

  #takeSlice(): Uint8Array {
    const parts: Uint8Array[] = [];
    const queue = this.#queue;
    let length = 0;
    while (length < SLICE_BYTES && this.#head < queue.length) {
      const part = queue[this.#head] as Uint8Array;
      const room = SLICE_BYTES - length;
      parts.push(part.length > room ? part.subarray(0, room) : part);
      length += Math.min(part.length, room);
      const isWhole = part.length <= room;
      queue[this.#head] = isWhole ? NO_BYTES : part.subarray(room);
      if (isWhole) this.#head += 1;
    }
    if (this.#head * 2 > queue.length) {
      queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.#queuedBytes -= length;
    this.#sliceBytes = length;
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, length);
  }

  /** What must follow the slice that was just taken. */
  #nextEnding(): SliceEnding {
    const at = this.#writtenBytes - this.#queuedBytes;
    if (this.#state === 'ending' && this.#queuedBytes === 0) return 'finish';
    if (this.#flushAt <= this.#flushedAt || at < this.#flushAt) return 'none';
    this.#flushedAt = at;
    return 'flush';
  }

  #encode(encodeNow: NonNullable<SliceEncoder['encodeNow']>, slice: Uint8Array, ending: SliceEnding): void {
    let pieces: readonly Uint8Array[];
    try {
      pieces = encodeNow(slice, ending);
    } catch (error) {
      this.#fail(encodingFailed(this.coding, error));
      return;
    }
    this.#encoded();
    this.#deliver(pieces, 0, ending);
  }

  async #encodeLater(slice: Uint8Array, ending: SliceEnding): Promise<void> {
    // Waiting for a promise keeps the async context, while the turn begins in that of another encoder.
    await new Promise<void>((begin) => {
      this.#turn = begin;
      this.#limits.acquire(begin);
    });
    this.#turn = undefined;
    let pieces: readonly Uint8Array[] = [];
    let failure: Error | undefined;
    try {
      pieces = await this.#encoder.encodeLater(slice, ending);
    } catch (error) {
      failure = encodingFailed(this.coding, error);
    } finally {
      this.#limits.release();
    }
    if (this.isClosed) return;
    if (failure !== undefined) {
      this.#fail(failure);
      return;
    }
    this.#encoded();
    this.#deliver(pieces, 0, ending);
    this.#advance();
  }

  #encoded(): void {
    this.#limits.addWaiting(-this.#sliceBytes);
    this.#sliceBytes = 0;
  }

  /** Passes the pieces from `start` on to the sink. */
  #deliver(pieces: readonly Uint8Array[], start: number, ending: SliceEnding): void {
    for (let index = start; index < pieces.length; index += 1) {
      try {
        const held = this.#sink.take(pieces[index] as Uint8Array);
        if (this.isClosed) return;
        if (isThenable(held)) {
          void this.#deliverAfter(held, pieces, index + 1, ending);
          return;
        }
      } catch (error) {
        this.#fail(error);
        return;
      }
    }
    this.#isBusy = false;
    if (ending === 'finish') this.#finish();
  }

  async #deliverAfter(
    held: PromiseLike<unknown>,
    pieces: readonly Uint8Array[],
    start: number,
    ending: SliceEnding,
  ): Promise<void> {
    this.#settleDrained();
    try {
      await held;
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.isClosed) return;
    this.#deliver(pieces, start, ending);
    this.#advance();
  }

  #finish(): void {
    this.abort();
    try {
      this.#sink.ended();
    } catch (error) {
      this.#sink.failed(error);
    }
  }

  #fail(error: unknown): void {
    if (this.isClosed) return;
    this.abort();
    this.#sink.failed(error);
  }

  #settleDrained(): void {
    if (this.#drained.length === 0 || this.backlogBytes * 2 > BACKLOG_BYTES) return;
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }
}
