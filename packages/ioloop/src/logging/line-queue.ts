/**
 * The lines of a log that wait to be written, up to a number of bytes. Lines beyond it are dropped and counted, and the
 * count takes their place.
 */
export class LineQueue {
  readonly #maxBytes: number;
  /** Formats the line that says how many were dropped. */
  readonly #dropLine: (count: number) => string;
  #lines: string[] = [];
  #first = 0;
  #byteLength = 0;
  /** Dropped since the last line that says so. */
  #dropped = 0;
  #droppedInAll = 0;

  constructor(maxBytes: number, dropLine: (count: number) => string) {
    this.#maxBytes = maxBytes;
    this.#dropLine = dropLine;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  get isEmpty(): boolean {
    return this.#first === this.#lines.length && this.#dropped === 0;
  }

  get length(): number {
    return this.#lines.length - this.#first;
  }

  /** The number of lines that were dropped since the start. */
  get droppedCount(): number {
    return this.#droppedInAll;
  }

  push(line: string): void {
    const length = Buffer.byteLength(line);
    if (this.#byteLength + length > this.#maxBytes) {
      this.#dropped += 1;
      this.#droppedInAll += 1;
      return;
    }
    this.#noteDropped();
    this.#add(line, length);
  }

  /**
   * Removes lines from the front, as many as fit into `maxBytes`.
   *
   * @returns them joined; empty if not even the first fits.
   */
  take(maxBytes: number): Buffer {
    if (this.#first === this.#lines.length) this.#noteDropped();
    const start = this.#first;
    let total = 0;
    for (; this.#first < this.#lines.length; this.#first += 1) {
      const length = Buffer.byteLength(this.#lines[this.#first] as string);
      if (total + length > maxBytes) break;
      total += length;
    }
    this.#byteLength -= total;
    const taken = Buffer.from(this.#lines.slice(start, this.#first).join(''));
    if (this.#first * 2 > this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
    return taken;
  }

  /** The length of the line at the front; 0 if there is none. */
  get firstLength(): number {
    if (this.#first === this.#lines.length) this.#noteDropped();
    return Buffer.byteLength(this.#lines[this.#first] ?? '');
  }

  /** Forgets all lines, and counts them as dropped. */
  clear(): void {
    this.#droppedInAll += this.#lines.length - this.#first;
    this.#lines = [];
    this.#first = 0;
    this.#byteLength = 0;
    this.#dropped = 0;
  }

  #noteDropped(): void {
    if (this.#dropped === 0) return;
    const line = this.#dropLine(this.#dropped);
    this.#dropped = 0;
    this.#add(line, Buffer.byteLength(line));
  }

  #add(line: string, length: number): void {
    this.#lines.push(line);
    this.#byteLength += length;
  }
}
