import type { Buffer } from 'node:buffer';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { webSocketChecks } from '../protocol/limits.ts';
import { CompressionJob, JobQueue } from './job-queue.ts';
import type { MessageCoders } from './message-coders.ts';
import { bestCoders, ZlibWorkers } from './zlib-workers.ts';

/** What the compression of all connections that share a pool may use together. */
export interface CompressionPoolOptions {
  /**
   * Maximum number of large messages that are processed in Node's thread pool at a time, from 1 to 1024; further ones
   * wait, first come, first served. Default: 4, the size of Node's thread pool.
   */
  readonly concurrency?: number;
  /**
   * Maximum number of bytes of large messages that wait for their turn. A message that does not fit is refused; if
   * nothing waits, any size is accepted. Default: 64 MiB.
   */
  readonly maxWaitingBytes?: number;
  /**
   * Maximum memory in bytes for the zlib states of connections with context takeover; 0: no context takeover.
   * Connections that exceed it negotiate without context takeover. Default: 64 MiB, which is enough for about 200
   * connections with the default window sizes.
   */
  readonly maxContextBytes?: number;
}

const POOL_OPTIONS: OptionNames<CompressionPoolOptions> = {
  concurrency: true,
  maxWaitingBytes: true,
  maxContextBytes: true,
};

let workersOf: (pool: CompressionPool) => ZlibWorkers;
let poolOver: (coders: MessageCoders, options?: CompressionPoolOptions) => CompressionPool;
let shared: CompressionPool | undefined;

/**
 * Limits the memory and the threads that permessage-deflate (RFC 7692) may use, and holds the zlib states that all
 * connections without context takeover share: such a connection has no zlib state of its own. All connections of a
 * thread share one pool unless their options name another.
 *
 * @example
 * const pool = new CompressionPool({ concurrency: 2, maxContextBytes: 256 * 1024 * 1024 });
 */
export class CompressionPool {
  readonly #maxContextBytes: number;
  #workers: ZlibWorkers;
  #contextBytes = 0;

  static {
    workersOf = (pool) => pool.#workers;
    poolOver = (coders, options) => {
      const pool = new CompressionPool(options);
      pool.#workers = new ZlibWorkers(coders, pool.#workers.queue);
      return pool;
    };
  }

  /** The pool of this thread. It is created on first use. */
  static get shared(): CompressionPool {
    shared ??= new CompressionPool();
    return shared;
  }

  /** @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if an option is unknown or out of range. */
  constructor(options: CompressionPoolOptions = {}) {
    webSocketChecks.options('CompressionPool', options, POOL_OPTIONS);
    const {
      concurrency = 4,
      maxWaitingBytes = 64 * 1024 * 1024,
      maxContextBytes = 64 * 1024 * 1024,
    } = options;
    webSocketChecks.wholeNumber('CompressionPool', 'concurrency', concurrency, 1, 1024);
    webSocketChecks.number('CompressionPool', 'maxWaitingBytes', maxWaitingBytes);
    webSocketChecks.number('CompressionPool', 'maxContextBytes', maxContextBytes);
    this.#workers = new ZlibWorkers(bestCoders, new JobQueue(concurrency, maxWaitingBytes));
    this.#maxContextBytes = maxContextBytes;
  }

  /** Memory in bytes that is reserved for the zlib states of connections with context takeover. */
  get contextBytes(): number {
    return this.#contextBytes;
  }

  /** Number of large messages that are processed now. */
  get running(): number {
    return this.#workers.queue.running;
  }

  /** Number of large messages that wait for their turn. */
  get waiting(): number {
    return this.#workers.queue.waiting;
  }

  /** Memory in bytes of the messages that wait for their turn. */
  get waitingBytes(): number {
    return this.#workers.queue.waitingBytes;
  }

  /**
   * Reserves memory for the zlib states of a connection. Give it back with {@link release}.
   *
   * @returns whether it is reserved: false if `maxContextBytes` would be exceeded.
   */
  reserveContext(bytes: number): boolean {
    webSocketChecks.number('reserveContext', 'bytes', bytes);
    if (this.#contextBytes + bytes > this.#maxContextBytes) return false;
    this.#contextBytes += bytes;
    return true;
  }

  /** Gives back memory that {@link reserveContext} has reserved. */
  release(bytes: number): void {
    webSocketChecks.number('release', 'bytes', bytes, 0, this.#contextBytes);
    this.#contextBytes -= bytes;
  }

  /**
   * Compresses a message without context, as permessage-deflate sends it (RFC 7692 §7.2.1). The result depends on the
   * arguments only, so that a broadcast can send it to all connections that have agreed to this window size or a larger
   * one.
   *
   * @param message - text is sent as UTF-8. More than 16 KiB are compressed in Node's thread pool; bytes must then not
   *   be modified until the promise settles.
   * @param windowBits - 9 to 15. @param level - 0 to 9. @param memLevel - 1 to 9.
   * @returns the payload, which the caller owns.
   * @throws WebSocketUsageError `ERR_WEBSOCKET_BAD_OPTION` if a number is out of range; WebSocketCompressionError
   *   `ERR_WEBSOCKET_COMPRESSION_BUSY` if too much is waiting, or `ERR_WEBSOCKET_COMPRESSION_FAILED`. The promise
   *   rejects with the last one.
   */
  deflate(
    message: string | Uint8Array,
    windowBits: number,
    level: number,
    memLevel: number,
  ): Buffer | Promise<Buffer> {
    const workers = this.#workers;
    const result = workers.deflate(workers.deflater(windowBits, level, memLevel), message);
    return result instanceof CompressionJob ? result.promise : result;
  }

  [INSPECT](): object {
    return inspection(this, ['contextBytes', 'running', 'waiting', 'waitingBytes']);
  }
}

/**
 * `workersOf`: what a pool has for its connections. `poolOver`: a pool with coders of the caller's choice, for tests.
 */
export { poolOver, workersOf };
