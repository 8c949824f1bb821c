import { runInRootContext } from '@landspout/ioloop/reactor';

/**
 * Maximum number of bytes in flight in one direction: about as many as the kernel buffers for a socket, so that there
 * is back-pressure.
 */
const CAPACITY_BYTES = 64 * 1024;

/** One direction of a memory connection: replaces the kernel and the network. */
export class MemoryPipe {
  /** Called in a later loop iteration if there may be something to read. */
  onReadable: (() => void) | undefined;
  /** Called in a later loop iteration if there may be room again, or the reader has closed. */
  onWritable: (() => void) | undefined;

  #chunks: Buffer[] = [];
  #byteLength = 0;
  #isEnded = false;
  #isReset = false;
  #isAbandoned = false;
  #wakeReader = false;
  #wakeWriter = false;

  /** How many more bytes fit. */
  get room(): number {
    return CAPACITY_BYTES - this.#byteLength;
  }

  get isEmpty(): boolean {
    return this.#byteLength === 0;
  }

  /** Whether the writer has ended. The bytes in flight can still be read. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isReset(): boolean {
    return this.#isReset;
  }

  /** Whether the reader has closed, so that nothing will be read any more. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /**
   * Copies as many bytes as fit. The caller may reuse its memory when this method returns. @returns how many bytes were
   * copied.
   */
  write(piece: string | Uint8Array): number {
    const length = Math.min(piece.length, this.room);
    if (length === 0) return 0;
    const chunk = Buffer.allocUnsafeSlow(length);
    if (typeof piece === 'string') chunk.write(piece, 0, length, 'latin1');
    else chunk.set(piece.subarray(0, length));
    this.#chunks.push(chunk);
    this.#byteLength += length;
    this.wakeReader();
    return length;
  }

  /** Removes and returns the oldest bytes in flight. */
  read(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#byteLength -= chunk.length;
    this.#scheduleWriter();
    return chunk;
  }

  end(): void {
    this.#isEnded = true;
    this.wakeReader();
  }

  reset(): void {
    this.#isReset = true;
    this.#chunks = [];
    this.#byteLength = 0;
    this.wakeReader();
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.onReadable = undefined;
    this.#chunks = [];
    this.#byteLength = 0;
    this.#scheduleWriter();
  }

  wakeReader(): void {
    if (this.#wakeReader) return;
    this.#wakeReader = true;
    // As with a kernel in between, the async context of the writer does not reach the reader.
    runInRootContext(() => {
      setImmediate(() => {
        this.#wakeReader = false;
        this.onReadable?.();
      });
    }, undefined);
  }

  #scheduleWriter(): void {
    if (this.#wakeWriter || this.onWritable === undefined) return;
    this.#wakeWriter = true;
    runInRootContext(() => {
      setImmediate(() => {
        this.#wakeWriter = false;
        this.onWritable?.();
      });
    }, undefined);
  }
}
