import { runInRootContext } from '@landspout/ioloop/reactor';

/** Bytes in flight in one direction: about what a socket's kernel buffers hold, so that back-pressure is real. */
const CAPACITY_BYTES = 64 * 1024;

/** One direction of a memory connection: stands where the kernel and the network stand for a socket. */
export class MemoryPipe {
  /** Called on a later turn when there may be something to read. */
  onReadable: (() => void) | undefined;
  /** Called on a later turn when there may be room again, or when the reader has gone. */
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

  /** Whether the writer has ended; what is in flight comes first. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  get isReset(): boolean {
    return this.#isReset;
  }

  /** Whether nobody will ever read here again. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Takes what fits and copies it: the writer's memory is free again when this returns. */
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

  /** The oldest bytes in flight, which leave the pipe. */
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
    // As the kernel would: the context of a writer is not that of the reader.
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
