import type { PreparedMessage } from './prepared-message.ts';

/** A message that is not encoded yet. Its bytes are not modified by others. */
export type Outgoing = string | Uint8Array | PreparedMessage;

/** What a waiting message counts in addition to its bytes, because an empty one needs memory too. */
const ENTRY_BYTES = 64;

/** A waiting message. */
interface Entry {
  message: Outgoing;
  byteLength: number;
  readonly key: string | undefined;
  readonly mayDrop: boolean;
  before: Entry | undefined;
  after: Entry | undefined;
}

/**
 * The messages that wait for a slow peer, in the order of sending. Adding, taking, replacing and dropping take constant
 * time.
 */
export class OutboundQueue {
  /** Of all waiting messages, before they are compressed. */
  byteLength = 0;
  droppedMessages = 0;
  droppedBytes = 0;
  /** Of the waiting messages that may be dropped, with their overhead. */
  droppableBytes = 0;
  #count = 0;
  #first: Entry | undefined;
  #last: Entry | undefined;
  /** Those that may be dropped, oldest first. */
  readonly #droppable = new Set<Entry>();
  readonly #latest = new Map<string, Entry>();

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** Memory that the queue needs in addition to the bytes of the messages. */
  get overheadBytes(): number {
    return this.#count * ENTRY_BYTES;
  }

  /** Adds a message at the end. @param key - of a message that a later one with the same key may {@link replace}. */
  add(message: Outgoing, byteLength: number, mayDrop: boolean, key: string | undefined): void {
    const entry: Entry = { message, byteLength, key, mayDrop, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
    this.byteLength += byteLength;
    this.#count += 1;
    if (mayDrop) {
      this.#droppable.add(entry);
      this.droppableBytes += byteLength + ENTRY_BYTES;
    }
    if (key !== undefined) this.#latest.set(key, entry);
  }

  /**
   * Puts a message in the place of the waiting one with the same key, which counts as dropped.
   *
   * @returns false if there is none.
   */
  replace(key: string, message: Outgoing, byteLength: number): boolean {
    const entry = this.#latest.get(key);
    if (entry === undefined) return false;
    this.#countDropped(entry);
    this.byteLength += byteLength - entry.byteLength;
    this.droppableBytes += byteLength - entry.byteLength;
    // It is the newest now, and the last to be dropped.
    this.#droppable.delete(entry);
    this.#droppable.add(entry);
    entry.message = message;
    entry.byteLength = byteLength;
    return true;
  }

  /**
   * Drops the oldest messages that may be dropped until at most `maxBytes` wait, or only the newest of them is left.
   */
  dropDownTo(maxBytes: number): void {
    for (const entry of this.#droppable) {
      if (this.byteLength + this.overheadBytes <= maxBytes || this.#droppable.size === 1) return;
      this.#countDropped(entry);
      this.#remove(entry);
    }
  }

  /**
   * Makes room for a message that may not be dropped itself, by dropping the oldest that may.
   *
   * @returns false if that would not be enough; nothing is dropped then.
   */
  makeRoom(byteLength: number): boolean {
    if (this.droppableBytes < byteLength) return false;
    const left = this.droppableBytes - byteLength;
    for (const entry of this.#droppable) {
      if (this.droppableBytes <= left) break;
      this.#countDropped(entry);
      this.#remove(entry);
    }
    return true;
  }

  /** Removes and returns the first message. */
  take(): Outgoing | undefined {
    const entry = this.#first;
    if (entry !== undefined) this.#remove(entry);
    return entry?.message;
  }

  clear(): void {
    this.#first = undefined;
    this.#last = undefined;
    this.#droppable.clear();
    this.#latest.clear();
    this.byteLength = 0;
    this.droppableBytes = 0;
    this.#count = 0;
  }

  #countDropped(entry: Entry): void {
    this.droppedMessages += 1;
    this.droppedBytes += entry.byteLength;
  }

  #remove(entry: Entry): void {
    const { before, after, key } = entry;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    this.byteLength -= entry.byteLength;
    this.#count -= 1;
    if (entry.mayDrop) {
      this.#droppable.delete(entry);
      this.droppableBytes -= entry.byteLength + ENTRY_BYTES;
    }
    if (key !== undefined) this.#latest.delete(key);
  }
}
