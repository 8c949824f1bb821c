// The content-coding/ folder decodes gzip, deflate, br and zstd, and limits the memory and work that a compressed body
// may cost. The callers handle the messages, and choose the status of the response to an invalid body.

import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { CodingStage } from './coding-stage.ts';
import { type ContentCoding, ContentCodingLimitError } from './content-coding.ts';

/** Limits the memory and work that decoding a body may cost. */
export interface InflationLimits {
  /** The maximum size of a piece, in bytes. */
  readonly chunkBytes: number;
  /** The maximum size of the decoded body, in bytes, and of the intermediate result after each coding. */
  readonly maxBodyBytes: number;
  /**
   * Maximum ratio of decoded to received bytes, checked after the body has exceeded one piece; `Infinity` for no limit.
   */
  readonly maxRatio: number;
}

/** One coding, and the number of bytes decoded from it. */
interface Step {
  readonly stage: CodingStage;
  bytes: number;
}

/**
 * Decodes the content codings of one body, piece by piece.
 *
 * For each chunk, call {@link write}, and then {@link next} until it resolves to `undefined`. After the last chunk,
 * call {@link end}, and then {@link next} until it resolves to `undefined` again. Calls must not overlap.
 *
 * The decompression runs in Node's thread pool, at most one piece ahead of the caller. A decompression bomb therefore
 * costs one piece of memory, and does not block the event loop.
 *
 * A body of zero bytes is decoded as an empty body, because some senders name a coding for an empty body.
 *
 * @example
 * const inflater = new BodyInflater(['gzip'], { chunkBytes: 65536, maxBodyBytes: 1e6, maxRatio: Infinity });
 * inflater.write(chunk);
 * for (let piece = await inflater.next(); piece !== undefined; piece = await inflater.next()) use(piece);
 */
export class BodyInflater {
  /** In the order of decoding: the coding that was applied last is first. */
  readonly #steps: readonly Step[];
  readonly #limits: InflationLimits;
  /** As in {@link InflationLimits}; may be changed at any time. */
  maxBodyBytes: number;
  #receivedBytes = 0;
  #ending = false;
  #closed = false;

  /** @param codings - one or more, in the order in which they were applied, as in Content-Encoding. */
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

  /**
   * Writes a chunk of the encoded body. Must not be called before {@link next} has resolved to `undefined` for the
   * previous chunk. The chunk must not be modified after the call.
   */
  write(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length;
    this.#steps[0]?.stage.write(chunk);
  }

  /** Marks the encoded body as complete. {@link next} then checks that its codings are complete, too. */
  end(): void {
    this.#ending = true;
  }

  /**
   * Waits for the next piece, of at most `chunkBytes`. The piece is owned by the caller.
   *
   * @returns `undefined` if all written bytes are decoded, and after {@link close}.
   * @throws ContentCodingProtocolError if the body is not valid in its codings; ContentCodingLimitError if a piece
   *   would exceed a limit: that piece is not returned. In both cases everything is freed.
   */
  async next(): Promise<Uint8Array | undefined> {
    try {
      return await this.#pull(this.#steps.length - 1);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Frees all memory outside of the JavaScript heap immediately. A pending {@link next} resolves to `undefined`. */
  close(): void {
    this.#closed = true;
    for (const { stage } of this.#steps) stage.close();
  }

  [INSPECT](): object {
    return inspection(this, ['isClosed'], () => ({ receivedBytes: this.#receivedBytes }));
  }

  /**
   * Returns the next piece of a step. The first step decodes the written bytes; each further step decodes the output of
   * the step before it.
   */
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

  /** Whether the coding of a step must be complete, because no more input will follow. */
  #mayEnd({ stage }: Step): boolean {
    return this.#ending && !this.#closed && !stage.ending && this.#receivedBytes > 0;
  }

  #count(step: Step, byteLength: number, isBody: boolean): void {
    const { chunkBytes, maxRatio } = this.#limits;
    step.bytes += byteLength;
    if (step.bytes > this.maxBodyBytes) {
      throw new ContentCodingLimitError(`the decoded body has more than ${this.maxBodyBytes} bytes`);
    }
    if (isBody && step.bytes > chunkBytes && step.bytes > maxRatio * this.#receivedBytes) {
      throw new ContentCodingLimitError(
        `the decoded body is more than ${maxRatio} times as large as the encoded body`,
      );
    }
  }
}
