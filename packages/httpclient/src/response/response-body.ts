import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { BodyCollector } from './body-collector.ts';

/** Bytes that may be buffered before the connection is no longer read. */
const HIGH_WATER_BYTES = 64 * 1024;
/** What a buffered chunk counts in addition to its bytes, because a chunk of one byte needs much more memory. */
const CHUNK_BYTES = 256;

/** The owner of a body: the request whose response it belongs to. */
export interface BodyOwner {
  /** The reader wants no more: the connection is closed, unless the body is already complete. */
  bodyCancelled(): void;
}

interface Reader {
  readonly resolve: (chunk: Uint8Array | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The body of a response, read while it arrives. If the reader is slow, at most 64 KiB and one chunk are buffered; then
 * the connection is not read until the reader continues.
 */
export class ResponseBody {
  readonly #owner: BodyOwner;
  #chunks: Uint8Array[] = [];
  #bufferedBytes = 0;
  #reader: Reader | undefined;
  /** Lets the connection continue to read. */
  #drained: (() => void) | undefined;
  #state: 'open' | 'ended' | 'failed' | 'cancelled' = 'open';
  #error: unknown;
  #receivedBytes = 0;

  constructor(owner: BodyOwner) {
    this.#owner = owner;
  }

  /** Bytes that have arrived, read or not. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Whether the whole body has arrived. */
  get isComplete(): boolean {
    return this.#state === 'ended';
  }

  // ---- for the reader ----

  /**
   * Waits for the next chunk, which the caller owns. One call may be pending at a time.
   *
   * @returns undefined after the last chunk and after {@link cancel}.
   * @throws the error of the request; chunks that arrived before it are returned first.
   */
  next(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#bufferedBytes -= chunk.length + CHUNK_BYTES;
      if (this.#bufferedBytes < HIGH_WATER_BYTES) this.#letContinue();
      return Promise.resolve(chunk);
    }
    if (this.#state === 'failed') return Promise.reject(this.#error);
    if (this.#state !== 'open') return Promise.resolve(undefined);
    if (this.#reader !== undefined)
      return Promise.reject(new TypeError('another read of the body is pending'));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** Reads the rest of the body. */
  async bytes(): Promise<Uint8Array> {
    const first = await this.next();
    if (first === undefined) return new Uint8Array(0);
    const collector = new BodyCollector(first);
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next())
      collector.append(chunk);
    return collector.bytes;
  }

  /** Returns the rest of the body if all of it has arrived, and otherwise undefined. */
  takeComplete(): Uint8Array | undefined {
    if (this.#state !== 'ended') return undefined;
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#letContinue();
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
  }

  /** Discards the rest of the body. The connection is closed, unless the body is complete. */
  cancel(): void {
    const wasOpen = this.#state === 'open';
    this.#chunks = [];
    this.#bufferedBytes = 0;
    if (this.#state !== 'failed') this.#state = 'cancelled';
    this.#settle((reader) => reader.resolve(undefined));
    if (wasOpen) this.#owner.bodyCancelled();
    this.#letContinue();
  }

  // ---- for the owner ----

  /** Passes a chunk to the reader. @returns a promise if no more should be received until it resolves. */
  push(chunk: Uint8Array): undefined | Promise<void> {
    this.#receivedBytes += chunk.length;
    if (this.#state !== 'open') return undefined;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(chunk);
      return undefined;
    }
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length + CHUNK_BYTES;
    if (this.#bufferedBytes < HIGH_WATER_BYTES) return undefined;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.#settle((reader) => reader.resolve(undefined));
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#error = error;
    this.#settle((reader) => reader.reject(error));
    this.#letContinue();
  }

  [INSPECT](): object {
    return inspection(this, ['receivedBytes'], () => ({
      state: this.#state,
      bufferedBytes: this.#bufferedBytes,
    }));
  }

  #settle(settle: (reader: Reader) => void): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) settle(reader);
  }

  #letContinue(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}
