import type { Buffer } from 'node:buffer';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { DeflateAgreement } from '../protocol/index.ts';
import { decodeUtf8 } from '../protocol/utf8.ts';
import type { CompressionSettings } from './compression-options.ts';
import { workersOf } from './compression-pool.ts';
import { closedError, isBusy } from './errors.ts';
import { CompressionJob } from './job-queue.ts';
import type { MessageDeflater, MessageInflater } from './message-coders.ts';
import { checkDeflateParameters, type ZlibWorkers } from './zlib-workers.ts';

/** Returns the memory in bytes that the zlib states of a connection take, by the formulas of zlib's manual. */
export function contextBytesOf(agreement: DeflateAgreement, memLevel: number): number {
  const { sendWindowBits, sendTakeover, receiveWindowBits, receiveTakeover } = agreement;
  const sendBytes = sendTakeover ? (1 << (sendWindowBits + 2)) + (1 << (memLevel + 9)) : 0;
  const receiveBytes = receiveTakeover ? (1 << receiveWindowBits) + 7 * 1024 : 0;
  return sendBytes + receiveBytes;
}

/**
 * Compresses and decompresses the messages of one connection.
 *
 * Calls of one direction must not overlap: if a call returns a promise, the next call must wait until it has settled. The
 * two directions do not depend on each other. If a direction with context takeover has failed, all its later calls fail
 * too, because its state is lost; a message that was refused with `ERR_WEBSOCKET_COMPRESSION_BUSY` before any of it was
 * processed has changed nothing.
 */
export class MessageCompression {
  readonly #settings: CompressionSettings;
  readonly #agreement: DeflateAgreement;
  readonly #workers: ZlibWorkers;
  /** The coders of this connection, with context takeover: created by the first message. */
  #ownDeflater: MessageDeflater | undefined;
  #ownInflater: MessageInflater | undefined;
  #deflating: CompressionJob | undefined;
  #inflating: CompressionJob | undefined;
  #hasDeflateFailed = false;
  #hasInflateFailed = false;
  #isClosed = false;

  /**
   * @param agreement - if it has context takeover, the caller has reserved `contextBytesOf(agreement, settings.memLevel)`
   *   in the pool of the settings. {@link close} gives it back.
   */
  constructor(settings: CompressionSettings, agreement: DeflateAgreement) {
    const { level, memLevel } = settings;
    checkDeflateParameters('MessageCompression', {
      windowBits: agreement.sendWindowBits,
      level,
      memLevel,
    });
    checkDeflateParameters('MessageCompression', {
      windowBits: agreement.receiveWindowBits,
      level,
      memLevel,
    });
    this.#settings = settings;
    this.#agreement = agreement;
    this.#workers = workersOf(settings.pool);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Messages with fewer bytes are sent uncompressed. */
  get thresholdBytes(): number {
    return this.#settings.thresholdBytes;
  }

  /** Whether a message that this end sends may refer to earlier ones, so that its compressed form is not for others. */
  get keepsContext(): boolean {
    return this.#agreement.sendTakeover;
  }

  /** Without context, the compressed form of a message depends on this alone. */
  get parameters(): string {
    const { level, memLevel } = this.#settings;
    return `${this.#agreement.sendWindowBits}/${level}/${memLevel}`;
  }

  /** Memory in bytes that is reserved for this connection. 0 after {@link close}. */
  get contextBytes(): number {
    return this.#isClosed ? 0 : contextBytesOf(this.#agreement, this.#settings.memLevel);
  }

  /**
   * Compresses a message, whatever its size; whether it is large enough is decided by the caller.
   *
   * @param message - text is sent as UTF-8. If a promise is returned, bytes must not be modified until it settles.
   * @returns the payload without the final 00 00 FF FF (RFC 7692 §7.2.1), which the caller owns: at once up to 16 KiB,
   *   otherwise a promise.
   * @throws WebSocketCompressionError, also as a rejection: `ERR_WEBSOCKET_COMPRESSION_BUSY` if too much is waiting, and
   *   the message may be sent uncompressed; `ERR_WEBSOCKET_COMPRESSION_CLOSED`; `ERR_WEBSOCKET_COMPRESSION_FAILED`.
   */
  deflate(message: string | Uint8Array): Buffer | Promise<Buffer> {
    if (this.#isClosed || this.#hasDeflateFailed) throw closedError();
    let result: Buffer | CompressionJob;
    try {
      result = this.#workers.deflate(this.#deflater(), message);
    } catch (error) {
      this.#deflateFailed(error);
      throw error;
    }
    return result instanceof CompressionJob ? this.#deflatedLater(result) : result;
  }

  /**
   * Compresses a message without context, for this connection and all others with the same {@link parameters}. Goes on
   * if this connection is closed. Only if {@link keepsContext} is false.
   *
   * @throws as {@link deflate}.
   */
  deflateShared(message: string | Uint8Array): Buffer | Promise<Buffer> {
    const { pool, level, memLevel } = this.#settings;
    return pool.deflate(message, this.#agreement.sendWindowBits, level, memLevel);
  }

  /**
   * Decompresses a message.
   *
   * @param payload - all fragments of the message together. More than 16 KiB must not be modified until the promise
   *   settles; a smaller payload is borrowed for the call only.
   * @param maxBytes - the maximum size of the message. At most one more byte is decompressed.
   * @returns the message in an ArrayBuffer of its own: at once if the payload has at most 16 KiB and the message at most
   *   64 KiB, otherwise a promise.
   * @throws WebSocketProtocolError, also as a rejection: `ERR_WEBSOCKET_MESSAGE_TOO_BIG` or `ERR_WEBSOCKET_BAD_DEFLATE`;
   *   WebSocketCompressionError, as {@link deflate}.
   */
  inflate(payload: Uint8Array, maxBytes: number): Uint8Array | Promise<Uint8Array> {
    return this.#inflate(payload, maxBytes, copyOf, ownBytes);
  }

  /**
   * Does the same for a text message. Saves a copy.
   *
   * @throws WebSocketProtocolError `ERR_WEBSOCKET_BAD_UTF8` in addition, also as a rejection.
   */
  inflateText(payload: Uint8Array, maxBytes: number): string | Promise<string> {
    return this.#inflate(payload, maxBytes, textOf, textOf);
  }

  /**
   * Frees the zlib states of the connection and gives back their memory to the pool. Pending promises reject with
   * `ERR_WEBSOCKET_COMPRESSION_CLOSED`. If zlib is running for this connection in the thread pool, its state is freed when
   * that call ends, after at most some milliseconds. Later calls have no effect.
   */
  close(): void {
    if (this.#isClosed) return;
    const { contextBytes } = this;
    this.#isClosed = true;
    this.#deflating?.cancel();
    this.#inflating?.cancel();
    this.#ownDeflater?.close();
    this.#ownInflater?.close();
    this.#ownDeflater = undefined;
    this.#ownInflater = undefined;
    if (contextBytes > 0) this.#settings.pool.release(contextBytes);
  }

  [INSPECT](): object {
    return inspection(this, ['isClosed', 'contextBytes'], () => ({ ...this.#agreement }));
  }

  #inflate<T>(
    payload: Uint8Array,
    maxBytes: number,
    fromBorrowed: (message: Buffer) => T,
    fromOwned: (message: Buffer) => T,
  ): T | Promise<T> {
    if (this.#isClosed || this.#hasInflateFailed) throw closedError();
    const { receiveTakeover } = this.#agreement;
    let result: Buffer | CompressionJob;
    try {
      result = this.#workers.inflate(this.#inflater(), payload, maxBytes);
    } catch (error) {
      // Whether zlib has seen a part of the message does not matter: the connection cannot go on without it.
      this.#hasInflateFailed = receiveTakeover;
      throw error;
    }
    return result instanceof CompressionJob ? this.#inflatedLater(result, fromOwned) : fromBorrowed(result);
  }

  async #deflatedLater(job: CompressionJob): Promise<Buffer> {
    this.#deflating = job;
    try {
      return await job.promise;
    } catch (error) {
      this.#deflateFailed(error);
      throw error;
    } finally {
      this.#deflating = undefined;
    }
  }

  /** A message that was refused has not reached zlib. */
  #deflateFailed(error: unknown): void {
    if (!isBusy(error)) this.#hasDeflateFailed = this.#agreement.sendTakeover;
  }

  async #inflatedLater<T>(job: CompressionJob, fromOwned: (message: Buffer) => T): Promise<T> {
    this.#inflating = job;
    try {
      return fromOwned(await job.promise);
    } catch (error) {
      this.#hasInflateFailed = this.#agreement.receiveTakeover;
      throw error;
    } finally {
      this.#inflating = undefined;
    }
  }

  #deflater(): MessageDeflater {
    const { level, memLevel } = this.#settings;
    const { sendWindowBits: windowBits, sendTakeover } = this.#agreement;
    if (!sendTakeover) return this.#workers.deflater(windowBits, level, memLevel);
    this.#ownDeflater ??= this.#workers.coders.deflater({ windowBits, level, memLevel }, true);
    return this.#ownDeflater;
  }

  #inflater(): MessageInflater {
    const { receiveWindowBits, receiveTakeover } = this.#agreement;
    if (!receiveTakeover) return this.#workers.inflater;
    this.#ownInflater ??= this.#workers.coders.inflater(receiveWindowBits, true);
    return this.#ownInflater;
  }
}

function copyOf(message: Buffer): Uint8Array {
  return new Uint8Array(message);
}

function ownBytes(message: Buffer): Uint8Array {
  return new Uint8Array(message.buffer, message.byteOffset, message.length);
}

function textOf(message: Buffer): string {
  return decodeUtf8(message, 0, message.length);
}
