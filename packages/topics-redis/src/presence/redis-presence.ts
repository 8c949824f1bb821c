import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type RateLimitedLog, runInRootContext } from '@landspout/ioloop/reactor';
import { BackplaneError, frozen, type PresenceSettings, type TopicMember } from '@landspout/topics';
import { ExpiryIndex } from '../connection/expiry-index.ts';
import type { RedisLink } from '../connection/redis-link.ts';
import { listOf, textOf, writtenBy } from '../logs/replies.ts';
import { inGroups } from './in-groups.ts';
import { LeaveTimers } from './leave-timers.ts';
import { presenceKeysOf, processIndexKey, topicKeys } from './presence-keys.ts';
import { ANNOUNCE_LEAVES, MEMBERS } from './presence-scripts.ts';
import { ProcessLease } from './process-lease.ts';
import { ProcessSweep } from './process-sweep.ts';
import { SWEPT_AT_ONCE, sweepTopic, type TopicSweepServices } from './sweep-topic.ts';
import { isUnknown, TopicMembers } from './topic-members.ts';

/** A lease survives two renewals that are late or fail. */
const RENEWALS_PER_LEASE = 3;
/** Topics that each renewal of the lease verifies; more if there are so many that it would take longer than a minute. */
const VERIFIED_PER_ROUND = 500;
const VERIFIED_WITHIN_MS = 60_000;
/** How long {@link RedisPresence.close} waits for Redis: others remove what is left of an ended process. */
const CLOSE_WAIT_MS = 5000;
/** Topics that are called about at once. */
const CALLS_AT_ONCE = 100;

/** What presence needs of the backplane. */
export interface PresenceServices {
  readonly link: RedisLink;
  readonly prefix: string;
  /** For timers only: Redis decides what has expired. */
  readonly clock: Clock;
  readonly quietLog: RateLimitedLog;
  /** How long this process may be silent before its members leave, in milliseconds by the clock of Redis. */
  readonly leaseMs: number;
  /** Resolves when the followers of a topic in this process were notified of so many changes of presence. */
  readonly reached: (topic: string, count: number) => Promise<void>;
}

/** All members of a topic, and how many changes there were before. */
export interface MemberList {
  readonly count: number;
  readonly members: readonly TopicMember[];
}

/**
 * The members of topics. Redis has for each member the processes in which it is; a script changes and announces them.
 *
 * A process has one lease for all its members. If it is lost, because the process was stopped or Redis has lost its
 * memory, the members join anew under another id. What is there is verified again and again, topic by topic.
 */
export class RedisPresence {
  readonly #services: PresenceServices;
  readonly #lease: ProcessLease;
  readonly #sweep: ProcessSweep;
  readonly #sweepServices: TopicSweepServices;
  readonly #leaves: LeaveTimers;
  readonly #topics = new Map<string, TopicMembers>();
  readonly #unwatch: () => void;
  /** Where verifying goes on. */
  #unverified: Iterator<TopicMembers> | undefined;
  #isVerifying = false;
  /** All topics have to be verified, and not only the next ones. */
  #isStale = false;
  /** Redis could not be called about a topic. */
  #hasFailed = false;
  #round: ClockTimer | undefined;
  #isClosed = false;
  /** Whether {@link close} does not wait any more. */
  #hasLeft = false;

  /** Starts to look for processes that have ended. */
  constructor(services: PresenceServices) {
    this.#services = services;
    const { link, prefix, clock, leaseMs } = services;
    const index = new ExpiryIndex(link, processIndexKey(prefix));
    const due = (topic: string, dueMs: number) => this.#leaves.schedule(topic, dueMs);
    this.#sweepServices = { link, prefix, due };
    this.#lease = new ProcessLease({ link, prefix, index, leaseMs, onLost: () => this.#lostLease() });
    this.#sweep = new ProcessSweep({ ...this.#sweepServices, index, leaseMs });
    this.#leaves = new LeaveTimers(clock, {
      announce: (topic) => this.#announceLeaves(topic),
      idle: (topic) => this.#release(topic),
      report: (error) => this.#report(error),
    });
    this.#unwatch = link.watch({ lost: () => {}, restored: () => this.#restored() });
    this.#nextRound(0);
  }

  /** Number of members that have joined in this process. */
  get members(): number {
    let members = 0;
    for (const { size } of this.#topics.values()) members += size;
    return members;
  }

  /** @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_MEMBERS`; BackplaneError; RedisBackplaneError. */
  async join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    this.#requireOpen('join');
    let members = this.#topics.get(topic);
    if (members === undefined) {
      const { reached } = this.#services;
      members = new TopicMembers(topic, { ...this.#sweepServices, lease: this.#lease, reached });
      this.#topics.set(topic, members);
    }
    try {
      await members.join(member, settings);
    } catch (error) {
      // If the outcome is unknown, the member may be there: the next verification or the caller removes it.
      if (!isUnknown(error)) this.#release(topic);
      throw error;
    }
  }

  /** @throws BackplaneError; RedisBackplaneError. */
  async leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    this.#requireOpen('leave');
    const members = this.#topics.get(topic);
    if (members === undefined) return;
    await members.leave(member, settings);
    this.#release(topic);
  }

  /** Returns the members of a topic. @throws BackplaneError */
  async list(topic: string): Promise<MemberList> {
    const { link, prefix } = this.#services;
    const keys = presenceKeysOf(prefix, topic);
    const reply = await link.run(MEMBERS, topicKeys(keys), [keys.channel]);
    const [count, stale, ...texts] = listOf(reply);
    for (const id of listOf(stale)) {
      sweepTopic(this.#sweepServices, topic, textOf(id)).catch((error) => this.#report(error));
    }
    return {
      count: Number(textOf(count)),
      members: texts.map((text) => frozen(JSON.parse(textOf(text)) as TopicMember)),
    };
  }

  /**
   * Lets the members of this process leave, within 5 s. Failures are reported: other processes remove what is left, at the
   * latest when the lease has expired.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unwatch();
    this.#round?.cancel();
    this.#leaves.close();
    const topics = [...this.#topics.values()];
    this.#topics.clear();
    const leaving = this.#leaveAll(topics).catch((error) => this.#reportLeaving(error));
    await this.#withinCloseWait(leaving);
  }

  [INSPECT](): object {
    return inspection(this, ['members'], () => ({ topics: this.#topics.size, process: this.#lease.id }));
  }

  async #leaveAll(topics: readonly TopicMembers[]): Promise<void> {
    // First, so that other processes go on if this one does not come to the end.
    await this.#lease.end();
    await inGroups(topics, SWEPT_AT_ONCE, (members) => members.leaveAll());
  }

  #withinCloseWait(leaving: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#services.clock.setTimeout(() => {
        this.#reportLeaving(new Error(`Redis has not replied within ${CLOSE_WAIT_MS} ms`));
        this.#hasLeft = true;
        resolve();
      }, CLOSE_WAIT_MS);
      void leaving.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #reportLeaving(error: unknown): void {
    if (this.#hasLeft) return;
    const message = 'not all members of this process could leave; other processes remove them';
    this.#services.quietLog.warn('presence', { error }, message);
  }

  /** One timer for the lease, for those of other processes, and for verifying. */
  #nextRound(delayMs: number): void {
    runInRootContext(() => {
      this.#round = this.#services.clock.setTimeout(() => {
        this.#nextRound(this.#services.leaseMs / RENEWALS_PER_LEASE);
        void this.#work();
      }, delayMs);
      this.#round.unref();
    }, undefined);
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    const sweeping = this.#sweep.sweep().catch((error) => this.#report(error));
    try {
      await this.#lease.renew();
      await this.#verify();
    } catch (error) {
      this.#report(error);
    }
    await sweeping;
  }

  #restored(): void {
    this.#isStale = true;
    void this.#work();
  }

  #lostLease(): void {
    if (this.#isClosed) return;
    const message = 'the lease of the members of this process is lost; they join anew';
    this.#services.quietLog.warn('presence lease', { members: this.members }, message);
    this.#isStale = true;
    void this.#verify();
  }

  /** Verifies the next topics. Does nothing if that is going on. Never rejects. */
  async #verify(): Promise<void> {
    if (this.#isVerifying) return;
    this.#isVerifying = true;
    try {
      do {
        const topics = this.#isStale ? [...this.#topics.values()] : this.#nextTopics();
        this.#isStale = false;
        await this.#keepTopics(topics);
        await inGroups(topics, CALLS_AT_ONCE, (members) => this.#verifyTopic(members));
      } while (this.#isStale && !this.#isClosed);
    } finally {
      this.#isVerifying = false;
    }
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.#isStale = true; // the next round tries again
  }

  /** Notes where this process has members: Redis may have lost that, and not the members. */
  async #keepTopics(topics: readonly TopicMembers[]): Promise<void> {
    const names = topics.filter(({ size }) => size > 0).map(({ topic }) => topic);
    try {
      for (let at = 0; at < names.length; at += CALLS_AT_ONCE) {
        await this.#lease.keep(names.slice(at, at + CALLS_AT_ONCE));
      }
    } catch (error) {
      this.#report(error);
      this.#hasFailed = true;
    }
  }

  /** What fails in one topic does not keep others from being verified. */
  async #verifyTopic(members: TopicMembers): Promise<void> {
    if (this.#isClosed) return;
    try {
      await members.verify();
      this.#release(members.topic);
    } catch (error) {
      this.#report(error);
      this.#hasFailed ||= error instanceof BackplaneError;
    }
  }

  /** The next topics to verify: round after round all of them. */
  #nextTopics(): TopicMembers[] {
    const topics: TopicMembers[] = [];
    const rounds = (VERIFIED_WITHIN_MS * RENEWALS_PER_LEASE) / this.#services.leaseMs;
    const count = Math.max(VERIFIED_PER_ROUND, Math.ceil(this.#topics.size / Math.max(rounds, 1)));
    while (topics.length < Math.min(count, this.#topics.size)) {
      this.#unverified ??= this.#topics.values();
      const { done, value } = this.#unverified.next();
      if (done === true) this.#unverified = undefined;
      else topics.push(value);
    }
    return topics;
  }

  async #announceLeaves(topic: string): Promise<number> {
    const { link, prefix } = this.#services;
    const keys = presenceKeysOf(prefix, topic);
    const reply = await link.run(ANNOUNCE_LEAVES, topicKeys(keys), [keys.channel]);
    return Number(textOf(writtenBy(reply, { kind: 'topic', name: topic })[1]));
  }

  /** Forgets a topic in which this process has no members and no leave to announce. */
  #release(topic: string): void {
    const members = this.#topics.get(topic);
    if (members === undefined || !members.isUnused || this.#leaves.has(topic)) return;
    this.#topics.delete(topic);
    const { processId } = members;
    if (processId === undefined) return;
    this.#lease.exit(topic, processId).catch((error) => this.#report(error));
  }

  #report(error: unknown): void {
    if (error instanceof BackplaneError && error.code === 'ERR_TOPICS_CLOSED') return;
    const message = 'the members of topics could not be brought up to date in Redis; it is tried again';
    this.#services.quietLog.warn('presence', { error }, message);
  }

  #requireOpen(operation: string): void {
    if (!this.#isClosed) return;
    throw new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the backplane is closed`);
  }
}
