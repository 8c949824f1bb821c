import type { Buffer } from 'node:buffer';
import {
  type DeflateParameters,
  FLUSH,
  type ZlibEngine,
  type ZlibEngines,
} from '@landspout/http1/content-coding';
import { closedError, failedError } from './errors.ts';
import { INPUT_SLICE_BYTES, type JobState, MESSAGE_TAIL, type MessageDeflater } from './message-coders.ts';
import { OutputPieces } from './output-pieces.ts';

/** {@link MessageDeflater} over zlib engines. */
export class EngineDeflater implements MessageDeflater {
  readonly #engines: ZlibEngines;
  readonly #parameters: DeflateParameters;
  readonly #keepsContext: boolean;
  #engine: ZlibEngine | undefined;

  constructor(engines: ZlibEngines, parameters: DeflateParameters, keepsContext: boolean) {
    this.#engines = engines;
    this.#parameters = parameters;
    this.#keepsContext = keepsContext;
  }

  deflateNow(bytes: Uint8Array, length: number): Buffer {
    try {
      this.#engine ??= this.#engines.deflate(this.#parameters);
      const engine = this.#engine;
      const output = sharedOutput;
      output.start(true);
      let at = 0;
      for (;;) {
        output.growIfFull();
        const { room } = output;
        engine.process(FLUSH.sync, bytes, at, length - at, output.piece, output.used, room);
        output.add(room - engine.outputLeft);
        if (engine.outputLeft > 0) return output.take(MESSAGE_TAIL.length, true);
        at = length - engine.inputLeft;
      }
    } catch (error) {
      this.close();
      throw failedError('deflate', error);
    } finally {
      // Not reset and used again, which would save 4 µs: the window would still contain the message before, and zlib
      // looks at a byte after the end of its input, so that the length of a message could depend on that of another
      // connection.
      if (!this.#keepsContext) this.close();
    }
  }

  async deflateLater(bytes: Uint8Array, job: JobState): Promise<Buffer> {
    let engine: ZlibEngine | undefined;
    try {
      if (this.#keepsContext) this.#engine ??= this.#engines.deflate(this.#parameters);
      engine = this.#keepsContext ? this.#engine : this.#engines.deflate(this.#parameters);
      return await deflateInSlices(engine as ZlibEngine, bytes, job);
    } catch (error) {
      if (this.#keepsContext) this.close();
      throw failedError('deflate', error);
    } finally {
      if (!this.#keepsContext) engine?.close();
    }
  }

  close(): void {
    this.#engine?.close();
    this.#engine = undefined;
  }
}

async function deflateInSlices(engine: ZlibEngine, bytes: Uint8Array, job: JobState): Promise<Buffer> {
  const output = new OutputPieces();
  output.start(false);
  let at = 0;
  for (;;) {
    const end = Math.min(at + INPUT_SLICE_BYTES, bytes.length);
    const flush = end === bytes.length ? FLUSH.sync : FLUSH.none;
    output.growIfFull();
    const { room } = output;
    await engine.processInThreadPool(flush, bytes, at, end - at, output.piece, output.used, room);
    if (job.isCancelled) throw closedError();
    output.add(room - engine.outputLeft);
    at = end - engine.inputLeft;
    if (engine.outputLeft > 0 && end === bytes.length) return output.take(MESSAGE_TAIL.length, true);
  }
}

/** Used during one call only, so all deflaters share it. */
const sharedOutput = new OutputPieces();
