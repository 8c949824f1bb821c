import type { Clock, Logger } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort, RateLimitedLog } from '@landspout/ioloop/reactor';
import type { Backplane, LogName, Page, PageSize } from '../backplane/backplane.ts';
import { BackplaneError } from '../errors.ts';
import { orAborted } from '../or-aborted.ts';
import type { TopicGap } from '../record.ts';
import { type Attachment, Delivery, type SubscriptionSink } from './delivery.ts';
import { type FeedServices, LogFeed, type PendingSubscription } from './log-feed.ts';
import { planSubscription, type SubscribeOptions, type SubscriptionPlan } from './subscribe-options.ts';
import { Subscription } from './subscription.ts';

const FIRST_PAGE: PageSize = { maxRecords: 256, maxBytes: 1024 * 1024 };

/** All subscriptions of this process to the logs of one backplane: each log is followed once. */
export class LogFeeds {
  readonly #services: FeedServices;
  /** By kind and name. The promise is that of opening the feed. */
  readonly #feeds = new Map<string, { readonly feed: LogFeed; readonly opened: Promise<void> }>();
  /** Feeds of logs that have ended, as long as they have subscriptions. */
  readonly #ended = new Set<LogFeed>();
  #isClosed = false;

  constructor(backplane: Backplane, target: { readonly clock: Clock; readonly logger: Logger }) {
    this.#services = {
      backplane,
      clock: target.clock,
      log: new RateLimitedLog(target),
      counts: { dropped: 0 },
    };
  }

  /** Number of logs that are followed. */
  get followed(): number {
    return this.#feeds.size;
  }

  get subscriptions(): number {
    let count = 0;
    for (const { feed } of this.#feeds.values()) count += feed.size;
    for (const feed of this.#ended) count += feed.size;
    return count;
  }

  /** Number of records that were dropped because subscribers were too slow. */
  get dropped(): number {
    return this.#services.counts.dropped;
  }

  /** The number of subscriptions of each log that is followed. */
  *sizes(): IterableIterator<{ readonly name: LogName; readonly subscriptions: number }> {
    for (const { feed } of this.#feeds.values()) yield { name: feed.name, subscriptions: feed.size };
  }

  /**
   * Subscribes; the events are pushed to `sink` after `resume()` was called.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; RunError `ERR_RUN_NOT_FOUND`; TopicsLimitError
   *   `ERR_TOPICS_TOO_MANY_TOPICS`; BackplaneError; the reason of the signal. There is no subscription then.
   */
  async attach(name: LogName, sink: SubscriptionSink, options: SubscribeOptions = {}): Promise<Attachment> {
    const plan = planSubscription(options);
    plan.signal?.throwIfAborted();
    return orAborted(this.#attach(name, sink, plan), plan.signal, (late) => late.close());
  }

  /** Subscribes; the events are read from the result. Errors as {@link attach}. */
  async subscribe<Message>(name: LogName, options: SubscribeOptions = {}): Promise<Subscription<Message>> {
    const subscription = new Subscription<Message>(options.policy ?? 'wait');
    subscription.start(await this.attach(name, subscription, options), options.signal);
    return subscription;
  }

  /** Ends all subscriptions with `closed`. */
  close(): void {
    this.#isClosed = true;
    for (const { feed } of this.#feeds.values()) feed.close();
    this.#feeds.clear();
    for (const feed of this.#ended) feed.close();
    this.#ended.clear();
    this.#services.log.flush();
  }

  [INSPECT](): object {
    return inspection(this, ['followed', 'subscriptions', 'dropped']);
  }

  async #attach(name: LogName, sink: SubscriptionSink, plan: SubscriptionPlan): Promise<Delivery> {
    const pending: PendingSubscription = { subject: plan.rules.subject, isRevoked: false };
    for (;;) {
      if (this.#isClosed) throw new BackplaneError('ERR_TOPICS_CLOSED', 'subscribe: the topics are closed');
      const { feed, opened } = this.#open(name);
      const delivery = await feed.hold(pending, async () => {
        await opened;
        return this.#deliveryOf(feed, sink, plan);
      });
      if (this.#isClosed) {
        // It was closed while the subscription was being made.
        delivery?.close();
        continue;
      }
      // Otherwise the topic was deleted meanwhile: a new log has begun.
      if (delivery !== undefined) return delivery;
    }
  }

  #open(name: LogName): { readonly feed: LogFeed; readonly opened: Promise<void> } {
    const key = `${name.kind}:${name.name}`;
    let entry = this.#feeds.get(key);
    if (entry !== undefined) return entry;
    const feed = new LogFeed(name, this.#services, () => {
      if (this.#feeds.get(key)?.feed === feed) this.#feeds.delete(key);
      if (feed.isEmpty) this.#ended.delete(feed);
      else this.#ended.add(feed);
    });
    entry = { feed, opened: feed.open() };
    this.#feeds.set(key, entry);
    return entry;
  }

  /** @returns undefined if the topic has ended. */
  async #deliveryOf(
    feed: LogFeed,
    sink: SubscriptionSink,
    plan: SubscriptionPlan,
  ): Promise<Delivery | undefined> {
    const isTopic = feed.name.kind === 'topic';
    if (plan.presence && isTopic) await feed.watchPresence();
    const { from } = plan;
    const isLive = from === undefined || ('after' in from && from.after === feed.cursor);
    // Added before the history is read, so that no record is missed in between.
    const delivery = new Delivery(feed, sink, plan.rules, feed.cursor);
    if (isTopic && feed.end !== undefined) return undefined;
    const reading = !isLive || feed.end !== undefined ? delivery.startReading() : undefined;
    feed.add(delivery);
    const { signal } = plan;
    if (signal !== undefined) delivery.setOnClose(onAbort(signal, () => delivery.close()));
    if (reading !== undefined) {
      try {
        const page: Page = await feed.read(from ?? { after: feed.cursor }, FIRST_PAGE);
        delivery.startWith(reading, page, plan.isInvalidCursor ? invalidCursorGap(page) : undefined);
      } catch (error) {
        delivery.close();
        throw error;
      }
    }
    if (plan.presence && isTopic) delivery.startWithPresence();
    return delivery;
  }
}

function invalidCursorGap(page: Page): TopicGap {
  return { kind: 'gap', reason: 'reset', cursor: page.start };
}
