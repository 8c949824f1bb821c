// The content-coding room knows gzip, deflate, br and zstd, and what a compressed body may cost. It does not know
// messages, nor which status a bad body gets.

import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { CodingStage } from './coding-stage.ts';
import { type ContentCoding, ContentCodingLimitError } from './content-coding.ts';

/** What a body may cost while its codings are undone. */
export interface InflationLimits {
  /** Most bytes of a piece. */
  readonly chunkBytes: number;
  /** Most bytes that the body, and whatever stands between two codings of it, may have. */
  readonly maxBodyBytes: number;
  /** Most bytes of the body for each byte received, once it is more than one piece; `Infinity` for any. */
  readonly maxRatio: number;
}

/** One coding, and how much has come out of it. */
interface Step {
  readonly stage: CodingStage;
  bytes: number;
}

/**
 * Undoes the content codings of one body, piece by piece. Knows nothing of requests and responses.
 *
 * Write a chunk, pull pieces until there are none, write the next; at the end, {@link end}, and pull until there are
 * none once more. The work is done on threads of Node's pool, and never more than a piece ahead of who pulls, so that
 * a bomb costs its reader a piece of memory and no turn of the loop. One caller at a time.
 *
 * A body without a single byte is an empty body: senders name a coding where they have nothing to encode.
 *
 * @example
 * const inflater = new BodyInflater(['gzip'], { chunkBytes: 65536, maxBodyBytes: 1e6, maxRatio: Infinity });
 * inflater.write(chunk);
 * for (let piece = await inflater.next(); piece !== undefined; piece = await inflater.next()) use(piece);
 */
export class BodyInflater {
  /** In the order in which they are undone: what was applied last comes first. */
  readonly #steps: readonly Step[];
  readonly #limits: InflationLimits;
  /** As in {@link InflationLimits}; may be changed on the way. */
  maxBodyBytes: number;
  #receivedBytes = 0;
  #ending = false;
  #closed = false;

  /** @param codings - one or more, in the order in which they were applied, as Content-Encoding lists them. */
  constructor(codings: readonly ContentCoding[], limits: InflationLimits) {
    this.#steps = codings
      .map((coding) => ({ stage: new CodingStage(coding, limits.chunkBytes), bytes: 0 }))
      .reverse();
    this.#limits = limits;
    this.maxBodyBytes = limits.maxBodyBytes;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Gives a chunk of the encoded body, once {@link next} has given `undefined`. The chunk must not change any more. */
  write(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    this.#steps[0]?.stage.write(chunk);
  }

  /** The encoded body is complete: {@link next} checks that its codings are, too. */
  end(): void {
    this.#ending = true;
  }

  /**
   * Waits for the next piece, of at most `chunkBytes`. It is yours.
   *
   * @returns `undefined` when nothing is left of what was written, and after {@link close}.
   * @throws ContentCodingProtocolError when the body is not what its codings say; ContentCodingLimitError for a piece
   *   that would go beyond a limit, which is not given. Everything is freed then.
   */
  async next(): Promise<Uint8Array | undefined> {
    try {
      return await this.#pull(this.#steps.length - 1);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Frees all that is held outside of JavaScript's heap, at once. A waiting {@link next} gives `undefined`. */
  close(): void {
    this.#closed = true;
    for (const { stage } of this.#steps) stage.close();
  }

  [INSPECT](): object {
    return inspection(this, ['isClosed'], () => ({ receivedBytes: this.#receivedBytes }));
  }

  /** The next piece of a step, which takes its input from the step before it, or from what was written. */
  async #pull(index: number): Promise<Uint8Array | undefined> {
    const step = this.#steps[index] as Step;
    for (;;) {
      const piece = await step.stage.next();
      if (piece !== undefined) {
        this.#count(step, piece.length, index === this.#steps.length - 1);
        return piece;
      }
      if (this.#closed) return undefined;
      const input = index === 0 ? undefined : await this.#pull(index - 1);
      if (input !== undefined) step.stage.write(input);
      else if (this.#mayEnd(step)) step.stage.end();
      else return undefined;
    }
  }

  /** Whether a step whose input is used up must now show that it is complete. */
  #mayEnd({ stage }: Step): boolean {
    return this.#ending && !this.#closed && !stage.ending && this.#receivedBytes > 0;
  }

  #count(step: Step, byteLength: number, isBody: boolean): void {
    const { chunkBytes, maxRatio } = this.#limits;
    step.bytes += byteLength;
    if (step.bytes > this.maxBodyBytes) {
      throw new ContentCodingLimitError(
        `the body has more than ${this.maxBodyBytes} bytes without its coding`,
      );
    }
    if (isBody && step.bytes > chunkBytes && step.bytes > maxRatio * this.#receivedBytes) {
      throw new ContentCodingLimitError(`the body grew more than ${maxRatio} times without its coding`);
    }
  }
}
