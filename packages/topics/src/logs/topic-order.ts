import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TopicState } from './topic-state.ts';

/**
 * How long a topic without subscribers, members and history is kept, so that the cursor of a client that polls or
 * connects again stays valid.
 */
const LINGER_MS = 60_000;

/** In which order topics lose their history or are forgotten. In each list, the one used least recently is the first. */
export class TopicOrder {
  /** Those with records or ids. */
  readonly #kept = new Set<TopicState>();
  /** Those with a history only. It may contain others, which are taken out when they are found. */
  readonly #idle = new Set<TopicState>();
  /** Those with neither subscribers, members nor history. */
  readonly #unused = new Set<TopicState>();

  /** Number of topics that are kept although they are not in use. */
  get unusedCount(): number {
    return this.#unused.size;
  }

  /** Those with records or ids. */
  kept(): Iterable<TopicState> {
    return this.#kept;
  }

  /** Those that have been unused for a minute. */
  *expired(now: number): Generator<TopicState, void> {
    for (const topic of this.#unused) {
      if (now - (topic.unusedSince as number) < LINGER_MS) return;
      yield topic;
    }
  }

  /** Adds a topic without history, which may get subscribers. */
  add(topic: TopicState): void {
    this.#idle.add(topic);
  }

  /** Makes a topic the one used most recently. It counts as used until it is released. */
  use(topic: TopicState): void {
    topic.unusedSince = undefined;
    if (this.#kept.delete(topic)) this.#kept.add(topic);
    if (this.#unused.delete(topic) || this.#idle.delete(topic)) this.#idle.add(topic);
  }

  /** Notes that the history of a topic has changed. */
  changed(topic: TopicState): void {
    if (topic.isEmpty) this.#kept.delete(topic);
    else this.#kept.add(topic);
  }

  /** Notes that a topic may have no subscribers, members or history any more. @param now - the time since when. */
  release(topic: TopicState, now: number): void {
    if (topic.isBusy || topic.unusedSince !== undefined) return;
    if (!topic.isEmpty) {
      this.#idle.add(topic);
      return;
    }
    this.#idle.delete(topic);
    this.#unused.add(topic);
    topic.unusedSince = now;
  }

  /** The topic to forget next; undefined if all are in use. @param isHeld - whether one may not be forgotten now. */
  next(isHeld: (topic: TopicState) => boolean): TopicState | undefined {
    for (const topic of this.#unused) if (!isHeld(topic)) return topic;
    for (const topic of this.#idle) {
      if (topic.isBusy) this.#idle.delete(topic);
      else if (!isHeld(topic)) return topic;
    }
    return undefined;
  }

  /** Takes a topic out of the lists of those that may be forgotten, until it is released. */
  take(topic: TopicState): void {
    topic.unusedSince = undefined;
    this.#idle.delete(topic);
    this.#unused.delete(topic);
  }

  remove(topic: TopicState): void {
    this.take(topic);
    this.#kept.delete(topic);
  }

  clear(): void {
    for (const list of [this.#kept, this.#idle, this.#unused]) list.clear();
  }

  [INSPECT](): object {
    return inspection(this, ['unusedCount'], () => ({ kept: this.#kept.size, idle: this.#idle.size }));
  }
}
