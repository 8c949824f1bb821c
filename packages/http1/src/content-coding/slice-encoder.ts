import { Buffer } from 'node:buffer';
import type { ContentCoding } from './content-coding.ts';
import { createEncoderStream, ENDINGS, type EncoderStream } from './encoder-streams.ts';
import type { ZlibEngine, ZlibEngines } from './zlib-engine.ts';

/**
 * What follows a slice of the body: `none` if more is to come, `flush` if the client must be able to decode everything
 * so far, `finish` if it was the last slice.
 */
export type SliceEnding = 'none' | 'flush' | 'finish';

/** Encodes one body, slice by slice. Calls must not overlap. */
export interface SliceEncoder {
  /**
   * Encodes a slice in the thread of the caller; undefined if that is not possible.
   *
   * @returns the pieces of the encoded body that resulted, none if the library keeps the input for now. The caller owns
   *   them.
   * @throws the error of the library.
   */
  readonly encodeNow: ((slice: Uint8Array, ending: SliceEnding) => Buffer[]) | undefined;
  /**
   * Does the same in Node's thread pool. The slice is borrowed until the promise settles. After {@link close} it
   * settles when the thread has ended its current call.
   */
  encodeLater(slice: Uint8Array, ending: SliceEnding): Promise<Buffer[]>;
  /** Frees the memory of the library at once, or after the current call in the thread pool. */
  close(): void;
}

/**
 * Creates an encoder over an engine, or over a stream of node:zlib if there are no engines.
 *
 * @param pieceBytes - at least 16, more than the libraries need for the end of a flush or of an empty body. They would
 *   repeat such an end for ever if it filled each piece exactly.
 */
export function createSliceEncoder(
  engines: ZlibEngines | undefined,
  coding: ContentCoding,
  level: number,
  pieceBytes: number = PIECE_BYTES,
): SliceEncoder {
  const engine = engines?.encoder(coding, level);
  if (engine === undefined) return new StreamSliceEncoder(createEncoderStream(coding, level), coding);
  return new EngineSliceEncoder(engine, coding, pieceBytes);
}

/** Size of the buffers into which the library writes. */
const PIECE_BYTES = 64 * 1024;

/** Buffers that no call uses. There are few calls at a time, and most results are much smaller than a buffer. */
const spare: Buffer[] = [];
const MAX_SPARE = 4;

class EngineSliceEncoder implements SliceEncoder {
  readonly #engine: ZlibEngine;
  readonly #coding: ContentCoding;
  readonly #pieceBytes: number;
  #isClosed = false;

  constructor(engine: ZlibEngine, coding: ContentCoding, pieceBytes: number) {
    this.#engine = engine;
    this.#coding = coding;
    this.#pieceBytes = pieceBytes;
  }

  readonly encodeNow = (slice: Uint8Array, ending: SliceEnding): Buffer[] => {
    const call = new SliceCall(this.#engine, slice, this.#takeOutput());
    for (const step of this.#steps(ending)) {
      call.emptyOutput();
      do {
        call.makeRoom();
        this.#engine.process(step, ...call.place());
      } while (call.isUnfinishedAfter());
    }
    const pieces = call.takePieces();
    this.#giveBack(call.output);
    return pieces;
  };

  async encodeLater(slice: Uint8Array, ending: SliceEnding): Promise<Buffer[]> {
    const call = new SliceCall(this.#engine, slice, this.#takeOutput());
    for (const step of this.#steps(ending)) {
      call.emptyOutput();
      do {
        call.makeRoom();
        await this.#engine.processInThreadPool(step, ...call.place());
        if (this.#isClosed) return [];
      } while (call.isUnfinishedAfter());
    }
    const pieces = call.takePieces();
    this.#giveBack(call.output);
    return pieces;
  }

  close(): void {
    this.#isClosed = true;
    this.#engine.close();
  }

  /**
   * A last call of zstd that fills its output exactly may or may not have ended the frame, and another would begin a
   * second frame. So the data is flushed first: the end alone always leaves room.
   */
  #steps(ending: SliceEnding): readonly number[] {
    const endings = ENDINGS[this.#coding];
    if (ending === 'finish' && this.#coding === 'zstd') return [endings.flush, endings.finish];
    return [endings[ending]];
  }

  #takeOutput(): Buffer {
    if (this.#pieceBytes !== PIECE_BYTES) return Buffer.allocUnsafeSlow(this.#pieceBytes);
    return spare.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  #giveBack(output: Buffer): void {
    if (output.length === PIECE_BYTES && spare.length < MAX_SPARE) spare.push(output);
  }
}

/** One slice while it is encoded. */
class SliceCall {
  readonly output: Buffer;
  readonly #pieces: Buffer[] = [];
  readonly #engine: ZlibEngine;
  readonly #slice: Uint8Array;
  #at = 0;
  #used = 0;

  constructor(engine: ZlibEngine, slice: Uint8Array, output: Buffer) {
    this.#engine = engine;
    this.#slice = slice;
    this.output = output;
  }

  makeRoom(): void {
    if (this.#used === this.output.length) this.emptyOutput();
  }

  /** Copies what is in the output into a piece. */
  emptyOutput(): void {
    if (this.#used > 0) this.#pieces.push(Buffer.from(this.output.subarray(0, this.#used)));
    this.#used = 0;
  }

  /** The arguments of the next call. */
  place(): [Uint8Array, number, number, Uint8Array, number, number] {
    const { output } = this;
    const inputLength = this.#slice.length - this.#at;
    return [this.#slice, this.#at, inputLength, output, this.#used, output.length - this.#used];
  }

  /** Notes what a call has done. @returns whether the same call must be repeated, because its output was full. */
  isUnfinishedAfter(): boolean {
    const { inputLeft, outputLeft } = this.#engine;
    const at = this.#slice.length - inputLeft;
    const used = this.output.length - outputLeft;
    if (inputLeft > 0 && at === this.#at && used === this.#used) throw new Error('no progress');
    this.#at = at;
    this.#used = used;
    return outputLeft === 0 || inputLeft > 0;
  }

  /** Returns what resulted from the slice. The output may then be used again. */
  takePieces(): Buffer[] {
    this.emptyOutput();
    return this.#pieces;
  }
}

/** Over a public stream, for versions of Node whose internals we do not know. */
class StreamSliceEncoder implements SliceEncoder {
  readonly encodeNow = undefined;
  readonly #stream: EncoderStream;
  readonly #endings: { readonly flush: number };
  #pieces: Buffer[] = [];
  #settle: ((error?: Error | null) => void) | undefined;

  constructor(stream: EncoderStream, coding: ContentCoding) {
    this.#stream = stream;
    this.#endings = ENDINGS[coding];
    stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    stream.on('error', (error) => this.#settle?.(error));
    stream.on('end', () => this.#settle?.());
    stream.on('close', () => this.#settle?.());
  }

  encodeLater(slice: Uint8Array, ending: SliceEnding): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error | null) => {
        this.#settle = undefined;
        // What the stream has not emitted yet.
        if (this.#stream.readableLength > 0) this.#stream.read();
        const pieces = this.#pieces;
        this.#pieces = [];
        if (error) reject(error);
        else resolve(pieces);
      };
      this.#settle = settle;
      const stream = this.#stream;
      if (ending === 'finish') stream.end(slice);
      else if (ending === 'none') stream.write(slice, settle);
      else {
        if (slice.length > 0) stream.write(slice);
        stream.flush(this.#endings.flush, () => settle());
      }
    });
  }

  close(): void {
    this.#stream.destroy();
  }
}
