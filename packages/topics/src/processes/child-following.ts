import type { Logger } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type {
  Following,
  FollowOptions,
  LogFollower,
  LogName,
  PresenceChange,
} from '../backplane/backplane.ts';
import { comparePositions } from '../cursor.ts';
import type { TopicEnd, TopicGap, TopicMember, TopicRecord } from '../record.ts';
import type { ChildCalls } from './child-calls.ts';
import { callToParent, unfollowToParent } from './wire-calls.ts';
import type { StartedFollowing } from './wire-replies.ts';

/** One follower in this process. */
interface LocalFollower {
  readonly follower: LogFollower;
  readonly hasPresence: boolean;
}

/** An append whose record has not arrived yet. */
interface ArrivalWaiter {
  readonly cursor: string;
  readonly arrived: () => void;
}

/** A log that the parent sends to this child once, however many followers it has here. */
class ChildLog {
  readonly name: LogName;
  /** The parent's number of it; undefined before it is followed, and after its end. */
  number: number | undefined;
  /** The position of the last record that has arrived. */
  cursor = '';
  /** Calls to follow it that have no reply yet. */
  opening = 0;
  readonly followers = new Set<LocalFollower>();
  /** How many of them want presence. */
  presenceCount = 0;
  /** In the order of the positions. */
  waiters: ArrivalWaiter[] | undefined;
  /** Parts of a list of members. */
  members: TopicMember[] = [];

  constructor(name: LogName) {
    this.name = name;
  }

  /** Notifies those whose record has arrived; all of them if nothing more arrives. */
  arrived(isOver: boolean): void {
    const { waiters } = this;
    if (waiters === undefined) return;
    let count = 0;
    for (const { cursor, arrived } of waiters) {
      if (!isOver && comparePositions(cursor, this.cursor) > 0) break;
      count += 1;
      arrived();
    }
    waiters.splice(0, count);
    if (waiters.length === 0) this.waiters = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'number', 'cursor'], () => ({ followers: this.followers.size }));
  }
}

/** What a child follows. */
export class ChildFollowing {
  readonly #calls: ChildCalls;
  readonly #logger: Logger;
  readonly #topics = new Map<string, ChildLog>();
  readonly #runs = new Map<string, ChildLog>();
  readonly #byNumber = new Map<number, ChildLog>();
  #revocations = 0;

  constructor(calls: ChildCalls, logger: Logger) {
    this.#calls = calls;
    this.#logger = logger;
  }

  get revocations(): number {
    return this.#revocations;
  }

  /** The parent is called each time, so that what it knows until then is known here. */
  async follow(name: LogName, follower: LogFollower, { presence }: FollowOptions): Promise<Following> {
    const log = this.#open(name);
    log.opening += 1;
    let isGivenUp = false;
    const local: LocalFollower = { follower, hasPresence: presence };
    try {
      return await this.#calls.make<Following>({
        operation: 'follow',
        isChange: false,
        encode: (writer, call) => callToParent(writer, call, { method: 'follow', args: [name, presence] }),
        // Before the next message, which may be about a record for this follower.
        resultOf: (started: StartedFollowing, members) => {
          log.opening -= 1;
          const following = this.#started(log, local, started, members as TopicMember[]);
          if (isGivenUp) following.close();
          return following;
        },
        failed: () => {
          log.opening -= 1;
          this.#unfollowIfUnused(log);
        },
      });
    } catch (error) {
      isGivenUp = true;
      throw error;
    }
  }

  /** Calls back when the records of a log have arrived up to a cursor: at once, if the log is not followed. */
  whenArrived(name: LogName, cursor: string, arrived: () => void): void {
    const log = this.#of(name).get(name.name);
    if (log?.number === undefined || comparePositions(cursor, log.cursor) <= 0) {
      arrived();
      return;
    }
    log.waiters ??= [];
    log.waiters.push({ cursor, arrived });
  }

  /** Ends everything that is followed. Nothing more may arrive. */
  close(): void {
    const logs = [...this.#byNumber.values()];
    for (const log of logs) this.#end(log, { kind: 'end', how: 'closed', cursor: log.cursor });
  }

  /** Nothing more arrives, and the followers are not notified of that. */
  lose(): void {
    for (const log of this.#byNumber.values()) log.arrived(true);
  }

  knowRevocations(count: number): void {
    this.#revocations = Math.max(this.#revocations, count);
  }

  [INSPECT](): object {
    return inspection(this, ['revocations'], () => ({ topics: this.#topics.size, runs: this.#runs.size }));
  }

  // What the parent has sent. It may be about logs that were followed before.

  record(number: number, record: TopicRecord): void {
    const log = this.#byNumber.get(number);
    if (log === undefined) return;
    log.cursor = record.cursor;
    for (const { follower } of log.followers) {
      try {
        follower.record(record);
      } catch (error) {
        this.#threw(error);
      }
    }
    log.arrived(false);
  }

  gap(number: number, gap: TopicGap): void {
    const log = this.#byNumber.get(number);
    if (log === undefined) return;
    log.cursor = gap.cursor;
    for (const { follower } of log.followers) this.#notify(() => follower.gap(gap));
    log.arrived(false);
  }

  ended(number: number, end: TopicEnd): void {
    const log = this.#byNumber.get(number);
    if (log !== undefined) this.#end(log, end);
  }

  revoked(number: number, subject: string | undefined): void {
    for (const { follower } of this.#byNumber.get(number)?.followers ?? [])
      this.#notify(() => follower.revoked?.(subject));
  }

  cancelRequested(number: number): void {
    for (const { follower } of this.#byNumber.get(number)?.followers ?? [])
      this.#notify(() => follower.cancelRequested?.());
  }

  members(number: number, members: readonly TopicMember[], isLast: boolean): void {
    const log = this.#byNumber.get(number);
    if (log === undefined) return;
    log.members.push(...members);
    if (!isLast) return;
    const all = log.members;
    log.members = [];
    this.presence(number, { members: all });
  }

  presence(number: number, change: PresenceChange): void {
    for (const { follower, hasPresence } of this.#byNumber.get(number)?.followers ?? [])
      if (hasPresence) this.#notify(() => follower.presence?.(change));
  }

  #of({ kind }: LogName): Map<string, ChildLog> {
    return kind === 'topic' ? this.#topics : this.#runs;
  }

  #open(name: LogName): ChildLog {
    const logs = this.#of(name);
    let log = logs.get(name.name);
    if (log === undefined) {
      log = new ChildLog(name);
      logs.set(name.name, log);
    }
    return log;
  }

  #started(
    log: ChildLog,
    local: LocalFollower,
    { log: number, cursor, end, revocations }: StartedFollowing,
    members: readonly TopicMember[],
  ): Following {
    this.knowRevocations(revocations);
    if (number === undefined) {
      this.#unfollowIfUnused(log);
      return { cursor, end, members: [], close: () => {} };
    }
    if (log.number === undefined) {
      log.number = number;
      log.cursor = cursor;
      this.#byNumber.set(number, log);
    }
    log.followers.add(local);
    if (local.hasPresence) log.presenceCount += 1;
    return { cursor: log.cursor, members, close: () => this.#unfollow(log, local) };
  }

  #unfollow(log: ChildLog, local: LocalFollower): void {
    if (!log.followers.delete(local)) return;
    if (local.hasPresence) log.presenceCount -= 1;
    const { number } = log;
    if (this.#unfollowIfUnused(log) || number === undefined) return;
    if (local.hasPresence && log.presenceCount === 0 && log.opening === 0)
      this.#calls.tell((writer) => unfollowToParent(writer, number, true));
  }

  #unfollowIfUnused(log: ChildLog): boolean {
    if (log.followers.size > 0 || log.opening > 0) return false;
    const { number, name } = log;
    const logs = this.#of(name);
    if (logs.get(name.name) === log) logs.delete(name.name);
    if (number === undefined) return true;
    log.number = undefined;
    this.#byNumber.delete(number);
    log.arrived(true);
    this.#calls.tell((writer) => unfollowToParent(writer, number, false));
    return true;
  }

  #end(log: ChildLog, end: TopicEnd): void {
    log.cursor = end.cursor;
    this.#byNumber.delete(log.number as number);
    log.number = undefined;
    // A call to follow the log that begins next may be on its way.
    if (log.opening === 0) this.#of(log.name).delete(log.name.name);
    for (const local of log.followers) {
      log.followers.delete(local);
      this.#notify(() => local.follower.ended(end));
    }
    log.presenceCount = 0;
    log.arrived(true);
  }

  /** A follower must not throw. If it does, the others are notified all the same. */
  #notify(notify: () => void): void {
    try {
      notify();
    } catch (error) {
      this.#threw(error);
    }
  }

  #threw(error: unknown): void {
    this.#logger.error({ error }, 'a follower of a log threw');
  }
}
