import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** An append of the past. */
export interface DedupeId {
  readonly id: string;
  readonly cursor: string;
  /** The position of the cursor. */
  readonly position: number;
  /** By the monotonic clock, in milliseconds. */
  readonly at: number;
}

/** Measured on Node 20: the object, its cursor, its place in the table, and the header of the text. */
const ID_OVERHEAD_BYTES = 250;

/** What an id counts towards `maxHistoryBytes`. */
export function idBytes(id: string): number {
  return ID_OVERHEAD_BYTES + id.length;
}

/** The ids of the latest appends to one log, with their cursors. */
export class DedupeIds {
  /** In the order of the positions. */
  readonly #ids = new Map<string, DedupeId>();
  #bytes = 0;

  get size(): number {
    return this.#ids.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All of them, the oldest first. */
  list(): readonly DedupeId[] {
    return [...this.#ids.values()];
  }

  /** The position and bytes of each, the oldest first. */
  *all(): Iterator<{ readonly position: number; readonly bytes: number }, undefined> {
    for (const { id, position } of this.#ids.values()) yield { position, bytes: idBytes(id) };
    return undefined;
  }

  /** Returns the cursor of the append with this id; undefined if it was too long ago, or never. */
  cursorOf(id: string, now: number, dedupeMs: number): string | undefined {
    const found = this.#ids.get(id);
    return found !== undefined && now - found.at < dedupeMs ? found.cursor : undefined;
  }

  /** Remembers an append. The oldest ids are forgotten when their time has passed, or if there are too many. */
  add(added: DedupeId, limits: { readonly dedupeMs: number; readonly maxDedupeIds: number }): void {
    const { id, at } = added;
    this.#forget(id);
    this.#ids.set(id, added);
    this.#bytes += idBytes(id);
    this.expire(at, limits.dedupeMs);
    for (const oldest of this.#ids.keys()) {
      if (this.#ids.size <= limits.maxDedupeIds) break;
      this.#forget(oldest);
    }
  }

  expire(now: number, dedupeMs: number): void {
    for (const [id, { at }] of this.#ids) {
      if (now - at < dedupeMs) break;
      this.#forget(id);
    }
  }

  /** Forgets the ids up to a position. */
  dropTo(position: number): void {
    for (const [id, known] of this.#ids) {
      if (known.position > position) break;
      this.#forget(id);
    }
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'bytes']);
  }

  #forget(id: string): void {
    if (this.#ids.delete(id)) this.#bytes -= idBytes(id);
  }
}
