import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogFollower, TopicEnd, TopicGap, TopicRecord } from '@landspout/topics';
import { compareIds, cursorOf, parseCursor, START_ID, type StreamCursor } from '../cursor.ts';
import { type LogState, UNKNOWN } from './log-state.ts';

/** The followers of one log in this process, and what they were notified of. */
export class LogFollowers {
  readonly #entries = new Set<{ readonly follower: LogFollower }>();
  #known = UNKNOWN;

  get size(): number {
    return this.#entries.size;
  }

  /** What they were notified of. */
  get known(): LogState {
    return this.#known;
  }

  get cursor(): string {
    return cursorOf(this.#known.epoch, this.#known.last);
  }

  /** Whether they were notified of an entry. */
  have({ epoch, id }: StreamCursor): boolean {
    return epoch === this.#known.epoch && compareIds(id, this.#known.last) <= 0;
  }

  /** Adds a follower. @returns a function that removes it. */
  add(follower: LogFollower): () => void {
    const entry = { follower };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** Sets what they know without a notification: they begin to follow, or the epoch is another one. */
  know(state: LogState): void {
    this.#known = state;
  }

  record(record: TopicRecord): void {
    this.#moveTo(record.cursor);
    for (const { follower } of this.#entries) follower.record(record);
  }

  gap(gap: TopicGap): void {
    this.#moveTo(gap.cursor);
    for (const { follower } of this.#entries) follower.gap(gap);
  }

  /** @param count - the number of this revocation; 0: Redis does not know the topic. */
  revoked(count: number, subject: string | undefined): void {
    const { revocations } = this.#known;
    if (count !== 0 && count <= revocations) return;
    const isNext = count === 0 || count === revocations + 1;
    this.#known = { ...this.#known, revocations: Math.max(count, revocations) };
    // If others were lost, their subjects are not known.
    for (const { follower } of this.#entries) follower.revoked?.(isNext ? subject : undefined);
  }

  /** Notifies them of what a state of the same epoch shows, and no announcement has. */
  learn({ revocations, isCancelRequested }: LogState): void {
    if (revocations > this.#known.revocations) this.revoked(revocations, undefined);
    if (isCancelRequested) this.cancelRequested();
  }

  cancelRequested(): void {
    if (this.#known.isCancelRequested) return;
    this.#known = { ...this.#known, isCancelRequested: true };
    for (const { follower } of this.#entries) follower.cancelRequested?.();
  }

  /** Notifies them of the end, and forgets them. */
  ended(end: TopicEnd): void {
    for (const entry of this.#entries) {
      this.#entries.delete(entry);
      entry.follower.ended(end);
    }
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'cursor']);
  }

  #moveTo(cursor: string): void {
    this.#known = { ...this.#known, last: parseCursor(cursor)?.id ?? START_ID };
  }
}
