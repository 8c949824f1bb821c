// Calls zlib, brotli and zstd through the handles of Node's own streams, without those streams: a call costs 1 to 3 µs
// instead of 10 to 40, a large message needs no stream in Node's thread pool, and an engine without a message costs no
// JavaScript buffers. All code that relies on Node's internals for this purpose is in this file and in `zlib-handles.ts`;
// if they differ from what is expected there, there are no engines, and the public functions of node:zlib are used
// instead. zlib-engine.canary.test.ts reports that.

import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { ContentCoding } from './content-coding.ts';
import { createEncoderStream, encodeWithStream } from './encoder-streams.ts';
import {
  type Handle,
  type HandleRecipe,
  isPairOfNumbers,
  observeHandle,
  type StreamKind,
  type WriteArguments,
} from './zlib-handles.ts';

/** How a call of zlib ends: with all input accepted, with all output written, or at the end of the data. */
export const FLUSH = {
  none: zlib.constants.Z_NO_FLUSH,
  sync: zlib.constants.Z_SYNC_FLUSH,
  finish: zlib.constants.Z_FINISH,
} as const;

/** The parameters of raw deflate: `windowBits` from 9 to 15, `level` from 0 to 9, `memLevel` from 1 to 9. */
export interface DeflateParameters {
  readonly windowBits: number;
  readonly level: number;
  readonly memLevel: number;
}

interface CallInThreadPool {
  /** Keeps the arrays of the call, of which the thread has only the addresses. */
  readonly borrowed: WriteArguments;
  settle(failure: Error | undefined): void;
}

/**
 * The state of one compression or decompression, by zlib, brotli or zstd. zlib allocates its memory at the first call
 * that processes data; for brotli and zstd that is memory of a few KiB at first, and the rest at that call.
 */
export class ZlibEngine {
  readonly #handle: Handle;
  readonly #left = new Uint32Array(2);
  #failure: Error | undefined;
  #inThreadPool: CallInThreadPool | undefined;
  #isClosed = false;

  constructor({ Handle, mode, initArguments }: HandleRecipe) {
    const handle = new Handle(mode);
    handle.onerror = (message, errno, code) => {
      this.#failure = Object.assign(new Error(message), { code, errno });
      this.#processed();
    };
    const processed = () => this.#processed();
    const own = (argument: unknown) => {
      if (isPairOfNumbers(argument)) return this.#left;
      return typeof argument === 'function' ? processed : argument;
    };
    handle.init(...initArguments.map(own));
    this.#handle = handle;
  }

  /** Bytes of the input that the last call did not process. */
  get inputLeft(): number {
    return this.#left[1] as number;
  }

  /** Room that the last call left in the output. If it is 0, there may be more output for the same input. */
  get outputLeft(): number {
    return this.#left[0] as number;
  }

  /**
   * Processes a part of `input` into a part of `output`. See {@link inputLeft} and {@link outputLeft} for how far it
   * went.
   *
   * @throws the error of zlib; the engine must be reset or closed.
   */
  process(
    flush: number,
    input: Uint8Array,
    inputStart: number,
    inputLength: number,
    output: Uint8Array,
    outputStart: number,
    outputLength: number,
  ): void {
    this.#assertIdle();
    this.#handle.writeSync(flush, input, inputStart, inputLength, output, outputStart, outputLength);
    if (this.#failure !== undefined) throw this.#takeFailure();
  }

  /**
   * Does the same in Node's thread pool. Both arrays must not be used, and no other method called, until it settles.
   */
  processInThreadPool(...write: WriteArguments): Promise<void> {
    this.#assertIdle();
    return new Promise((resolve, reject) => {
      const settle = (failure: Error | undefined) => (failure === undefined ? resolve() : reject(failure));
      this.#inThreadPool = { borrowed: write, settle };
      this.#handle.write(...write);
    });
  }

  /** Forgets the data so far. Only for zlib: an engine of brotli or zstd would also forget its level. */
  reset(): void {
    this.#assertIdle();
    this.#handle.reset();
    if (this.#failure !== undefined) throw this.#takeFailure();
  }

  /**
   * Frees the memory of the state at once, or as soon as the call in the thread pool has ended, which then settles first.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handle.close();
  }

  /** Node ends the process if a closed or busy handle is used. */
  #assertIdle(): void {
    if (this.#isClosed) throw new Error('the zlib engine is closed');
    if (this.#inThreadPool !== undefined) throw new Error('the zlib engine is busy');
  }

  /** Called by zlib at the end of a call in the thread pool, and after each error. */
  #processed(): void {
    const call = this.#inThreadPool;
    if (call === undefined) return;
    this.#inThreadPool = undefined;
    call.settle(this.#failure === undefined ? undefined : this.#takeFailure());
  }

  #takeFailure(): Error | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}

/** Creates engines. */
export interface ZlibEngines {
  /** Raw deflate. */
  deflate(parameters: DeflateParameters): ZlibEngine;
  /** Raw inflate. @param windowBits - from 8 to 15. */
  inflate(windowBits: number): ZlibEngine;
  /**
   * For the body of a message. Arguments of {@link ZlibEngine.process} are as in `ENDINGS`.
   *
   * @param level - valid for the coding.
   * @returns undefined if this version of Node has other internals for this coding than expected.
   */
  encoder(coding: ContentCoding, level: number): ZlibEngine | undefined;
}

let found: ZlibEngines | undefined;
let hasSearched = false;

/** Returns `undefined` if the internals of this version of Node are not as expected. They are observed only once. */
export function zlibEngines(): ZlibEngines | undefined {
  if (!hasSearched) {
    hasSearched = true;
    found = findEngines();
  }
  return found;
}

function findEngines(): ZlibEngines | undefined {
  const engines = new ObservedEngines();
  try {
    return works(engines) ? engines : undefined;
  } catch {
    return undefined;
  }
}

/** Observes how Node creates each kind of stream once, and then does the same. */
class ObservedEngines implements ZlibEngines {
  readonly #recipes = new Map<string, HandleRecipe | undefined>();

  deflate(parameters: DeflateParameters): ZlibEngine {
    const { windowBits, level, memLevel } = parameters;
    const recipe = this.#recipe(`deflate ${windowBits} ${level} ${memLevel}`, {
      mode: 'DEFLATERAW',
      createStream: () => zlib.createDeflateRaw(parameters),
      process: (bytes) => zlib.deflateRawSync(bytes, parameters),
    });
    return create(recipe as HandleRecipe);
  }

  inflate(windowBits: number): ZlibEngine {
    const recipe = this.#recipe(`inflate ${windowBits}`, {
      mode: 'INFLATERAW',
      createStream: () => zlib.createInflateRaw({ windowBits }),
      process: (bytes) => zlib.inflateRawSync(bytes, { windowBits, finishFlush: FLUSH.sync }),
    });
    return create(recipe as HandleRecipe);
  }

  encoder(coding: ContentCoding, level: number): ZlibEngine | undefined {
    const recipe = this.#recipe(`${coding} ${level}`, {
      mode: MODES[coding],
      createStream: () => createEncoderStream(coding, level),
      process: (bytes) => encodeWithStream(coding, level, bytes),
    });
    return recipe === undefined ? undefined : create(recipe);
  }

  #recipe(key: string, kind: StreamKind): HandleRecipe | undefined {
    const known = this.#recipes.get(key);
    if (known !== undefined || this.#recipes.has(key)) return known;
    const recipe = observeHandle(kind);
    this.#recipes.set(key, recipe);
    return recipe;
  }
}

/** The names of the modes of handles, as constants of node:zlib. */
const MODES: Readonly<Record<ContentCoding, string>> = {
  gzip: 'GZIP',
  deflate: 'DEFLATE',
  br: 'BROTLI_ENCODE',
  zstd: 'ZSTD_COMPRESS',
};

function create(recipe: HandleRecipe): ZlibEngine {
  let engine: ZlibEngine | undefined;
  // A handle keeps the async context in which it is created. That of one request must not be kept for all others.
  runInRootContext(() => {
    engine = new ZlibEngine(recipe);
  }, undefined);
  return engine as unknown as ZlibEngine;
}

/** Whether a word comes out of the engines as it went in. */
function works(engines: ZlibEngines): boolean {
  const word = Buffer.from('Hello');
  const between = Buffer.alloc(32);
  const end = Buffer.alloc(32);
  const deflater = engines.deflate({ windowBits: 15, level: 6, memLevel: 8 });
  const inflater = engines.inflate(15);
  try {
    deflater.process(FLUSH.sync, word, 0, word.length, between, 0, between.length);
    const length = between.length - deflater.outputLeft;
    inflater.process(FLUSH.sync, between, 0, length, end, 0, end.length);
    const isSame = end.toString('latin1', 0, end.length - inflater.outputLeft) === 'Hello';
    return isSame && deflater.inputLeft === 0 && inflater.inputLeft === 0;
  } finally {
    deflater.close();
    inflater.close();
  }
}
