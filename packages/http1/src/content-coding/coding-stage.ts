import { type CodingEngine, createCodingEngine } from './coding-engine.ts';
import { type ContentCoding, ContentCodingProtocolError } from './content-coding.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** A piece that fills less of its buffer than this is copied, so that few bytes do not keep many. */
const WELL_FILLED = 1 / 4;

/** Undoes one coding: input is written, and pieces are pulled until there are none left in it. */
export class CodingStage {
  readonly #coding: ContentCoding;
  readonly #chunkBytes: number;
  readonly #frames: ZstdFrames | undefined;
  /** Made for the first byte: a body without any costs nothing, and neither does one that is refused before it. */
  #engine: CodingEngine | undefined;
  #input: Uint8Array | undefined;
  #inputAt = 0;
  #givenBytes = 0;
  #ending = false;
  /** The engine works on what it was given last. */
  #busy = false;
  #error: Error | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  /** @param chunkBytes - most bytes of a piece. */
  constructor(coding: ContentCoding, chunkBytes: number) {
    this.#coding = coding;
    this.#chunkBytes = chunkBytes;
    this.#frames = coding === 'zstd' ? new ZstdFrames() : undefined;
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** Gives input, once {@link next} has said that nothing is left of what was given before. It must not change. */
  write(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#closed) return;
    this.#engine ??= this.#startEngine();
    this.#input = bytes;
    this.#inputAt = 0;
  }

  /** The input is complete: {@link next} checks that the coding is, too. */
  end(): void {
    this.#ending = true;
    if (this.#engine === undefined || this.#closed) return;
    this.#busy = true;
    this.#engine.end();
  }

  /**
   * Waits for the next piece. Its bytes are yours. The engine may be one piece ahead of what was pulled, never more.
   *
   * @returns `undefined` when there is no more to be had from the input so far, and after {@link close}.
   * @throws ContentCodingProtocolError when the input is not in the coding, or is cut short, or goes on behind its end.
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

  /** Frees what the engine holds, at once; whoever waits gets nothing more. */
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

  /** Gives the engine more of the input, never beyond the end of a frame. False when there is none left. */
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

  /** The engine is done with what it was given. What it has not taken lies behind the end, or leads nowhere. */
  #taken(engine: CodingEngine): void {
    this.#busy = false;
    if (engine.bytesWritten !== this.#givenBytes) {
      const message = `bytes follow the end of ${this.#coding}`;
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

  /** Whose fault an error of the engine is: all but a lack of memory is the sender's. */
  #explain(error: NodeJS.ErrnoException): Error {
    const { code = '' } = error;
    if (/MEM|ALLOC/i.test(code)) return error;
    if (this.#ending && code === 'Z_BUF_ERROR') return this.#truncated(error);
    const message = `not ${this.#coding}: ${error.message}`;
    return new ContentCodingProtocolError('ERR_HTTP_CODING_CORRUPT', message, { cause: error });
  }

  #truncated(cause?: Error): Error {
    const message = `${this.#coding} was cut short`;
    return new ContentCodingProtocolError('ERR_HTTP_CODING_TRUNCATED', message, { cause });
  }
}
