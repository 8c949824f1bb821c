import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogFollower, PresenceChange, TopicMember } from '@landspout/topics';
import { WaitingCalls } from './waiting-calls.ts';

/** The members of a topic, and the number of changes that led to them. */
export interface Members {
  readonly count: number;
  readonly members: readonly TopicMember[];
}

export type ReadMembers = (topic: string) => Promise<Members>;

interface NumberedChange {
  readonly count: number;
  readonly change: PresenceChange;
}

/** A follower that has asked for presence. */
interface Watcher {
  readonly follower: LogFollower;
  /** Number of the last change that it was notified of. */
  count: number;
  /** Changes that wait while the members are read. */
  waiting: NumberedChange[] | undefined;
}

/** Changes that wait while the members are read; beyond it, they are read again. */
const MAX_WAITING = 1000;

/** Notifies followers of the changes of presence in one topic. What is lost is replaced by a list of all members. */
export class FollowedPresence {
  readonly #read: () => Promise<Members>;
  readonly #watchers = new Set<Watcher>();
  readonly #calls = new WaitingCalls<number>();
  #isReading = false;
  /** Number of lists that were asked for by {@link markStale}. */
  #losses = 0;
  /** Whether the members must be read again after they were read. */
  #isStale = false;

  /** @param read - reads the members. */
  constructor(read: () => Promise<Members>) {
    this.#read = read;
  }

  /** Whether there are followers that have asked for presence. */
  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Number of the last change that all watchers were notified of. */
  get count(): number {
    let count = Number.POSITIVE_INFINITY;
    for (const watcher of this.#watchers) count = Math.min(count, watcher.count);
    return count;
  }

  /**
   * Reads the members for a new follower.
   *
   * @returns the members; `start`, which notifies the follower of what has changed since; and `stop`.
   * @throws BackplaneError.
   */
  async add(follower: LogFollower) {
    const watcher: Watcher = { follower, count: Number.POSITIVE_INFINITY, waiting: [] };
    const losses = this.#losses;
    const stop = () => this.#remove(watcher);
    this.#watchers.add(watcher);
    try {
      const { count, members } = await this.#read();
      const start = () => {
        watcher.count = count;
        this.#replay(watcher);
        // They were perhaps read before something was lost.
        if (losses !== this.#losses) this.#isStale = true;
      };
      return { members, start, stop };
    } catch (error) {
      stop();
      throw error;
    }
  }

  /** Called with each change that is announced. */
  heard(count: number, change: PresenceChange): void {
    for (const watcher of this.#watchers) this.#take(watcher, { count, change });
    this.#settle();
  }

  /** Resolves after all followers were notified of the changes up to this number. */
  async reached(count: number): Promise<void> {
    if (!this.#isReached(count)) await this.#calls.wait(count);
  }

  /** The calls of {@link reached} that wait. */
  get calls(): WaitingCalls<number> {
    return this.#calls;
  }

  /** Changes may have been missed: {@link resyncIfStale} is to be called. */
  markStale(): void {
    this.#losses += 1;
    this.#isStale = true;
  }

  /** Passes all members to all followers, if changes were missed or that has failed before. @throws BackplaneError. */
  async resyncIfStale(): Promise<void> {
    if (this.#isStale) await this.resync();
  }

  /** Passes all members to all followers. @throws BackplaneError; then the followers are stale. */
  async resync(): Promise<void> {
    this.#isStale = this.isWatched;
    if (this.#isReading || !this.#isStale) return;
    this.#isReading = true;
    try {
      while (this.#isStale) await this.#readAll();
    } finally {
      this.#isReading = false;
    }
  }

  /** Forgets the followers. */
  close(): void {
    this.#watchers.clear();
    this.#settle();
  }

  [INSPECT](): object {
    return inspection(this, ['count', 'isWatched']);
  }

  async #readAll(): Promise<void> {
    this.#isStale = false;
    let isRead = false;
    const started = [...this.#watchers].filter(({ waiting }) => waiting === undefined);
    for (const watcher of started) watcher.waiting = [];
    try {
      const { count, members } = await this.#read();
      for (const watcher of started) {
        if (!this.#watchers.has(watcher)) continue;
        watcher.count = count;
        watcher.follower.presence?.({ members });
      }
      isRead = true;
    } finally {
      this.#isStale ||= !isRead;
      for (const watcher of started) this.#replay(watcher);
    }
  }

  /** Notifies a follower of the changes since its members were read. */
  #replay(watcher: Watcher): void {
    const waiting = watcher.waiting ?? [];
    watcher.waiting = undefined;
    for (const numbered of waiting) this.#take(watcher, numbered);
    this.#settle();
  }

  #take(watcher: Watcher, numbered: NumberedChange): void {
    const { count, change } = numbered;
    if (watcher.waiting !== undefined) {
      // One that is dropped is missed when the next one comes, or at the next check.
      if (watcher.waiting.length < MAX_WAITING) watcher.waiting.push(numbered);
    } else if (count === watcher.count + 1) {
      watcher.count = count;
      watcher.follower.presence?.(change);
    } else if (count > watcher.count) {
      // If it fails, the next change or check tries it again.
      void this.resync().catch(() => {});
    }
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    this.#settle();
  }

  #isReached(count: number): boolean {
    for (const watcher of this.#watchers) {
      if (watcher.waiting !== undefined || watcher.count < count) return false;
    }
    return true;
  }

  #settle(): void {
    this.#calls.resolve((count) => this.#isReached(count));
  }
}
