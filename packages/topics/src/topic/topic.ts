import { Buffer } from 'node:buffer';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable, onAbort, reportRejection } from '@landspout/ioloop/reactor';
import type { Backplane, LogName } from '../backplane/backplane.ts';
import { topicsChecks } from '../errors.ts';
import { orAborted } from '../or-aborted.ts';
import { frozen, type Payload, type TopicMember } from '../record.ts';
import type { Attachment, SubscriptionSink } from '../subscription/delivery.ts';
import type { LogFeeds } from '../subscription/log-feeds.ts';
import { type History, type HistoryOptions, readHistory } from '../subscription/read-history.ts';
import type { SubscribeOptions } from '../subscription/subscribe-options.ts';
import type { Subscription } from '../subscription/subscription.ts';
import { requireName } from '../topic-name.ts';
import type { Memberships } from './memberships.ts';
import { jsonOf, payloadOf } from './payload.ts';
import type { PendingCalls } from './pending-calls.ts';
import { type MessageSchema, validated } from './schema.ts';
import type { TopicRules } from './topic-config.ts';

export interface PublishOptions {
  /** What the record is about, for subscribers that need only the latest of each key. At most 256 bytes. Default: none. */
  readonly key?: string | undefined;
  /**
   * A second publish with the same id within `dedupeMs` publishes nothing and returns the first cursor. At most 256
   * bytes. Default: none.
   */
  readonly id?: string | undefined;
  /** Stops waiting; the record may be published all the same. */
  readonly signal?: AbortSignal | undefined;
}

const PUBLISH_OPTIONS: OptionNames<PublishOptions> = { key: true, id: true, signal: true };

export interface JoinOptions {
  /** What other members see of this one: JSON of at most 1 KiB. That of the first join counts. Default: none. */
  readonly meta?: unknown;
  /** Leaves when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const JOIN_OPTIONS: OptionNames<JoinOptions> = { meta: true, signal: true };
const MAX_META_BYTES = 1024;

/** One join of a member. */
export interface Membership extends AsyncDisposable {
  /** Leaves. The second call does nothing. @throws BackplaneError; the backplane is called again until it succeeds. */
  leave(): Promise<void>;
}

/** What topics share. */
export interface TopicServices {
  readonly backplane: Backplane;
  readonly feeds: LogFeeds;
  readonly pending: PendingCalls;
  readonly memberships: Memberships;
  /** @throws BackplaneError `ERR_TOPICS_CLOSED`. */
  readonly requireOpen: (operation: string) => void;
  readonly published: (topic: string, payload: Payload) => void;
  readonly report: (error: unknown, message: string) => void;
}

/**
 * One topic. The object is a name with settings: making one costs little and keeps nothing.
 *
 * @example
 * const room = topics.topic<{ text: string }>('room:1');
 * await room.publish({ text: 'hello' });
 */
export class Topic<Message = unknown> {
  readonly name: string;
  readonly #log: LogName;
  readonly #services: TopicServices;
  readonly #rules: TopicRules;
  readonly #schema: MessageSchema<Message> | undefined;

  /** Made by `topics.topic`. */
  constructor(
    name: string,
    services: TopicServices,
    rules: TopicRules,
    schema: MessageSchema<Message> | undefined,
  ) {
    this.name = name;
    this.#log = { kind: 'topic', name };
    this.#services = services;
    this.#rules = rules;
    this.#schema = schema;
  }

  /**
   * The number of revocations of any topic and subject, in any process, that this process knows of. What authorizes a
   * client and then subscribes on its behalf compares it before and after: if it is another one, it asks again.
   */
  get revocations(): number {
    return this.#services.backplane.revocations;
  }

  /**
   * Publishes a record to all subscribers, now and later ones that read the history.
   *
   * @param data - a value that JSON can represent, or bytes. It is copied in the call. Only if the schema validates with
   *   a promise, it is copied after that, and records are in the order in which they were validated.
   * @returns the cursor of the record, after the backplane has it.
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_INVALID_DATA`; TopicsLimitError
   *   `ERR_TOPICS_RECORD_TOO_LARGE`, `ERR_TOPICS_TOO_MANY_TOPICS`; BackplaneError: with `ERR_TOPICS_OUTCOME_UNKNOWN` the
   *   record may have been published, with other codes it was not.
   */
  async publish(data: Message, options: PublishOptions = {}): Promise<string> {
    topicsChecks.options('publish', options, PUBLISH_OPTIONS);
    const { key, id, signal } = options;
    if (key !== undefined) requireName('publish', 'key', key);
    if (id !== undefined) requireName('publish', 'id', id);
    topicsChecks.signal('publish', signal);
    const { backplane, pending, requireOpen, published } = this.#services;
    requireOpen('publish');
    const outcome = this.#schema === undefined ? data : validated(this.name, this.#schema, data);
    const checked: unknown = isThenable(outcome) && this.#schema !== undefined ? await outcome : outcome;
    const payload = payloadOf('publish', checked, this.#rules.maxRecordBytes);
    signal?.throwIfAborted();
    const append = () => backplane.append(this.name, { payload, key, id }, this.#rules.log);
    const cursor = await orAborted(pending.run('publish', payload.length, append), signal);
    published(this.name, payload);
    return cursor;
  }

  /**
   * Subscribes, for reading with `for await`. Nothing is lost or doubled between the history and new records.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`;
   *   BackplaneError; the reason of the signal.
   */
  subscribe(options?: SubscribeOptions): Promise<Subscription<Message>> {
    return this.#services.feeds.subscribe<Message>(this.#log, options);
  }

  /**
   * Reads what the topic has now, without subscribing.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; BackplaneError.
   */
  async history(options: HistoryOptions = {}): Promise<History<Message>> {
    const { backplane, requireOpen } = this.#services;
    requireOpen('history');
    return readHistory(backplane, this.#log, options);
  }

  /** Subscribes, for very many subscriptions: events are pushed to `sink`, after a first `resume()` of the result. */
  attach(sink: SubscriptionSink, options?: SubscribeOptions): Promise<Attachment> {
    return this.#services.feeds.attach(this.#log, sink, options);
  }

  /**
   * Adds a member. Joins of the same member are counted, and only the first is announced to subscribers that ask for
   * presence; its last leave is announced `leaveDelayMs` later, unless it is back.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`; TopicsLimitError `ERR_TOPICS_TOO_MANY_MEMBERS`; BackplaneError; the
   *   reason of the signal. The member has not joined then; if the backplane takes the join later, it leaves again.
   */
  async join(member: string, options: JoinOptions = {}): Promise<Membership> {
    topicsChecks.options('join', options, JOIN_OPTIONS);
    requireName('join', 'member', member);
    const { meta, signal } = options;
    topicsChecks.signal('join', signal);
    signal?.throwIfAborted();
    const joining: TopicMember = frozen(meta === undefined ? { member } : { member, meta: copiedMeta(meta) });
    const { memberships, requireOpen, report } = this.#services;
    requireOpen('join');
    const { presence } = this.#rules;
    let hasLeft = false;
    let forgetSignal = (): void => {};
    const leave = async (): Promise<void> => {
      if (hasLeft) return;
      hasLeft = true;
      forgetSignal();
      await memberships.leave(this.name, member);
    };
    const leaveLater = (): void =>
      reportRejection(leave(), (error) => report(error, 'a member could not leave its topic'));
    await orAborted(memberships.join(this.name, joining, presence), signal, leaveLater);
    forgetSignal = onAbort(signal, leaveLater);
    return { leave, [Symbol.asyncDispose]: leave };
  }

  /** The members at this moment. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`; BackplaneError. */
  async members(): Promise<readonly TopicMember[]> {
    const nothing = () => {};
    const follower = { record: nothing, gap: nothing, ended: nothing };
    const following = await this.#services.backplane.follow(this.#log, follower, { presence: true });
    following.close();
    return following.members;
  }

  [INSPECT](): object {
    return inspection(this, ['name']);
  }
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
function copiedMeta(meta: unknown): unknown {
  const text = jsonOf('join', meta);
  if (Buffer.byteLength(text) <= MAX_META_BYTES) return JSON.parse(text);
  throw topicsChecks.wrong('join', `meta: JSON of at most ${MAX_META_BYTES} bytes`, meta);
}
