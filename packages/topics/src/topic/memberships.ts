import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Backplane, PresenceSettings } from '../backplane/backplane.ts';
import type { TopicMember } from '../record.ts';

/** The joins of one member of one topic in this process. */
interface LocalMember {
  joins: number;
  /** Calls of the backplane, one after another. */
  last: Promise<void>;
}

/** Counts the joins of this process, so that the backplane is called only for the first and the last of each member. */
export class Memberships {
  readonly #backplane: Backplane;
  readonly #members = new Map<string, LocalMember>();

  constructor(backplane: Backplane) {
    this.#backplane = backplane;
  }

  /** Number of members of all topics that have joined here. */
  get size(): number {
    return this.#members.size;
  }

  async join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    const key = keyOf(topic, member.member);
    let local = this.#members.get(key);
    if (local === undefined) {
      local = { joins: 0, last: Promise.resolve() };
      this.#members.set(key, local);
    }
    local.joins += 1;
    if (local.joins === 1)
      local.last = this.#after(local, () => this.#backplane.join(topic, member, settings));
    try {
      await local.last;
    } catch (error) {
      local.joins -= 1;
      this.#forget(key, local);
      throw error;
    }
  }

  async leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    const key = keyOf(topic, member);
    const local = this.#members.get(key);
    if (local === undefined) return;
    local.joins -= 1;
    if (local.joins > 0) return;
    local.last = this.#after(local, () => this.#backplane.leave(topic, member, settings));
    try {
      await local.last;
    } finally {
      this.#forget(key, local);
    }
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  #after(local: LocalMember, call: () => Promise<void>): Promise<void> {
    return local.last.then(call, call);
  }

  #forget(key: string, local: LocalMember): void {
    if (local.joins === 0 && this.#members.get(key) === local) this.#members.delete(key);
  }
}

/** Names have no control characters, so the text is unique. */
function keyOf(topic: string, member: string): string {
  return `${topic}\n${member}`;
}
