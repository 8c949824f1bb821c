import { createHash } from 'node:crypto';

/** Smaller bodies get no tag: a 304 in place of one would save nothing. */
const MIN_TAGGED_BYTES = 1_024;

/** The part of a body that was written but not sent: a single piece as long as possible, which is enough for most. */
export class UnsentBody {
  #first: string | Uint8Array = '';
  #more: (string | Uint8Array)[] | undefined = undefined;

  get isEmpty(): boolean {
    return !this.hasAtLeast(1);
  }

  append(piece: string | Uint8Array): void {
    if (this.#more !== undefined) this.#more.push(piece);
    else if (this.#first === '') this.#first = piece;
    else if (typeof this.#first === 'string' && typeof piece === 'string') this.#first += piece;
    else this.#more = [piece];
  }

  clear(): void {
    this.#first = '';
    this.#more = undefined;
  }

  /** Returns everything in one piece, and forgets it. */
  take(): string | Uint8Array {
    const first = this.#first;
    const more = this.#more;
    this.clear();
    if (more === undefined) return first;
    return Buffer.concat(
      [first, ...more].map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)),
    );
  }

  /** Whether there are at least `bytes` bytes in UTF-8. Usually takes only one comparison. */
  hasAtLeast(bytes: number): boolean {
    if (this.#more === undefined) {
      const { length } = this.#first;
      if (typeof this.#first !== 'string' || length >= bytes) return length >= bytes;
      // A code unit is at most three bytes.
      if (length * 3 < bytes) return false;
    }
    return this.byteLength >= bytes;
  }

  /** The number of bytes in UTF-8. */
  get byteLength(): number {
    let total = 0;
    this.#eachPiece((piece) => {
      total += Buffer.byteLength(piece as string);
    });
    return total;
  }

  /** Computes a strong entity tag; undefined if there is less than 1 KiB. */
  entityTag(): string | undefined {
    if (!this.hasAtLeast(MIN_TAGGED_BYTES)) return undefined;
    // SHA-1 only identifies a version here, so its weakness does not matter. It is the fastest hash of node:crypto on
    // common machines.
    const hash = createHash('sha1');
    this.#eachPiece((piece) => hash.update(piece));
    return `"${hash.digest('hex')}"`;
  }

  #eachPiece(take: (piece: string | Uint8Array) => void): void {
    take(this.#first);
    if (this.#more !== undefined) for (const piece of this.#more) take(piece);
  }
}
