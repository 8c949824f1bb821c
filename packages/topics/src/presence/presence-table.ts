import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { PresenceChange, PresenceSettings } from '../backplane/backplane.ts';
import { TopicsLimitError } from '../errors.ts';
import type { TopicMember } from '../record.ts';

/** One member, and how many joins of it have not left. With 0 it is leaving. */
interface Present {
  readonly member: TopicMember;
  joins: number;
}

/**
 * The members of one topic. Only the first join of a member and its last leave are announced, the leave after a delay in
 * which it may come back.
 */
export class PresenceTable {
  readonly #clock: Clock;
  readonly #announce: (change: PresenceChange) => void;
  readonly #present = new Map<string, Present>();
  /** When each member that is leaving is gone, the earliest first. */
  readonly #leaving = new Map<string, number>();
  #lastLeave = 0;
  #timer: ClockTimer | undefined;

  /** @param announce - called after each change. */
  constructor(clock: Clock, announce: (change: PresenceChange) => void) {
    this.#clock = clock;
    this.#announce = announce;
  }

  /** Number of members, including those that are leaving. */
  get size(): number {
    return this.#present.size;
  }

  members(): readonly TopicMember[] {
    return [...this.#present.values()].map(({ member }) => member);
  }

  /** @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_MEMBERS`. */
  join(member: TopicMember, { maxMembers }: PresenceSettings): void {
    const present = this.#present.get(member.member);
    if (present !== undefined) {
      present.joins += 1;
      this.#leaving.delete(member.member);
      return;
    }
    if (this.#present.size >= maxMembers) {
      throw new TopicsLimitError(
        'ERR_TOPICS_TOO_MANY_MEMBERS',
        `join: the topic has ${maxMembers} members already; raise maxMembers`,
      );
    }
    this.#present.set(member.member, { member, joins: 1 });
    this.#announce({ joined: member });
  }

  leave(name: string, { leaveDelayMs }: PresenceSettings): void {
    const present = this.#present.get(name);
    if (present === undefined || present.joins === 0) return;
    present.joins -= 1;
    if (present.joins > 0) return;
    // In the order in which they are due, whatever the delays are, so that one timer is enough.
    this.#lastLeave = Math.max(this.#lastLeave, this.#clock.now() + leaveDelayMs);
    this.#leaving.set(name, this.#lastLeave);
    this.#schedule();
  }

  /** Forgets all members without announcing it. */
  clear(): void {
    this.#present.clear();
    this.#leaving.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ leaving: this.#leaving.size }));
  }

  #schedule(): void {
    const next = this.#leaving.values().next();
    if (this.#timer !== undefined || next.done === true) return;
    runInRootContext(() => {
      this.#timer = this.#clock.setTimeout(
        () => this.#removeDue(),
        Math.max(0, next.value - this.#clock.now()),
      );
      this.#timer.unref();
    }, undefined);
  }

  #removeDue(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const [name, at] of this.#leaving) {
      if (at > now) break;
      this.#leaving.delete(name);
      this.#present.delete(name);
      this.#announce({ left: name });
    }
    this.#schedule();
  }
}
