import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** An append of the past. */
export interface DedupeId {
  readonly id: string;
  readonly cursor: string;
  /** By the monotonic clock, in milliseconds. */
  readonly at: number;
}

/** The ids of the latest appends to one log, with their cursors. */
export class DedupeIds {
  readonly #ids = new Map<string, DedupeId>();

  get size(): number {
    return this.#ids.size;
  }

  /** All of them, the oldest first. */
  list(): readonly DedupeId[] {
    return [...this.#ids.values()];
  }

  /** Returns the cursor of the append with this id; undefined if it was too long ago, or never. */
  cursorOf(id: string, now: number, dedupeMs: number): string | undefined {
    const found = this.#ids.get(id);
    return found !== undefined && now - found.at < dedupeMs ? found.cursor : undefined;
  }

  /** Remembers an append. The oldest ids are forgotten when their time has passed, or if there are too many. */
  add(
    id: string,
    cursor: string,
    now: number,
    limits: { readonly dedupeMs: number; readonly maxDedupeIds: number },
  ): void {
    this.#ids.delete(id);
    this.#ids.set(id, { id, cursor, at: now });
    this.expire(now, limits.dedupeMs);
    for (const oldest of this.#ids.keys()) {
      if (this.#ids.size <= limits.maxDedupeIds) break;
      this.#ids.delete(oldest);
    }
  }

  expire(now: number, dedupeMs: number): void {
    for (const [id, { at }] of this.#ids) {
      if (now - at < dedupeMs) break;
      this.#ids.delete(id);
    }
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }
}
