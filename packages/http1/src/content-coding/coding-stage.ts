import { type CodingEngine, createCodingEngine } from './coding-engine.ts';
import { type ContentCoding, ContentCodingProtocolError } from './content-coding.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** A piece that fills less of its buffer than this is copied, so that it does not keep the whole buffer in memory. */
const WELL_FILLED = 1 / 4;

/** Decodes one coding: the caller writes input, then pulls pieces until none are left. */
export class CodingStage {
  readonly #coding: ContentCoding;
  readonly #chunkBytes: number;
  readonly #frames: ZstdFrames | undefined;
  /**
   * Created when the first byte is written, so that an empty body, or one that is refused before it is read, costs
   * nothing.
   */
  #engine: CodingEngine | undefined;
  #input: Uint8Array | undefined;
  #inputAt = 0;
  #givenBytes = 0;
  #ending = false;
  /** The engine is processing its last input. */
  #busy = false;
  #error: Error | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  /** @param chunkBytes - the maximum size of a piece. */
  constructor(coding: ContentCoding, chunkBytes: number) {
    this.#coding = coding;
    this.#chunkBytes = chunkBytes;
    this.#frames = coding === 'zstd' ? new ZstdFrames() : undefined;
  }

  get ending(): boolean {
    return this.#ending;
  }

  /**
   * Writes input. Must not be called before {@link next} has resolved to `undefined` for the previous input. The bytes
   * must not be modified after the call.
   */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#closed) return;
    this.#engine ??= this.#startEngine();
    this.#input = bytes;
    this.#inputAt = 0;
  }

  /** Marks the input as complete. {@link next} then checks that the coding is complete, too. */
  end(): void {
    this.#ending = true;
    if (this.#engine === undefined || this.#closed) return;
    this.#busy = true;
    this.#engine.end();
  }

  /**
   * Waits for the next piece. The piece is owned by the caller. The engine runs at most one piece ahead of the caller.
   *
   * @returns `undefined` if all input so far is decoded, and after {@link close}.
   * @throws ContentCodingProtocolError if the input is not valid in the coding, is truncated, or has more bytes after
   *   the end of the coding.
   */
  async next(): Promise<Uint8Array | undefined> {
    const engine = this.#engine;
    while (engine !== undefined && !this.#closed) {
      if (this.#error !== undefined) throw this.#error;
      const piece = engine.read() as Buffer | null;
      if (piece !== null) return piece.length < this.#chunkBytes * WELL_FILLED ? Buffer.from(piece) : piece;
      if (this.#busy) await this.#engineSaysSo();
      else if (!this.#feed(engine)) break;
    }
    if (this.#ending && !this.#closed) this.#requireEnd();
    return undefined;
  }

  /** Frees the engine immediately. A pending {@link next} resolves to `undefined`. */
  close(): void {
    this.#closed = true;
    this.#input = undefined;
    this.#engine?.destroy();
    this.#engine = undefined;
    this.#awaken();
  }

  #startEngine(): CodingEngine {
    const engine = createCodingEngine(this.#coding, this.#chunkBytes);
    engine.on('readable', () => this.#awaken());
    engine.on('end', () => {
      if (!this.#ending) return;
      this.#busy = false;
      this.#awaken();
    });
    engine.on('error', (error: NodeJS.ErrnoException) => {
      this.#error ??= this.#explain(error);
      this.#awaken();
    });
    return engine;
  }

  /** Writes more input to the engine, up to the end of a zstd frame. @returns false if no input is left. */
  #feed(engine: CodingEngine): boolean {
    const input = this.#input;
    if (input === undefined) return false;
    const start = this.#inputAt;
    const end = this.#frames === undefined ? input.length : this.#frames.endOfFrame(input, start);
    this.#inputAt = end;
    if (end === input.length) this.#input = undefined;
    this.#givenBytes += end - start;
    this.#busy = true;
    engine.write(input.subarray(start, end), () => this.#taken(engine));
    return true;
  }

  /**
   * Called when the engine has processed its input. Bytes that the engine did not consume are after the end of the
   * coding.
   */
  #taken(engine: CodingEngine): void {
    this.#busy = false;
    if (engine.bytesWritten !== this.#givenBytes) {
      const message = `bytes follow the end of the ${this.#coding} data`;
      this.#error ??= new ContentCodingProtocolError('ERR_HTTP_CODING_TRAILING', message);
    }
    this.#awaken();
  }

  #requireEnd(): void {
    if (this.#engine !== undefined && this.#frames?.atEnd !== false) return;
    throw this.#truncated();
  }

  #engineSaysSo(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Converts an error of the engine. Any error except a lack of memory is caused by the sender. */
  #explain(error: NodeJS.ErrnoException): Error {
    const { code = '' } = error;
    if (/MEM|ALLOC/i.test(code)) return error;
    if (this.#ending && code === 'Z_BUF_ERROR') return this.#truncated(error);
    const message = `invalid ${this.#coding} data: ${error.message}`;
    return new ContentCodingProtocolError('ERR_HTTP_CODING_CORRUPT', message, { cause: error });
  }

  #truncated(cause?: Error): Error {
    const message = `the ${this.#coding} data is truncated`;
    return new ContentCodingProtocolError('ERR_HTTP_CODING_TRUNCATED', message, { cause });
  }
}
