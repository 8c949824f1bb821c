import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  BackplaneError,
  newEpoch,
  type PresenceSettings,
  type TopicMember,
  TopicsLimitError,
} from '@landspout/topics';
import type { LuaScript } from '../connection/lua-script.ts';
import type { RedisArgument, RedisReply } from '../connection/redis-link.ts';
import { listOf, textOf, writtenBy } from '../logs/replies.ts';
import { joinedKeys, type PresenceKeys, presenceKeysOf } from './presence-keys.ts';
import { CHECK, JOIN, LEAVE, REJOIN } from './presence-scripts.ts';
import type { ProcessLease } from './process-lease.ts';
import { sweepTopic, type TopicSweepServices } from './sweep-topic.ts';

/** How often a join takes a new id because the lease was lost meanwhile. */
const MAX_TRIES = 3;
/** How many members one call adds or removes: no script takes long. */
const CHANGED_AT_ONCE = 500;

/** What the members of a topic need of the process. */
export interface MemberServices extends TopicSweepServices {
  readonly lease: ProcessLease;
  /** Resolves when the followers in this process were notified of so many changes. */
  readonly reached: (topic: string, count: number) => Promise<void>;
}

interface JoinedMember {
  readonly json: string;
  readonly leaveDelayMs: number;
  /** How many joins have not left. */
  joins: number;
}

/**
 * The members that this process has in one topic, and what Redis is to have of them. Calls about one member take effect
 * one after another; Redis is called for the first join and the last leave.
 */
export class TopicMembers {
  readonly topic: string;
  readonly #services: MemberServices;
  readonly #keys: PresenceKeys;
  /** Those that Redis has accepted. */
  readonly #members = new Map<string, JoinedMember>();
  /** The last call about each member that calls are on their way for. */
  readonly #calls = new Map<string, Promise<unknown>>();
  /** The id under which Redis has the members. */
  #processId: string | undefined;
  #moving: Promise<string> | undefined;
  /** The mark that Redis has with the members of an id after the last change. */
  #known = { id: '', mark: '' };
  /** Redis may have other members: a call has failed, or changes were made or lost that this process does not know of. */
  #isDoubtful = false;

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
    return this.#members.size === 0 && this.#calls.size === 0;
  }

  /** The id under which Redis may have members of this process. */
  get processId(): string | undefined {
    return this.#processId;
  }

  /** @throws TopicsLimitError, BackplaneError, RedisBackplaneError */
  async join(member: TopicMember, settings: PresenceSettings): Promise<void> {
    await this.#notified(await this.#inTurn(member.member, () => this.#join(member, settings)));
  }

  /** Does nothing if the member is not there. @throws BackplaneError, RedisBackplaneError */
  async leave(name: string, settings: PresenceSettings): Promise<void> {
    await this.#notified(await this.#inTurn(name, () => this.#leave(name, settings)));
  }

  /** Sees to it that Redis has these members, under the present id of the process. @throws BackplaneError */
  async verify(): Promise<void> {
    const id = this.#processId;
    if (id !== this.#services.lease.id) {
      if (this.size > 0) await this.#settled();
      return;
    }
    if (id === undefined) return;
    const [outcome, mark, stale] = await this.#call(CHECK, id, []);
    if (textOf(outcome) === 'lost') return this.#services.lease.lose(id);
    this.#note(id, textOf(mark), textOf(mark));
    if (this.#isDoubtful) await this.#compare(id);
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

  /** Makes a call about a member after those that were made before. */
  async #inTurn<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    const before = this.#calls.get(name);
    const turn = before === undefined ? call() : before.then(call, call);
    this.#calls.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#calls.get(name) === turn) this.#calls.delete(name);
    }
  }

  /** @returns the reply of Redis if it was called. */
  async #join(
    member: TopicMember,
    { maxMembers, leaveDelayMs }: PresenceSettings,
  ): Promise<readonly RedisReply[] | undefined> {
    const name = member.member;
    const joined = this.#members.get(name);
    if (joined !== undefined) {
      joined.joins += 1;
      return undefined;
    }
    const json = JSON.stringify(member);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const id = await this.#settled();
      const args = [name, json, String(leaveDelayMs), String(maxMembers)];
      const reply = await this.#write(JOIN, id, args);
      const outcome = textOf(reply[0]);
      if (outcome === 'full') throw tooMany(maxMembers);
      if (outcome === 'lost') this.#services.lease.lose(id);
      // Members of an id that is over are removed.
      if (outcome === 'lost' || id !== this.#services.lease.id) continue;
      this.#members.set(name, { json, leaveDelayMs, joins: 1 });
      return reply;
    }
    throw new BackplaneError(
      'ERR_TOPICS_UNAVAILABLE',
      'join: the lease of this process was lost, and the member has not joined; join again, and raise leaseMs if Redis is slow',
    );
  }

  /** @returns the reply of Redis if it was called. */
  async #leave(name: string, { leaveDelayMs }: PresenceSettings): Promise<readonly RedisReply[] | undefined> {
    const joined = this.#members.get(name);
    if (joined !== undefined && joined.joins > 1) {
      joined.joins -= 1;
      return undefined;
    }
    this.#members.delete(name);
    try {
      // Its present id may have got the member a moment ago.
      const id = await this.#settled();
      return await this.#write(LEAVE, id, [String(leaveDelayMs), name]);
    } catch (error) {
      // If nothing was done, the member is still there.
      if (joined !== undefined && !isUnknown(error)) this.#members.set(name, joined);
      throw error;
    }
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
    this.#known = { id, mark: '' };
    await this.#rejoin(id);
    // Afterwards, so that they are there all the time.
    if (before !== undefined && before !== id) await sweepTopic(this.#services, this.topic, before);
    this.#processId = id;
    return id;
  }

  /** Lets Redis have these members and no others. Calls that are made meanwhile are sent afterwards. */
  async #compare(id: string): Promise<void> {
    this.#isDoubtful = false;
    try {
      await this.#rejoin(id);
      await this.#removeOthers(id);
    } catch (error) {
      this.#isDoubtful = true;
      throw error;
    }
  }

  async #rejoin(id: string): Promise<void> {
    const names = [...this.#members.keys()];
    for (let at = 0; at < names.length; at += CHANGED_AT_ONCE) {
      const args = names.slice(at, at + CHANGED_AT_ONCE).flatMap((name) => this.#rejoinArguments(name));
      if (args.length === 0) continue;
      const reply = await this.#write(REJOIN, id, args);
      if (textOf(reply[0]) === 'lost') return this.#services.lease.lose(id);
    }
  }

  #rejoinArguments(name: string): string[] {
    const joined = this.#members.get(name); // unless it has left meanwhile
    return joined === undefined ? [] : [name, joined.json, String(joined.leaveDelayMs)];
  }

  /** Removes what a call has left that was thought to have failed, and what a failover has brought back. */
  async #removeOthers(id: string): Promise<void> {
    const { link } = this.#services;
    const key = joinedKeys(this.#keys, id).at(-1) as string;
    let cursor = '0';
    do {
      const [next, fields] = listOf(
        await link.send(key, ['HSCAN', key, cursor, 'COUNT', String(CHANGED_AT_ONCE)]),
      );
      const names = listOf(fields).filter((_, at) => at % 2 === 0);
      const others = names.map(textOf).filter((name) => name !== '' && !this.#isWanted(name));
      if (others.length > 0) await this.#write(LEAVE, id, ['', ...others]);
      cursor = textOf(next);
    } while (cursor !== '0');
  }

  #isWanted(name: string): boolean {
    return this.#members.has(name) || this.#calls.has(name);
  }

  /** Runs a script that changes the members of an id. */
  async #write(
    script: LuaScript,
    id: string,
    args: readonly RedisArgument[],
  ): Promise<readonly RedisReply[]> {
    try {
      const reply = await this.#call(script, id, [newEpoch(), ...args]);
      if (textOf(reply[0]) !== 'done') return reply;
      this.#due(reply);
      this.#note(id, textOf(reply[3]), textOf(reply[4]));
      return reply;
    } catch (error) {
      this.#isDoubtful = true;
      throw error;
    }
  }

  /** Notes the marks that Redis had before and after a call. */
  #note(id: string, before: string, after: string): void {
    if (id !== this.#known.id) return;
    if (before !== this.#known.mark) this.#isDoubtful = true;
    this.#known.mark = after;
  }

  async #call(script: LuaScript, id: string, args: readonly RedisArgument[]): Promise<readonly RedisReply[]> {
    const keys = joinedKeys(this.#keys, id);
    const reply = await this.#services.link.run(script, keys, [this.#keys.channel, ...args]);
    return writtenBy(reply, { kind: 'topic', name: this.topic });
  }

  async #notified(reply: readonly RedisReply[] | undefined): Promise<void> {
    const count = Number(reply?.[2] ?? 0);
    if (count > 0) await this.#services.reached(this.topic, count);
  }

  #due(reply: readonly RedisReply[]): void {
    this.#services.due(this.topic, Number(reply[1]));
  }
}

/** Whether a call may have been done. */
export function isUnknown(error: unknown): boolean {
  return error instanceof BackplaneError && error.code === 'ERR_TOPICS_OUTCOME_UNKNOWN';
}

function tooMany(maxMembers: number): TopicsLimitError {
  return new TopicsLimitError(
    'ERR_TOPICS_TOO_MANY_MEMBERS',
    `join: the topic has ${maxMembers} members already; raise maxMembers`,
  );
}
