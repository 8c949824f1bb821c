// One topic or run in memory, for a server of these tests.

export type Payload = { readonly data: unknown } | { readonly bytes: string };
export interface LogRecord {
  readonly cursor: string;
  readonly payload: Payload;
}
export interface LogEnd {
  readonly how: string;
  readonly cursor: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** What a reader gets, in the form of the frames without the topic. */
export type LogFrame = { readonly op: 'msg' | 'gap' | 'end' } & Readonly<Record<string, unknown>>;

/** A position that is none. */
export class CursorError extends Error {}

export class TopicLog {
  readonly #records: LogRecord[] = [];
  readonly #refs = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #epoch: string;
  #first = 0;
  end: LogEnd | undefined;

  constructor(epoch = 'a') {
    this.#epoch = epoch;
  }

  get length(): number {
    return this.#records.length;
  }

  get data(): unknown[] {
    return this.#records.map(({ payload }) => ('data' in payload ? payload.data : payload.bytes));
  }

  cursorAt(index: number): string {
    return `${this.#epoch}-${index}`;
  }

  append(payload: Payload, ref?: string): string {
    const known = ref === undefined ? undefined : this.#refs.get(ref);
    if (known !== undefined) return known;
    const cursor = this.cursorAt(this.#records.length + 1);
    this.#records.push({ cursor, payload });
    if (ref !== undefined) this.#refs.set(ref, cursor);
    this.#changed();
    return cursor;
  }

  finish(how: string, more: Omit<LogEnd, 'how' | 'cursor'> = {}): void {
    this.end = { how, cursor: `${this.#epoch}-${this.#records.length}.end`, ...more };
    this.#changed();
  }

  /** Forgets the oldest records. */
  trim(count: number): void {
    this.#first = Math.min(this.#records.length, this.#first + count);
  }

  /** Begins anew, as after a loss of memory. */
  reset(epoch: string): void {
    this.#epoch = epoch;
    this.#records.length = this.#first = 0;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to read. @throws CursorError */
  read(after: string | undefined, last: number | undefined): LogReader {
    const records = this.#records;
    if (last !== undefined && after === undefined)
      return new LogReader(this, Math.max(this.#first, records.length - last));
    if (after === undefined || after === 'now') return new LogReader(this, records.length);
    if (after === 'start') return new LogReader(this, this.#first);
    const [, epoch, position] = /^(\w+)-(\d+)(?:\.end)?$/.exec(after) ?? [];
    if (epoch === undefined) throw new CursorError(after);
    const index = Number(position);
    if (epoch !== this.#epoch) return new LogReader(this, this.#first, 'reset');
    if (index < this.#first) return new LogReader(this, this.#first, 'trimmed');
    if (index > records.length) return new LogReader(this, this.#first, 'future');
    return new LogReader(this, index);
  }

  /** @internal */
  recordAt(index: number): LogRecord | undefined {
    return this.#records[index];
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

export class LogReader {
  readonly #log: TopicLog;
  #index: number;
  #gap: string | undefined;
  #isOver = false;

  constructor(log: TopicLog, index: number, gap?: string) {
    this.#log = log;
    this.#index = index;
    this.#gap = gap;
  }

  get cursor(): string {
    return this.#log.cursorAt(this.#index);
  }

  /** Takes what is there. */
  take(): LogFrame[] {
    const frames: LogFrame[] = [];
    if (this.#gap !== undefined) frames.push({ op: 'gap', reason: this.#gap, cursor: this.cursor });
    this.#gap = undefined;
    for (;;) {
      const record = this.#log.recordAt(this.#index);
      if (record === undefined) break;
      this.#index += 1;
      frames.push({ op: 'msg', cursor: record.cursor, ...record.payload });
    }
    const { end } = this.#log;
    if (end !== undefined && !this.#isOver) {
      this.#isOver = true;
      frames.push({ op: 'end', ...end });
    }
    return frames;
  }
}
