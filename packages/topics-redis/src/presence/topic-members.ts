import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { BackplaneError, type PresenceSettings, type TopicMember, TopicsLimitError } from '@landspout/topics';
import type { LuaScript } from '../connection/lua-script.ts';
import type { RedisArgument, RedisReply } from '../connection/redis-link.ts';
import { listOf, textOf, writtenBy } from '../logs/replies.ts';
import { joinedKeys, type PresenceKeys, presenceKeysOf } from './presence-keys.ts';
import { CHECK, JOIN, LEAVE, REJOIN, RETAIN } from './presence-scripts.ts';
import type { ProcessLease } from './process-lease.ts';
import { sweepTopic, type TopicSweepServices } from './sweep-topic.ts';

/** How often a join takes a new id because the lease was lost meanwhile. */
const MAX_TRIES = 3;
/** How many members one call adds: no script takes long. */
const REJOINED_AT_ONCE = 500;

/** What the members of a topic need of the process. */
export interface MemberServices extends TopicSweepServices {
  readonly lease: ProcessLease;
  /** Resolves when the followers in this process were notified of so many changes. */
  readonly reached: (topic: string, count: number) => Promise<void>;
}

interface JoinedMember {
  readonly json: string;
  readonly leaveDelayMs: number;
}

/** The members that this process has in one topic, and what Redis is to have of them. */
export class TopicMembers {
  readonly topic: string;
  readonly #services: MemberServices;
  readonly #keys: PresenceKeys;
  readonly #members = new Map<string, JoinedMember>();
  /** Members whose last call is a join that is on its way. */
  readonly #joining = new Map<string, JoinedMember>();
  #leaving = 0;
  /** The id under which Redis has the members. */
  #processId: string | undefined;
  #moving: Promise<string> | undefined;

  constructor(topic: string, services: MemberServices) {
    this.topic = topic;
    this.#services = services;
    this.#keys = presenceKeysOf(services.prefix, topic);
  }

  /** Number of members. */
  get size(): number {
    return this.#members.size;
  }

  /** Whether there are no members, and none is about to join or leave. */
  get isUnused(): boolean {
    return this.#members.size === 0 && this.#joining.size === 0 && this.#leaving === 0;
  }

  /** The id under which Redis may have members of this process. */
  get processId(): string | undefined {
    return this.#processId;
  }

  /** @throws TopicsLimitError, BackplaneError, RedisBackplaneError */
  async join(member: TopicMember, { maxMembers, leaveDelayMs }: PresenceSettings): Promise<void> {
    const name = member.member;
    const joining: JoinedMember = { json: JSON.stringify(member), leaveDelayMs };
    const args = [name, joining.json, String(leaveDelayMs), String(maxMembers)];
    this.#joining.set(name, joining);
    // A leave that is called meanwhile takes effect after this join.
    const isLatest = () => this.#joining.get(name) === joining;
    try {
      for (let tries = 0; tries < MAX_TRIES && isLatest(); tries += 1) {
        const id = await this.#settled();
        const reply = await this.#write(JOIN, id, args);
        const outcome = textOf(reply[0]);
        if (outcome === 'full') throw tooMany(maxMembers);
        if (outcome === 'lost') {
          this.#services.lease.lose(id);
          continue;
        }
        if (isLatest()) this.#members.set(name, joining);
        await this.#changed(reply);
        return;
      }
    } finally {
      if (isLatest()) this.#joining.delete(name);
    }
    throw new BackplaneError(
      'ERR_TOPICS_UNAVAILABLE',
      'join: the lease of this process was lost, and the member has not joined',
    );
  }

  /** Does nothing if the member is not there. @throws BackplaneError, RedisBackplaneError */
  async leave(name: string, { leaveDelayMs }: PresenceSettings): Promise<void> {
    this.#members.delete(name);
    this.#joining.delete(name);
    this.#leaving += 1;
    try {
      // Its present id may have got the member a moment ago.
      const id = await this.#settled();
      await this.#changed(await this.#write(LEAVE, id, [name, String(leaveDelayMs)]));
    } finally {
      this.#leaving -= 1;
    }
  }

  /** Sees to it that Redis has these members, under the present id of the process. @throws BackplaneError */
  async verify(): Promise<void> {
    const id = this.#processId;
    if (id !== this.#services.lease.id) {
      if (this.size > 0) await this.#settled();
      return;
    }
    if (id === undefined || this.#joining.size > 0 || this.#leaving > 0) return;
    const { size } = this;
    const [outcome, count, stale] = await this.#write(CHECK, id, []);
    if (textOf(outcome) === 'lost') return this.#services.lease.lose(id);
    if (Number(count) < size) await this.#rejoin(id);
    if (Number(count) > size) await this.#retain(id);
    for (const ended of listOf(stale)) await sweepTopic(this.#services, this.topic, textOf(ended));
  }

  /** Lets all members leave, because the process stops. @throws BackplaneError */
  async leaveAll(): Promise<void> {
    this.#members.clear();
    if (this.#processId !== undefined) await sweepTopic(this.#services, this.topic, this.#processId);
  }

  [INSPECT](): object {
    return inspection(this, ['topic', 'size']);
  }

  /** Returns the present id of the process, after Redis has the members under it. */
  #settled(): Promise<string> {
    const { id } = this.#services.lease;
    if (id !== undefined && id === this.#processId) return Promise.resolve(id);
    this.#moving ??= this.#move().finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #move(): Promise<string> {
    const before = this.#processId;
    const id = await this.#services.lease.enter(this.topic);
    await this.#rejoin(id);
    // Afterwards, so that they are there all the time.
    if (before !== undefined && before !== id) await sweepTopic(this.#services, this.topic, before);
    this.#processId = id;
    return id;
  }

  async #rejoin(id: string): Promise<void> {
    const members = [...this.#members];
    for (let at = 0; at < members.length; at += REJOINED_AT_ONCE) {
      const args = members
        .slice(at, at + REJOINED_AT_ONCE)
        .flatMap(([name, { json, leaveDelayMs }]) => [name, json, String(leaveDelayMs)]);
      const reply = await this.#write(REJOIN, id, args);
      if (textOf(reply[0]) === 'lost') return this.#services.lease.lose(id);
      this.#due(reply);
    }
  }

  /** Removes what a call has left that was thought to have failed. */
  async #retain(id: string): Promise<void> {
    this.#due(await this.#write(RETAIN, id, [...this.#members.keys(), ...this.#joining.keys()]));
  }

  async #write(
    script: LuaScript,
    id: string,
    args: readonly RedisArgument[],
  ): Promise<readonly RedisReply[]> {
    const keys = joinedKeys(this.#keys, id);
    const reply = await this.#services.link.run(script, keys, [this.#keys.channel, ...args]);
    return writtenBy(reply, { kind: 'topic', name: this.topic });
  }

  async #changed(reply: readonly RedisReply[]): Promise<void> {
    this.#due(reply);
    const count = Number(reply[2]);
    if (count > 0) await this.#services.reached(this.topic, count);
  }

  #due(reply: readonly RedisReply[]): void {
    this.#services.due(this.topic, Number(reply[1]));
  }
}

function tooMany(maxMembers: number): TopicsLimitError {
  return new TopicsLimitError(
    'ERR_TOPICS_TOO_MANY_MEMBERS',
    `join: the topic has ${maxMembers} members already; raise maxMembers`,
  );
}
