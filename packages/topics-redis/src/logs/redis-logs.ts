import type { Clock, Logger } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  BackplaneError,
  type Following,
  type FollowOptions,
  type LogFollower,
  type LogName,
  type NewRecord,
  newEpoch,
  type Page,
  type PageSize,
  type ReadFrom,
  type TopicSettings,
} from '@landspout/topics';
import type { RedisLink } from '../connection/redis-link.ts';
import { cursorOf } from '../cursor.ts';
import { keysOf } from '../keys.ts';
import { closedBeforeNotified, FollowedLogs } from './followed-logs.ts';
import type { ReadMembers } from './followed-presence.ts';
import { IdleCheck, keptMs } from './idle-check.ts';
import { LogReader } from './log-reader.ts';
import { FORMAT_VERSION, textOf, writtenBy } from './replies.ts';
import { RevocationCount } from './revocation-count.ts';
import { APPEND, DELETE, REVOKE } from './topic-scripts.ts';

export interface RedisLogsOptions {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads the members of a topic. */
  readonly readMembers: ReadMembers;
}

/** How much longer than its records and ids a topic lives at least; at most twice as much. */
const MARGIN_MS = 30_000;
/** How long a deleted topic is told from one that Redis has lost. */
const DELETED_MS = 5 * 60_000;

/** The logs of topics and runs in Redis: reading and following them, and what is written to topics. */
export class RedisLogs {
  readonly #options: RedisLogsOptions;
  readonly #reader: LogReader;
  readonly #followed: FollowedLogs;
  readonly #revocations: RevocationCount;
  readonly #idleCheck: IdleCheck;
  readonly #stopWatching: () => void;
  #hasSeenNewer = false;
  #isClosed = false;

  constructor(options: RedisLogsOptions) {
    const { link, prefix, clock, readMembers } = options;
    this.#options = options;
    this.#reader = new LogReader(link, prefix, () => keptMs(this.#followed.size));
    this.#revocations = new RevocationCount(link, prefix);
    this.#followed = new FollowedLogs({
      link,
      prefix,
      clock,
      reader: this.#reader,
      revocations: this.#revocations,
      readMembers,
      onNewer: (log, version) => this.#warnOfNewer(log, version),
    });
    this.#idleCheck = new IdleCheck(clock, this.#followed, () => link.isConnected);
    this.#stopWatching = link.watch({
      lost: () => this.#followed.lost(),
      restored: () => void this.#followed.restored(),
    });
  }

  /** Number of revocations that this process knows of. */
  get revocations(): number {
    return this.#revocations.count;
  }

  /** Number of topics that are followed. */
  get followedTopics(): number {
    return this.#followed.countOf('topic');
  }

  /** Number of runs that are followed. */
  get followedRuns(): number {
    return this.#followed.countOf('run');
  }

  /** Learns of what there was before, and begins to check what is followed. @throws BackplaneError. */
  async start(): Promise<void> {
    await this.#revocations.refresh();
    this.#idleCheck.start();
  }

  async append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    this.#requireOpen('publish');
    const { payload, key = '', id = '' } = record;
    const { maxRecords, maxBytes, maxAgeMs, dedupeMs, maxDedupeIds } = settings;
    const leastMs = Math.max(maxAgeMs, dedupeMs) + MARGIN_MS;
    const limits = [maxRecords, maxBytes, maxAgeMs, dedupeMs, maxDedupeIds].map(String);
    const times = [leastMs, leastMs + MARGIN_MS].map(String);
    const name = topicName(topic);
    const { channel, keys } = this.#topicKeys(name);
    const type = typeof payload === 'string' ? 't' : 'b';
    const args = [channel, newEpoch(), payload, type, key, id, ...limits, ...times];
    const reply = writtenBy(await this.#options.link.run(APPEND, keys, args), name);
    const [epoch, entryId] = [textOf(reply[1]), textOf(reply[2])];
    await this.#reached(channel, epoch, entryId);
    return cursorOf(epoch, entryId);
  }

  async read(log: LogName, from: ReadFrom, size: PageSize): Promise<Page> {
    this.#requireOpen('read');
    return this.#reader.read(log, from, size);
  }

  async follow(log: LogName, follower: LogFollower, options: FollowOptions): Promise<Following> {
    this.#requireOpen('follow');
    return this.#followed.follow(log, this.#channelOf(log), follower, options);
  }

  async delete(topic: string): Promise<void> {
    this.#requireOpen('delete');
    const name = topicName(topic);
    const { channel, keys } = this.#topicKeys(name);
    const args = [channel, newEpoch(), String(DELETED_MS)];
    const [status, epoch] = writtenBy(await this.#options.link.run(DELETE, keys, args), name);
    if (textOf(status) === 'deleted') await this.#followed.find(channel)?.left(textOf(epoch));
  }

  async revoke(topic: string, subject: string | undefined): Promise<void> {
    this.#requireOpen('revoke');
    const name = topicName(topic);
    const { channel, log, meta } = keysOf(this.#options.prefix, name);
    // Counted first: what is followed after this call knows of it.
    const stamp = await this.#revocations.add();
    const args = [channel, String(stamp), subject === undefined ? '' : JSON.stringify(subject)];
    writtenBy(await this.#options.link.run(REVOKE, [log, meta], args), name);
  }

  /**
   * Resolves after the followers of this process were notified of an entry that was appended; at once if the connection
   * is lost, because they are notified when it is back.
   *
   * @throws BackplaneError `ERR_TOPICS_OUTCOME_UNKNOWN` if the backplane is closed before.
   */
  reached(log: LogName, epoch: string, id: string): Promise<void> {
    return this.#reached(this.#channelOf(log), epoch, id);
  }

  /**
   * Resolves after the followers of this process were notified of a change of presence.
   *
   * @param count - as the announcement has it.
   * @throws as {@link reached}.
   */
  async reachedPresence(topic: string, count: number): Promise<void> {
    this.#requireNotified();
    await this.#followed.find(this.#channelOf(topicName(topic)))?.reachedPresence(count);
  }

  /** Ends what is followed with `closed`. The link stays open. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching();
    this.#idleCheck.stop();
    this.#followed.close();
  }

  [INSPECT](): object {
    return inspection(this, ['followedTopics', 'followedRuns', 'revocations']);
  }

  async #reached(channel: string, epoch: string, id: string): Promise<void> {
    this.#requireNotified();
    await this.#followed.find(channel)?.reached(epoch, id);
  }

  #channelOf(log: LogName): string {
    return keysOf(this.#options.prefix, log).channel;
  }

  #topicKeys(name: LogName) {
    const { channel, log, meta } = keysOf(this.#options.prefix, name);
    return { channel, keys: [log, meta, `${channel}:ids`, `${channel}:idtimes`] };
  }

  #requireOpen(operation: string): void {
    if (this.#isClosed)
      throw new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the backplane is closed`);
  }

  #requireNotified(): void {
    if (this.#isClosed) throw closedBeforeNotified();
  }

  /** Once: a process that is to be updated knows it then. */
  #warnOfNewer(log: LogName, version: number): void {
    if (this.#hasSeenNewer) return;
    this.#hasSeenNewer = true;
    this.#options.logger.warn(
      { log, version, ownVersion: FORMAT_VERSION },
      'a newer version of the package has written to Redis; this process reads what it understands and does not write',
    );
  }
}

function topicName(name: string): LogName {
  return { kind: 'topic', name };
}
