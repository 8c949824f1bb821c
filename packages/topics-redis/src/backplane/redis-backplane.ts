import { pickOptions } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import type {
  Backplane,
  BackplaneStats,
  Following,
  FollowOptions,
  LogFollower,
  LogName,
  NewRecord,
  NewRun,
  NewRunEnd,
  Page,
  PageSize,
  Payload,
  PresenceSettings,
  ReadFrom,
  RunClaim,
  RunInfo,
  TopicEnd,
  TopicMember,
  TopicSettings,
} from '@landspout/topics';
import type { RedisLink } from '../connection/redis-link.ts';
import { REDIS_LINK_OPTIONS, type RedisLinkOptions } from '../connection/redis-options.ts';
import { compareCursors } from '../cursor.ts';
import { RedisBackplaneError } from '../errors.ts';
import { RedisLogs } from '../logs/redis-logs.ts';
import { RedisPresence } from '../presence/redis-presence.ts';
import { RedisRuns } from '../runs/redis-runs.ts';
import { openLink } from './open-link.ts';
import { ProcessHold } from './process-hold.ts';
import { type BackplaneRules, type RedisBackplaneOptions, requireBackplaneOptions } from './redis-options.ts';
import { checkServer } from './server-info.ts';

/**
 * Keeps topics and runs in Redis, for all processes that use the same Redis and prefix, on any number of machines.
 *
 * A publish resolves after Redis has appended the record, and the subscribers in this process were notified of it. What
 * Redis loses when it fails over, or is killed, is lost to the subscribers too; where that is noticed, it is a `gap`.
 *
 * While Redis cannot be reached, calls reject at once with `ERR_TOPICS_UNAVAILABLE`, and subscribers get nothing; when it
 * is back, they get what they have missed.
 *
 * @example
 * const backplane = await RedisBackplane.connect({ url: 'redis://127.0.0.1' });
 * const topics = new Topics({ backplane });
 * // … at the end:
 * await topics.close();
 * await backplane.close();
 */
export class RedisBackplane implements Backplane {
  readonly name = 'redis';
  readonly #link: RedisLink;
  readonly #logs: RedisLogs;
  readonly #presence: RedisPresence;
  readonly #runs: RedisRuns;
  readonly #quietLog: RateLimitedLog;
  readonly #hold: ProcessHold;
  #closing: Promise<void> | undefined;

  private constructor(link: RedisLink, rules: BackplaneRules, hold: ProcessHold) {
    this.#hold = hold;
    const { prefix, clock, logger, leaseMs, maxRuns } = rules;
    this.#link = link;
    const quietLog = new RateLimitedLog({ clock, logger });
    this.#quietLog = quietLog;
    const readMembers = (topic: string) => this.#presence.list(topic);
    this.#logs = new RedisLogs({ link, prefix, clock, logger, readMembers });
    const reached = (topic: string, count: number) => this.#logs.reachedPresence(topic, count);
    this.#presence = new RedisPresence({ link, prefix, clock, quietLog, leaseMs, reached });
    const followers = {
      reached: (log: LogName, epoch: string, id: string) => this.#logs.reached(log, epoch, id),
    };
    this.#runs = new RedisRuns({ link, prefix, quietLog, followers, maxRuns });
  }

  /**
   * Connects to Redis, with one connection for commands (in a cluster: to each node) and one for announcements, and behind
   * sentinels one to each of these. They are made anew when they are lost. They do not keep the process alive; calls that
   * have not settled do. Without {@link close}, the members of this process leave after `leaseMs`.
   *
   * @throws RedisUsageError `ERR_TOPICS_REDIS_USAGE` if an option is unknown or invalid.
   * @throws RedisBackplaneError `ERR_TOPICS_REDIS_CONNECT` if Redis cannot be reached or used; nothing stays open.
   */
  static async connect(options: RedisBackplaneOptions): Promise<RedisBackplane> {
    const rules = requireBackplaneOptions('RedisBackplane.connect', options);
    const linkOptions = pickOptions<RedisLinkOptions>(options, REDIS_LINK_OPTIONS);
    const hold = new ProcessHold();
    try {
      return await hold.during(RedisBackplane.#connect(linkOptions, rules, hold));
    } catch (error) {
      hold.close();
      throw error;
    }
  }

  static async #connect(
    linkOptions: RedisLinkOptions,
    rules: BackplaneRules,
    hold: ProcessHold,
  ): Promise<RedisBackplane> {
    const link = await openLink(linkOptions);
    let backplane: RedisBackplane | undefined;
    try {
      await checkServer(link, rules.prefix, rules.logger);
      backplane = new RedisBackplane(link, rules, hold);
      await backplane.#logs.start();
      return backplane;
    } catch (error) {
      await (backplane ?? link).close();
      if (error instanceof RedisBackplaneError) throw error;
      throw new RedisBackplaneError('ERR_TOPICS_REDIS_CONNECT', (error as Error).message, { cause: error });
    }
  }

  get revocations(): number {
    return this.#logs.revocations;
  }

  append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    return this.#hold.during(this.#logs.append(topic, record, settings));
  }

  read(log: LogName, from: ReadFrom, size: PageSize): Promise<Page> {
    return this.#hold.during(this.#logs.read(log, from, size));
  }

  follow(log: LogName, follower: LogFollower, options: FollowOptions): Promise<Following> {
    return this.#hold.during(this.#logs.follow(log, follower, options));
  }

  compare(a: string, b: string): number {
    return compareCursors(a, b);
  }

  delete(topic: string): Promise<void> {
    return this.#hold.during(this.#logs.delete(topic));
  }

  revoke(topic: string, subject: string | undefined): Promise<void> {
    return this.#hold.during(this.#logs.revoke(topic, subject));
  }

  join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    return this.#hold.during(this.#presence.join(topic, member, settings));
  }

  leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    return this.#hold.during(this.#presence.leave(topic, member, settings));
  }

  claimRun(run: NewRun): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    return this.#hold.during(this.#runs.claimRun(run));
  }

  renewRun(id: string, token: number): Promise<void> {
    return this.#hold.during(this.#runs.renewRun(id, token));
  }

  releaseRun(id: string, token: number): Promise<void> {
    return this.#hold.during(this.#runs.releaseRun(id, token));
  }

  writeRun(id: string, token: number, payload: Payload): Promise<string> {
    return this.#hold.during(this.#runs.writeRun(id, token, payload));
  }

  endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    return this.#hold.during(this.#runs.endRun(id, token, end));
  }

  cancelRun(id: string): Promise<RunInfo> {
    return this.#hold.during(this.#runs.cancelRun(id));
  }

  runInfo(id: string): Promise<RunInfo> {
    return this.#hold.during(this.#runs.runInfo(id));
  }

  claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    return this.#hold.during(this.#runs.claimExpiredRun(id));
  }

  /** Counts what this process follows, and its own members: what Redis keeps is not counted. */
  stats(): BackplaneStats {
    const { followedTopics, followedRuns } = this.#logs;
    const { members } = this.#presence;
    return { topics: followedTopics, runs: followedRuns, records: 0, historyBytes: 0, members };
  }

  /**
   * Ends what is followed with `closed`, lets the members of this process leave, and ends the connections. If Redis does not
   * reply within 5 s, other processes remove the members.
   */
  close(): Promise<void> {
    this.#closing ??= this.#hold.during(this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['name'], () => ({ isConnected: this.#link.isConnected, ...this.stats() }));
  }

  async #close(): Promise<void> {
    this.#logs.close();
    await this.#presence.close();
    await this.#link.close();
    this.#quietLog.flush();
    this.#hold.close();
  }
}
