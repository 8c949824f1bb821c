import { Buffer } from 'node:buffer';
import { FLUSH, type ZlibEngine, type ZlibEngines } from '@landspout/http1/content-coding';
import { badDeflateError, closedError, inflateError, tooBigError } from './errors.ts';
import {
  FINAL_TAIL,
  INPUT_SLICE_BYTES,
  type JobState,
  MAX_FINAL_BLOCKS,
  MAX_SYNC_BYTES,
  MESSAGE_TAIL,
  type MessageInflater,
} from './message-coders.ts';
import { OutputPieces } from './output-pieces.ts';

/** {@link MessageInflater} over zlib engines. */
export class EngineInflater implements MessageInflater {
  readonly #engines: ZlibEngines;
  readonly #windowBits: number;
  readonly #keepsContext: boolean;
  #inflation: Inflation | undefined;

  constructor(engines: ZlibEngines, windowBits: number, keepsContext: boolean) {
    this.#engines = engines;
    this.#windowBits = windowBits;
    this.#keepsContext = keepsContext;
  }

  inflateNow(payload: Uint8Array, maxBytes: number): Buffer | undefined {
    this.#inflation ??= this.#begin();
    try {
      return this.#inflation.runNow(payload, maxBytes);
    } catch (error) {
      this.close();
      throw inflateError(error);
    }
  }

  async inflateLater(payload: Uint8Array, maxBytes: number, job: JobState): Promise<Buffer> {
    // Without a context the shared engine must stay free for small messages, and a message that it began starts again.
    if (this.#keepsContext) this.#inflation ??= this.#begin();
    const inflation = (this.#keepsContext ? this.#inflation : undefined) ?? this.#begin();
    try {
      return await inflation.runLater(payload, maxBytes, job);
    } catch (error) {
      if (this.#keepsContext) this.close();
      throw inflateError(error);
    } finally {
      if (!this.#keepsContext) inflation.close();
    }
  }

  close(): void {
    this.#inflation?.close();
    this.#inflation = undefined;
  }

  #begin(): Inflation {
    return new Inflation(this.#engines.inflate(this.#windowBits), this.#keepsContext);
  }
}

/** What a call of zlib has led to: `full` means that the piece of output is full, and there may be more. */
type Progress = 'complete' | 'full' | 'incomplete';

/** One engine, and the message that it decompresses. */
class Inflation {
  readonly #engine: ZlibEngine;
  readonly #keepsContext: boolean;
  /** What follows each payload. */
  readonly #tail: Buffer;
  readonly #output = new OutputPieces();
  #maxBytes = 0;
  /** The part of the input that is processed now: the payload, its tail, or both together. */
  #input: Uint8Array = FINAL_TAIL;
  #at = 0;
  #end = 0;
  #isTailPending = false;
  #finalBlocks = 0;
  /** Whether `runNow` has begun a message that `runLater` continues. */
  #isBegun = false;

  constructor(engine: ZlibEngine, keepsContext: boolean) {
    this.#engine = engine;
    this.#keepsContext = keepsContext;
    this.#tail = keepsContext ? MESSAGE_TAIL : FINAL_TAIL;
  }

  /** See {@link MessageInflater.inflateNow}. */
  runNow(payload: Uint8Array, maxBytes: number): Buffer | undefined {
    const { length } = payload;
    // One call of zlib for payload and tail is cheaper than two.
    SHARED_INPUT.set(payload);
    SHARED_INPUT.set(this.#tail, length);
    this.#start(SHARED_INPUT, length + this.#tail.length, maxBytes);
    this.#output.start(true);
    for (;;) {
      const room = this.#room;
      const { piece, used } = this.#output;
      this.#engine.process(this.#flush, SHARED_INPUT, this.#at, this.#end - this.#at, piece, used, room);
      const progress = this.#advance(this.#end, room);
      if (progress === 'complete') return this.#output.shared();
      if (progress === 'full') break;
    }
    if (this.#keepsContext) this.#keepForLater();
    return undefined;
  }

  /** See {@link MessageInflater.inflateLater}. */
  async runLater(payload: Uint8Array, maxBytes: number, job: JobState): Promise<Buffer> {
    if (!this.#isBegun) {
      this.#start(payload, payload.length, maxBytes);
      this.#isTailPending = true;
      this.#output.start(false);
    }
    this.#isBegun = false;
    for (;;) {
      this.#output.growIfFull();
      const room = this.#room;
      const { piece, used } = this.#output;
      const end = Math.min(this.#at + INPUT_SLICE_BYTES, this.#end);
      const flush = end === this.#end ? this.#flush : FLUSH.sync;
      await this.#engine.processInThreadPool(flush, this.#input, this.#at, end - this.#at, piece, used, room);
      if (job.isCancelled) throw closedError();
      if (this.#advance(end, room) !== 'complete') continue;
      this.#input = FINAL_TAIL;
      return this.#output.take(0, false);
    }
  }

  close(): void {
    this.#engine.close();
    this.#output.clear();
    this.#input = FINAL_TAIL;
  }

  /** The room for the next call: never for more than one byte beyond the limit. */
  get #room(): number {
    return Math.min(this.#output.room, this.#maxBytes + 1 - this.#output.length);
  }

  /**
   * Without a context, the last call finishes the data: zlib then needs no window for messages that fit into one piece.
   */
  get #flush(): number {
    return this.#keepsContext || this.#isTailPending ? FLUSH.sync : FLUSH.finish;
  }

  #start(input: Uint8Array, end: number, maxBytes: number): void {
    this.#input = input;
    this.#at = 0;
    this.#end = end;
    this.#maxBytes = maxBytes;
    this.#isTailPending = false;
    this.#finalBlocks = 0;
    if (!this.#keepsContext) this.#engine.reset();
  }

  /** Keeps what is left of the input and what there is of the output, which other messages would overwrite. */
  #keepForLater(): void {
    this.#input = Buffer.from(SHARED_INPUT.subarray(this.#at, this.#end));
    this.#end -= this.#at;
    this.#at = 0;
    this.#output.keep();
    this.#isBegun = true;
  }

  /** Takes note of a call of zlib for the input up to `end`, with this room for output. */
  #advance(end: number, room: number): Progress {
    const { inputLeft, outputLeft } = this.#engine;
    this.#output.add(room - outputLeft);
    this.#at = end - inputLeft;
    if (this.#output.length > this.#maxBytes) throw tooBigError(this.#maxBytes);
    if (outputLeft === 0) return 'full';
    if (inputLeft > 0) return this.#finalBlock();
    if (this.#at < this.#end) return 'incomplete';
    if (this.#isTailPending) {
      this.#isTailPending = false;
      this.#input = this.#tail;
      this.#at = 0;
      this.#end = this.#tail.length;
      return 'incomplete';
    }
    if (this.#keepsContext) this.#checkEndOfBlock();
    return 'complete';
  }

  /** zlib leaves both input and room only after a block with BFINAL (RFC 7692 §7.2.3.4). */
  #finalBlock(): Progress {
    const left = this.#end - this.#at + (this.#isTailPending ? this.#tail.length : 0);
    if (left < this.#tail.length) throw truncated();
    this.#finalBlocks += 1;
    if (this.#finalBlocks > MAX_FINAL_BLOCKS) {
      throw badDeflateError(`a compressed message has more than ${MAX_FINAL_BLOCKS} final blocks`);
    }
    if (left > this.#tail.length || this.#keepsContext) this.#engine.reset();
    return left === this.#tail.length ? 'complete' : 'incomplete';
  }

  /**
   * A payload that ends within a block takes the tail for a part of that block, and then the next message too. More
   * empty blocks must therefore change nothing.
   */
  #checkEndOfBlock(): void {
    const engine = this.#engine;
    engine.process(FLUSH.sync, EMPTY_BLOCKS, 0, EMPTY_BLOCKS.length, PROBE_OUTPUT, 0, PROBE_OUTPUT.length);
    if (engine.inputLeft > 0 || engine.outputLeft < PROBE_OUTPUT.length) throw truncated();
  }
}

function truncated(): Error {
  return badDeflateError('a compressed message ends within a block');
}

const SHARED_INPUT = Buffer.allocUnsafeSlow(MAX_SYNC_BYTES + FINAL_TAIL.length);
/** More than the Huffman codes at the start of a block can take in. They cost 1 µs. */
const EMPTY_BLOCKS = Buffer.alloc(64 * 5, Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]));
const PROBE_OUTPUT = Buffer.allocUnsafeSlow(64);
