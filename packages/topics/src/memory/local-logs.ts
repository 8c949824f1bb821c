import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type {
  BackplaneStats,
  Following,
  FollowOptions,
  LogFollower,
  LogName,
  Page,
  PageSize,
  PresenceChange,
  PresenceSettings,
  ReadFrom,
} from '../backplane/backplane.ts';
import { comparePositions, newEpoch } from '../cursor.ts';
import { BackplaneError, RunError } from '../errors.ts';
import { Log } from '../logs/log.ts';
import { LogStore, type StoreLimits } from '../logs/log-store.ts';
import { PresenceTable } from '../presence/presence-table.ts';
import type { TopicMember } from '../record.ts';

/** How often records that are too old, and runs whose time is over, are looked for. */
const SWEEP_MS = 30_000;

/** Presence in one topic. */
interface TopicPresence {
  readonly table: PresenceTable;
  readonly watchers: Set<LogFollower>;
}

/** The part of a backplane that memory and journal have in common: all logs are in this process. */
export class LocalLogs {
  readonly store: LogStore;
  readonly #clock: Clock;
  readonly #presence = new Map<string, TopicPresence>();
  #sweeping: ClockTimer | undefined;
  #revocations = 0;
  #isClosed = false;

  constructor(limits: StoreLimits, clock: Clock) {
    this.#clock = clock;
    this.store = new LogStore(limits, clock);
    this.#sweepLater();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Number of calls of {@link revoke}. */
  get revocations(): number {
    return this.#revocations;
  }

  /** @throws BackplaneError `ERR_TOPICS_CLOSED`. */
  requireOpen(operation: string): void {
    if (this.#isClosed)
      throw new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the backplane is closed`);
  }

  read(name: LogName, from: ReadFrom, size: PageSize): Page {
    this.requireOpen('read');
    const log = this.#find(name);
    if (log !== undefined) {
      // Looking at a topic does not make it one that is in use.
      if (name.kind === 'topic') this.store.release(name.name);
      return log.read(from, size);
    }
    // An empty log for the length of the call: the page has a cursor, and no other topic has to make room.
    return new Log(name, newEpoch()).read(from, size);
  }

  follow(name: LogName, follower: LogFollower, options: FollowOptions): Following {
    this.requireOpen('follow');
    const log = name.kind === 'topic' ? this.#openTopic(name.name) : (this.#find(name) as Log);
    const { cursor, end } = log;
    if (end !== undefined) return { cursor, end, members: [], close: () => {} };
    log.follow(follower);
    const presence = options.presence && name.kind === 'topic' ? this.#presenceOf(name.name) : undefined;
    presence?.watchers.add(follower);
    const close = () => {
      log.unfollow(follower);
      if (presence !== undefined) this.#unwatch(name.name, presence, follower);
      if (name.kind === 'topic') this.store.release(name.name);
    };
    return { cursor, members: presence?.table.members() ?? [], close };
  }

  compare(a: string, b: string): number {
    return comparePositions(a, b);
  }

  revoke(topic: string, subject: string | undefined): void {
    this.#revocations += 1;
    this.store.find({ kind: 'topic', name: topic })?.notify((follower) => follower.revoked?.(subject));
  }

  /** Called when the log of a topic was deleted. Its members stay until they leave. */
  deleted(topic: string): void {
    if ((this.#presence.get(topic)?.table.size ?? 0) === 0) return;
    try {
      this.#openTopic(topic);
    } catch {
      // Another topic has taken the place: the log begins when it is used.
    }
  }

  join(topic: string, member: TopicMember, settings: PresenceSettings): void {
    this.requireOpen('join');
    this.store.openTopic(topic);
    const { table } = this.#presenceOf(topic);
    try {
      table.join(member, settings);
    } finally {
      this.store.setMembers(topic, table.size);
      this.#forgetIfUnused(topic);
    }
  }

  leave(topic: string, member: string, settings: PresenceSettings): void {
    this.requireOpen('leave');
    this.#presence.get(topic)?.table.leave(member, settings);
  }

  stats(): BackplaneStats {
    const { topicCount, runCount, recordCount, bytes } = this.store;
    let members = 0;
    for (const { table } of this.#presence.values()) members += table.size;
    return { topics: topicCount, runs: runCount, records: recordCount, historyBytes: bytes, members };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sweeping?.cancel();
    for (const { table } of this.#presence.values()) table.clear();
    this.#presence.clear();
    this.store.close();
  }

  [INSPECT](): object {
    return inspection(this, ['store', 'isClosed']);
  }

  /** Its members, if there are any, keep it. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`. */
  #openTopic(topic: string): Log {
    const log = this.store.openTopic(topic);
    const members = this.#presence.get(topic)?.table.size ?? 0;
    if (members > 0) this.store.setMembers(topic, members);
    return log;
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  #find(name: LogName): Log | undefined {
    const log = this.store.find(name);
    if (log !== undefined || name.kind === 'topic') return log;
    throw new RunError('ERR_RUN_NOT_FOUND', `there is no run ${name.name}`);
  }

  #presenceOf(topic: string): TopicPresence {
    let presence = this.#presence.get(topic);
    if (presence === undefined) {
      const watchers = new Set<LogFollower>();
      const table = new PresenceTable(this.#clock, (change) => this.#announce(topic, watchers, change));
      presence = { table, watchers };
      this.#presence.set(topic, presence);
    }
    return presence;
  }

  /** Notifies through the log, so that all followers see one order, and late ones only what they are not told at first. */
  #announce(topic: string, watchers: ReadonlySet<LogFollower>, change: PresenceChange): void {
    const log = this.store.find({ kind: 'topic', name: topic });
    log?.notify((follower) => {
      if (watchers.has(follower)) follower.presence?.(change);
    });
    if (!('left' in change)) return;
    const presence = this.#presence.get(topic);
    if (presence !== undefined) this.store.setMembers(topic, presence.table.size);
    this.#forgetIfUnused(topic);
  }

  #unwatch(topic: string, { watchers }: TopicPresence, follower: LogFollower): void {
    watchers.delete(follower);
    this.#forgetIfUnused(topic);
  }

  #forgetIfUnused(topic: string): void {
    const presence = this.#presence.get(topic);
    if (presence?.watchers.size === 0 && presence.table.size === 0) this.#presence.delete(topic);
  }

  #sweepLater(): void {
    runInRootContext(() => {
      this.#sweeping = this.#clock.setTimeout(() => {
        this.store.sweep();
        this.#sweepLater();
      }, SWEEP_MS);
      this.#sweeping.unref();
    }, undefined);
  }
}
