// Compresses and decompresses messages with the public functions of node:zlib, for versions of Node whose internals
// `zlib-engine.ts` of http1 does not know. Every message is a zlib stream of its own; a context is the text that it may refer
// to, passed on as the dictionary of the next stream. That costs more time than a state of zlib, and less memory.

import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import { type DeflateParameters, FLUSH } from '@landspout/http1/content-coding';
import { badDeflateError, closedError, failedError, inflateError, tooBigError } from './errors.ts';
import {
  FINAL_TAIL,
  type JobState,
  MAX_FINAL_BLOCKS,
  MAX_SYNC_OUTPUT_BYTES,
  MESSAGE_TAIL,
  type MessageCoders,
  type MessageDeflater,
  type MessageInflater,
} from './message-coders.ts';

export const publicZlib: MessageCoders = {
  deflater: (parameters, keepsContext) => new PublicDeflater(parameters, keepsContext),
  inflater: (windowBits, keepsContext) => new PublicInflater(windowBits, keepsContext),
};

/** The last bytes of all messages so far, as many as the window holds. */
class History {
  readonly #windowBytes: number;
  #bytes: Buffer = NO_BYTES;

  /** @param windowBits - `undefined` if messages must not refer to earlier ones. */
  constructor(windowBits: number | undefined) {
    this.#windowBytes = windowBits === undefined ? 0 : 1 << windowBits;
  }

  /** The option `dictionary` of zlib. */
  get dictionary(): { readonly dictionary?: Buffer } {
    return this.#bytes.length === 0 ? {} : { dictionary: this.#bytes };
  }

  add(bytes: Uint8Array): void {
    if (this.#windowBytes === 0) return;
    const all = Buffer.concat([this.#bytes, bytes.subarray(Math.max(0, bytes.length - this.#windowBytes))]);
    this.#bytes = Buffer.from(all.subarray(Math.max(0, all.length - this.#windowBytes)));
  }

  clear(): void {
    this.#bytes = NO_BYTES;
  }
}

const NO_BYTES = Buffer.alloc(0);

class PublicDeflater implements MessageDeflater {
  readonly #parameters: DeflateParameters;
  readonly #history: History;

  constructor(parameters: DeflateParameters, keepsContext: boolean) {
    this.#parameters = parameters;
    this.#history = new History(keepsContext ? parameters.windowBits : undefined);
  }

  deflateNow(bytes: Uint8Array, length: number): Buffer {
    try {
      const message = bytes.subarray(0, length);
      const deflated = zlib.deflateRawSync(message, this.#options);
      this.#history.add(message);
      return deflated.subarray(0, -MESSAGE_TAIL.length);
    } catch (error) {
      throw failedError('deflate', error);
    }
  }

  async deflateLater(bytes: Uint8Array, job: JobState): Promise<Buffer> {
    try {
      const { output } = await runStream(zlib.createDeflateRaw(this.#options), [bytes], Infinity, job);
      this.#history.add(bytes);
      return output.subarray(0, -MESSAGE_TAIL.length);
    } catch (error) {
      throw failedError('deflate', error);
    }
  }

  close(): void {
    this.#history.clear();
  }

  get #options(): zlib.ZlibOptions {
    return { ...this.#parameters, ...this.#history.dictionary, finishFlush: FLUSH.sync };
  }
}

class PublicInflater implements MessageInflater {
  readonly #windowBits: number;
  readonly #history: History;

  constructor(windowBits: number, keepsContext: boolean) {
    this.#windowBits = windowBits;
    this.#history = new History(keepsContext ? windowBits : undefined);
  }

  inflateNow(payload: Uint8Array, maxBytes: number): Buffer | undefined {
    const most = Math.min(maxBytes, MAX_SYNC_OUTPUT_BYTES);
    const message = new PartialMessage(payload, maxBytes);
    try {
      while (!message.isComplete) {
        const options = {
          ...this.#options(message),
          maxOutputLength: Math.max(1, most - message.length),
          info: true,
        };
        const result = zlib.inflateRawSync(Buffer.concat(message.rest), options) as unknown as InflateInfo;
        message.add(result.buffer, result.engine.bytesWritten);
      }
      return this.#finish(message);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw inflateError(error);
      if (most === maxBytes) throw tooBigError(maxBytes);
      return undefined;
    }
  }

  async inflateLater(payload: Uint8Array, maxBytes: number, job: JobState): Promise<Buffer> {
    const message = new PartialMessage(payload, maxBytes);
    try {
      while (!message.isComplete) {
        const stream = zlib.createInflateRaw({ ...this.#options(message), chunkSize: 64 * 1024 });
        const { output, inputBytes } = await runStream(stream, message.rest, maxBytes - message.length, job);
        message.add(output, inputBytes);
      }
      return this.#finish(message);
    } catch (error) {
      throw inflateError(error);
    }
  }

  close(): void {
    this.#history.clear();
  }

  /** A final block empties the window, so only the first stream of a message may refer to earlier messages. */
  #options(message: PartialMessage): zlib.ZlibOptions {
    const dictionary = message.finalBlocks === 0 ? this.#history.dictionary : {};
    return { windowBits: this.#windowBits, ...dictionary };
  }

  #finish(message: PartialMessage): Buffer {
    if (message.finalBlocks > 0) this.#history.clear();
    if (!message.endsEmpty) this.#history.add(message.lastPart);
    return message.whole();
  }
}

/** The public option `info` of the synchronous functions, which the types do not know. */
interface InflateInfo {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** A message that is decompressed up to some point: up to the end of one of its final blocks, or up to its end. */
class PartialMessage {
  readonly #maxBytes: number;
  readonly #parts: Buffer[] = [];
  readonly #payload: Uint8Array;
  #at = 0;
  length = 0;
  /** Final blocks of the payload; the one that we add at the end does not count. */
  finalBlocks = 0;
  isComplete = false;
  /** Whether the payload itself ends with a final block, after which the window is empty. */
  endsEmpty = false;

  constructor(payload: Uint8Array, maxBytes: number) {
    this.#payload = payload;
    this.#maxBytes = maxBytes;
  }

  /** The input that is left, with its tail. */
  get rest(): readonly Uint8Array[] {
    return [this.#payload.subarray(this.#at), FINAL_TAIL];
  }

  /** What the last stream of the message has decompressed. */
  get lastPart(): Buffer {
    return this.#parts.at(-1) ?? NO_BYTES;
  }

  /** Adds what one zlib stream has decompressed. @param inputBytes - how much of the input it has taken. */
  add(part: Buffer, inputBytes: number): void {
    this.#parts.push(part);
    this.length += part.length;
    if (this.length > this.#maxBytes) throw tooBigError(this.#maxBytes);
    this.#at += inputBytes;
    const left = this.#payload.length + FINAL_TAIL.length - this.#at;
    this.isComplete = left === 0 || left === FINAL_TAIL.length;
    this.endsEmpty = left > 0;
    if (left > 0) this.finalBlocks += 1;
    if (left > 0 && left < FINAL_TAIL.length)
      throw badDeflateError('a compressed message ends within a block');
    if (this.finalBlocks > MAX_FINAL_BLOCKS) {
      throw badDeflateError(`a compressed message has more than ${MAX_FINAL_BLOCKS} final blocks`);
    }
  }

  /** Returns the message in an ArrayBuffer of its own. */
  whole(): Buffer {
    const whole = Buffer.allocUnsafeSlow(this.length);
    let at = 0;
    for (const part of this.#parts) at += part.copy(whole, at);
    return whole;
  }
}

/** Runs one zlib stream to its end, or until it has produced more than `maxBytes`. */
function runStream(
  stream: zlib.DeflateRaw | zlib.InflateRaw,
  input: readonly Uint8Array[],
  maxBytes: number,
  job: JobState,
): Promise<{ readonly output: Buffer; readonly inputBytes: number }> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let length = 0;
    const finish = () => {
      resolve({ output: Buffer.concat(pieces, length), inputBytes: stream.bytesWritten });
      stream.destroy();
    };
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (job.isCancelled) stream.destroy(closedError());
      else if (length > maxBytes) finish();
    });
    stream.on('end', finish);
    stream.on('error', reject);
    for (const bytes of input) stream.write(bytes);
    stream.end();
  });
}
