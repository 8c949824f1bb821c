import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { PresenceSettings } from '../backplane/backplane.ts';
import type { TopicMember } from '../record.ts';

/** A member that a child has joined. */
export interface JoinedMember {
  readonly topic: string;
  readonly member: TopicMember;
  readonly settings: PresenceSettings;
}

/** The members that a child has joined, for the case that its parent forgets them. */
export class ChildMembers {
  /** The joins of each, by topic and member. */
  readonly #joins = new Map<string, Map<string, JoinedMember[]>>();

  joined(joined: JoinedMember): void {
    const { topic, member } = joined;
    let members = this.#joins.get(topic);
    if (members === undefined) {
      members = new Map();
      this.#joins.set(topic, members);
    }
    const joins = members.get(member.member);
    if (joins === undefined) members.set(member.member, [joined]);
    else joins.push(joined);
  }

  left(topic: string, member: string): void {
    const members = this.#joins.get(topic);
    const joins = members?.get(member);
    joins?.pop();
    if (joins?.length === 0) members?.delete(member);
    if (members?.size === 0) this.#joins.delete(topic);
  }

  /** All joins that no leave has followed. */
  *all(): Generator<JoinedMember> {
    for (const members of this.#joins.values()) for (const joins of members.values()) yield* joins;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ topics: this.#joins.size }));
  }
}
