import type { ByteQueue } from './byte-queue.ts';

/** What a read waits for. */
export interface ReadGoal {
  /**
   * @param over - no more bytes will come.
   * @returns how many bytes satisfy the goal, -1 for "not yet", or {@link PASSED_LIMIT}.
   */
  satisfiedBy(inbox: ByteQueue, over: boolean): number;
  readonly limitMessage: string;
}

const NOT_YET = -1;
/** No further byte can satisfy the goal. */
export const PASSED_LIMIT = -2;

/** Everything up to and including a delimiter, within a number of bytes. */
export class ReadUntil implements ReadGoal {
  readonly #delimiter: Uint8Array;
  readonly #maxBytes: number;

  constructor(delimiter: Uint8Array, maxBytes: number) {
    this.#delimiter = delimiter;
    this.#maxBytes = maxBytes;
  }

  get limitMessage(): string {
    return `readUntil: no delimiter within ${this.#maxBytes} bytes`;
  }

  satisfiedBy(inbox: ByteQueue): number {
    const end = inbox.endOf(this.#delimiter);
    if (end > this.#maxBytes) return PASSED_LIMIT;
    if (end !== -1) return end;
    return inbox.byteLength >= this.#maxBytes ? PASSED_LIMIT : NOT_YET;
  }
}

/** A number of bytes, or with `partial` up to that many. */
export class ReadCount implements ReadGoal {
  readonly limitMessage = '';
  readonly #count: number;
  readonly #partial: boolean;

  constructor(count: number, partial: boolean) {
    this.#count = count;
    this.#partial = partial;
  }

  satisfiedBy(inbox: ByteQueue): number {
    const held = inbox.byteLength;
    if (held >= this.#count) return this.#count;
    return this.#partial && held > 0 ? held : NOT_YET;
  }
}

/** Everything until the end, within a number of bytes. */
export class ReadToEnd implements ReadGoal {
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get limitMessage(): string {
    return `readUntilClose: no end within ${this.#maxBytes} bytes`;
  }

  satisfiedBy(inbox: ByteQueue, over: boolean): number {
    if (inbox.byteLength > this.#maxBytes) return PASSED_LIMIT;
    return over ? inbox.byteLength : NOT_YET;
  }
}
