import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import { type OptionNames, pickOptions } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isTaskChild } from '@landspout/ioloop/processes';
import { acceptLogger, RateLimitedLog } from '@landspout/ioloop/reactor';
import type { Backplane, BackplaneStats } from '../backplane/backplane.ts';
import { requireBackplane } from '../backplane/require-backplane.ts';
import { BackplaneError, topicsChecks } from '../errors.ts';
import { MemoryBackplane } from '../memory/memory-backplane.ts';
import { LogFeeds } from '../subscription/log-feeds.ts';
import { requireName } from '../topic-name.ts';
import { Memberships } from './memberships.ts';
import { PendingCalls, type PendingLimits } from './pending-calls.ts';
import { type MessageSchema, requireSchema } from './schema.ts';
import { Topic, type TopicServices } from './topic.ts';
import { publishPublished } from './topic-channels.ts';
import {
  DEFAULT_TOPIC_CONFIG,
  patternOf,
  rulesOf,
  TOPIC_CONFIG_NAMES,
  type TopicConfig,
  type TopicRules,
} from './topic-config.ts';

export interface TopicsOptions extends TopicConfig {
  /**
   * Where topics are kept. Default: a {@link MemoryBackplane} of its own, which is closed with the topics. A child of
   * `forkProcesses` logs a warning then, because its topics are not those of the other children.
   */
  readonly backplane?: Backplane;
  /**
   * Settings for the topics that match a pattern, in which `*` stands for any text: the first pattern that matches
   * counts. Default: none.
   */
  readonly configure?: Readonly<Record<string, TopicConfig>>;
  /** How long a publish, join, leave, delete or revoke waits for the backplane, in milliseconds. Default: 5 s. */
  readonly publishTimeoutMs?: number;
  /** Most publishes that the backplane has not settled, also those that are no longer waited for. Default: 1,000. */
  readonly maxPending?: number;
  /** Most bytes of their data; a larger record is published alone. Default: 16 MiB. */
  readonly maxPendingBytes?: number;
  /** Default: the console. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const TOPICS_OPTIONS: OptionNames<TopicsOptions> = {
  ...TOPIC_CONFIG_NAMES,
  backplane: true,
  configure: true,
  publishTimeoutMs: true,
  maxPending: true,
  maxPendingBytes: true,
  logger: true,
  clock: true,
};

const DEFAULT_PUBLISH_TIMEOUT_MS = 5000;
const DEFAULT_MAX_PENDING = 1000;
const DEFAULT_MAX_PENDING_BYTES = 16 * 1024 * 1024;

export interface TopicOptions<Message> {
  /** What is published must satisfy it, and becomes what it returns. Default: everything is accepted. */
  readonly schema?: MessageSchema<Message>;
}

const TOPIC_OPTIONS: OptionNames<TopicOptions<unknown>> = { schema: true };

/** Counts of this process, and of the backplane. */
export interface TopicsStats {
  /** Topics with subscriptions in this process. */
  readonly topics: number;
  readonly subscriptions: number;
  /** Records published by this process. */
  readonly published: number;
  /** Records that subscribers of this process did not get because they were too slow. */
  readonly dropped: number;
  /** Members that have joined in this process. */
  readonly members: number;
  /** Publishes that the backplane has not settled. */
  readonly pending: number;
  readonly backplane: BackplaneStats;
}

/**
 * The message that is published on the channel `landspout.topics.publish` of `node:diagnostics_channel`, after a publish
 * of this process was accepted: the backplane has the record. Published synchronously, in the async context of the
 * caller. If there are no subscribers, it costs one check.
 */
export interface TopicPublishMessage {
  readonly topics: Topics;
  /** The name of the topic. */
  readonly topic: string;
  /** The size of the data, as JSON or bytes. */
  readonly bytes: number;
}

/**
 * Publish and subscribe by name, with a history and cursors: a subscriber that comes back with its cursor gets what it
 * missed and goes on with new records, without a gap or a double in between, or is notified of the gap.
 *
 * Inside the program all calls are trusted. What faces clients has to ask who may do what: see `TopicHandler` of
 * `@landspout/websocket/topics`, and `eventStream` of `@landspout/web`.
 *
 * @example
 * const topics = new Topics({ configure: { 'room:*': { maxRecords: 100 } } });
 * const room = topics.topic<{ text: string }>('room:1');
 * const subscription = await room.subscribe({ last: 20 });
 * await room.publish({ text: 'hello' });
 * for await (const event of subscription) if (event.kind === 'record') console.log(event.data.text);
 */
export class Topics {
  readonly backplane: Backplane;
  readonly #ownsBackplane: boolean;
  readonly #feeds: LogFeeds;
  readonly #pending: PendingCalls;
  readonly #memberships: Memberships;
  readonly #quietLog: RateLimitedLog;
  readonly #services: TopicServices;
  readonly #rules: TopicRules;
  readonly #patterns: readonly { readonly matches: (name: string) => boolean; readonly rules: TopicRules }[];
  #published = 0;
  #isClosed = false;

  /** @throws TopicsUsageError `ERR_TOPICS_USAGE` if an option is unknown or invalid. */
  constructor(options: TopicsOptions = {}) {
    topicsChecks.options('Topics', options, TOPICS_OPTIONS);
    const { clock = systemClock, configure = {} } = options;
    topicsChecks.withMethods('Topics', 'a clock', clock, 'now', 'setTimeout');
    const logger = acceptLogger(
      topicsChecks.withMethods('Topics', 'a logger', options.logger ?? consoleLogger, 'error', 'warn'),
    );
    this.#ownsBackplane = options.backplane === undefined;
    this.backplane =
      options.backplane === undefined
        ? new MemoryBackplane({ clock })
        : requireBackplane('Topics', options.backplane);
    const base = { ...DEFAULT_TOPIC_CONFIG, ...pickOptions<TopicConfig>(options, TOPIC_CONFIG_NAMES) };
    this.#rules = rulesOf('Topics', base, DEFAULT_TOPIC_CONFIG);
    this.#patterns = Object.entries(configure).map(([pattern, config]) => {
      topicsChecks.options(`Topics: configure ${pattern}`, config, TOPIC_CONFIG_NAMES);
      return { matches: patternOf(pattern), rules: rulesOf(`Topics: configure ${pattern}`, config, base) };
    });
    if (this.#ownsBackplane && isTaskChild()) {
      logger.warn(
        {},
        'the topics of this child process are not shared with the other children: pass a ProcessesBackplane as backplane, or a MemoryBackplane if that is meant',
      );
    }
    this.#pending = new PendingCalls(clock, pendingLimitsOf(options));
    this.#feeds = new LogFeeds(this.backplane, { clock, logger });
    this.#quietLog = new RateLimitedLog({ clock, logger });
    const report = (error: unknown, message: string) => this.#quietLog.warn(message, { error }, message);
    const { backplane } = this;
    this.#memberships = new Memberships({ backplane, clock, pending: this.#pending, report });
    this.#services = {
      backplane,
      feeds: this.#feeds,
      pending: this.#pending,
      memberships: this.#memberships,
      requireOpen: (operation) => this.#requireOpen(operation),
      published: (topic, payload) => {
        this.#published += 1;
        publishPublished(this, topic, payload);
      },
      report,
    };
  }

  /**
   * The topic of a name: 1 to 256 bytes of UTF-8 without control characters. It exists as long as it has subscribers,
   * members or a history.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`.
   */
  topic<Message = unknown>(name: string, options: TopicOptions<Message> = {}): Topic<Message> {
    requireName('topic', 'name', name);
    topicsChecks.options('topic', options, TOPIC_OPTIONS);
    const schema = options.schema === undefined ? undefined : requireSchema(options.schema);
    return new Topic(name, this.#services, this.#rulesFor(name), schema);
  }

  /**
   * The number of revocations so far, of any topic and in any process, that this process knows of; see
   * {@link Topic.revocations}.
   */
  get revocations(): number {
    return this.backplane.revocations;
  }

  /**
   * Ends all subscriptions of a topic in all processes (`deleted`), and forgets its history. Its members are members of
   * the new topic of that name until they leave.
   *
   * @throws BackplaneError.
   */
  async delete(name: string): Promise<void> {
    this.#requireOpen('delete');
    requireName('delete', 'name', name);
    await this.#pending.run('delete', 0, () => this.backplane.delete(name));
  }

  /**
   * Ends subscriptions of a topic at once (`revoked`), in all processes, also those that are being made. A client may
   * subscribe again: `authorize` of the door then decides. A door that is asking it at present asks again, so take the
   * permission away first, and then call this.
   *
   * @param subject - only those with this `subject` in their options. Default: all.
   * @throws BackplaneError.
   */
  async revoke(name: string, subject?: string): Promise<void> {
    this.#requireOpen('revoke');
    if (subject !== undefined) requireName('revoke', 'subject', subject);
    requireName('revoke', 'name', name);
    await this.#pending.run('revoke', 0, () => this.backplane.revoke(name, subject));
  }

  stats(): TopicsStats {
    return {
      topics: this.#feeds.followed,
      subscriptions: this.#feeds.subscriptions,
      published: this.#published,
      dropped: this.#feeds.dropped,
      members: this.#memberships.size,
      pending: this.#pending.size,
      backplane: this.backplane.stats(),
    };
  }

  /** The topics with subscriptions in this process whose names match a pattern, and how many each has. */
  subscriptionCounts(pattern = '*'): Map<string, number> {
    const matches = patternOf(pattern);
    const counts = new Map<string, number>();
    for (const { name, subscriptions } of this.#feeds.sizes()) {
      if (matches(name.name)) counts.set(name.name, subscriptions);
    }
    return counts;
  }

  /**
   * Ends all subscriptions of this object (`closed`), and lets its members leave. A backplane that was passed to the
   * constructor stays open.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#feeds.close();
    await this.#memberships.close();
    this.#pending.close();
    this.#quietLog.flush();
    if (this.#ownsBackplane) await this.backplane.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['backplane'], () => ({ subscriptions: this.#feeds.subscriptions }));
  }

  #requireOpen(operation: string): void {
    if (this.#isClosed) throw new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the topics are closed`);
  }

  #rulesFor(name: string): TopicRules {
    for (const { matches, rules } of this.#patterns) if (matches(name)) return rules;
    return this.#rules;
  }
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
function pendingLimitsOf({
  maxPending = DEFAULT_MAX_PENDING,
  maxPendingBytes = DEFAULT_MAX_PENDING_BYTES,
  publishTimeoutMs = DEFAULT_PUBLISH_TIMEOUT_MS,
}: TopicsOptions): PendingLimits {
  return {
    maxPending: topicsChecks.wholeNumber('Topics', 'maxPending', maxPending, 1),
    maxPendingBytes: topicsChecks.wholeNumber('Topics', 'maxPendingBytes', maxPendingBytes, 1),
    timeoutMs: topicsChecks.positiveNumber('Topics', 'publishTimeoutMs', publishTimeoutMs),
  };
}
