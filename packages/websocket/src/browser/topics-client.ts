import { retryDelay } from './backoff.ts';
import { isTemporary, TopicsError } from './errors.ts';
import type {
  Frame,
  RunSubscription,
  TopicEvent,
  TopicHandlers,
  TopicPosition,
  TopicSubscription,
} from './events.ts';
import { Feed, type FeedField } from './feed.ts';
import { HttpReader, type Obstacle } from './http-reading.ts';
import {
  settingsOf,
  type TopicsClientOptions,
  type TopicsSettings,
  type TopicsState,
  type TopicsTransport,
} from './options.ts';
import { Outbox, type PublishOptions } from './outbox.ts';
import { callBack, platform } from './platform.ts';
import { LEAST_FAILURES, SocketLink } from './socket-link.ts';

/** WebSockets in a row over which nothing has arrived, before another transport is tried. */
const MAX_SILENT_LINKS = 2;

/** How long a connection may be silent when a page comes back before it is replaced, in milliseconds. */
const PROMPT_PING_MS = 5_000;

/** Events that `read` keeps for a slow loop; later ones are asked for when the loop has caught up. */
const MAX_UNREAD = 1_000;

/**
 * Subscribes to the topics and runs of a server, and publishes: from a browser, a worker, or Node.
 *
 * All subscriptions share one WebSocket. When it is lost, the client connects again, and each subscription goes on after
 * its last record: none is lost, doubled or out of order, unless the server reports a gap. If no WebSocket can be opened,
 * records arrive by an event stream for each subscription or, where a proxy holds those back, by long poll, and each
 * publish is a POST request. The WebSocket is tried again from time to time.
 *
 * The client connects when there is something to do, and does not give up until {@link close} is called.
 *
 * @example
 * const topics = new TopicsClient('/live');
 * topics.subscribe<{ text: string }>('room:1', { last: 20, onRecord: ({ text }) => console.log(text) });
 * await topics.publish('room:1', { text: 'hello' });
 */
export class TopicsClient {
  readonly #url: string;
  /** The URL, absolute and for HTTP; empty until it is needed, because a page that is rendered on a server has no base. */
  #base = '';
  readonly #settings: TopicsSettings;
  readonly #outbox: Outbox;
  readonly #feeds = new Map<string, Feed>();
  #state: TopicsState = 'waiting';
  /** What was reported last. */
  #status = '';
  /** An index of the transports; above 0 while the WebSocket does not work. */
  #level = 0;
  /** The WebSocket, also while it is being opened. */
  #link: SocketLink | undefined = undefined;
  #silentLinks = 0;
  /** Whether feeds and publishes use HTTP now. */
  #usesHttp = false;
  /** Attempts in a row after which no subscription or publish has succeeded. */
  #failures = 0;
  /** For the next attempt. */
  #timer: unknown = undefined;

  /**
   * Opens nothing yet.
   *
   * @param url - of the server's handler; may be relative to the page.
   * @throws TopicsError `ERR_TOPICS_BAD_OPTION`
   */
  constructor(url: string, options: TopicsClientOptions = {}) {
    this.#url = url;
    this.#settings = settingsOf(options);
    this.#outbox = new Outbox(this.#settings, () => this.#send());
    platform.addEventListener?.('online', this.#onReturn);
    platform.document?.addEventListener?.('visibilitychange', this.#onReturn);
  }

  get state(): TopicsState {
    return this.#state;
  }

  /** The transport that is open; `undefined` in other states. */
  get transport(): TopicsTransport | undefined {
    return this.#state === 'open' ? this.#settings.transports[this.#level] : undefined;
  }

  /** The round trip of the last ping over this WebSocket, in milliseconds; `undefined` before the first, and over HTTP. */
  get roundTripMs(): number | undefined {
    return this.#link?.roundTripMs;
  }

  /**
   * Subscribes to a topic, until the server ends it or the subscription is closed.
   *
   * @typeParam Message - the data of its records; it is not checked.
   * @throws TopicsError `ERR_TOPICS_DUPLICATE` or `ERR_TOPICS_CLOSED`; TypeError if the URL of the client is invalid.
   */
  subscribe<Message>(topic: string, handlers: TopicHandlers<Message>): TopicSubscription {
    return this.#subscription(this.#add('topic', topic, handlers as TopicHandlers<unknown>));
  }

  /** Reads a run to its end, by default from its start. See {@link subscribe}. */
  run<Message>(id: string, handlers: TopicHandlers<Message>): RunSubscription {
    const subscription = this.#subscription(this.#add('run', id, handlers as TopicHandlers<unknown>));
    return Object.assign(subscription, { cancel: () => this.#call('cancel', 'run', id) });
  }

  /**
   * Reads a topic in a loop. It ends after the end of the topic and when the client is closed; leaving it closes the
   * subscription. If the loop is slow, the server is asked to go on when it has caught up.
   *
   * @throws TopicsError as `onError` and {@link subscribe}.
   */
  read<Message>(
    topic: string,
    position?: TopicPosition,
  ): AsyncGenerator<TopicEvent<Message>, void, undefined> {
    return this.#read('topic', topic, position) as AsyncGenerator<TopicEvent<Message>, void, undefined>;
  }

  /** Reads a run in a loop. See {@link read}. */
  readRun<Message>(
    id: string,
    position?: TopicPosition,
  ): AsyncGenerator<TopicEvent<Message>, void, undefined> {
    return this.#read('run', id, position) as AsyncGenerator<TopicEvent<Message>, void, undefined>;
  }

  /**
   * Publishes a record. It is sent again, with the same `ref`, until the server has acknowledged it: over lost
   * connections it is neither doubled nor dropped silently. Publishes are sent in the order of the calls; one that the
   * server refuses for the moment, because there are too many, may come after later ones.
   *
   * @param data - JSON, encoded at once.
   * @returns the cursor of the record.
   * @throws TopicsError with a code of the server if it refuses the record; otherwise `ERR_TOPICS_QUEUE_FULL`,
   *   `ERR_TOPICS_TIMEOUT`, `ERR_TOPICS_OUTCOME_UNKNOWN`, `ERR_TOPICS_REFUSED` or `ERR_TOPICS_CLOSED`.
   */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<string> {
    return this.#call('pub', 'topic', topic, data, options);
  }

  /** Closes everything: subscriptions without a callback, and publishes reject with `ERR_TOPICS_CLOSED`. */
  close(): void {
    if (this.#state === 'closed') return;
    platform.removeEventListener?.('online', this.#onReturn);
    platform.document?.removeEventListener?.('visibilitychange', this.#onReturn);
    this.#disconnect();
    const feeds = [...this.#feeds.values()];
    this.#feeds.clear();
    this.#set('closed');
    this.#outbox.close(closedError());
    for (const feed of feeds) feed.onClosed?.();
  }

  // ---- subscriptions and calls ----

  #add(field: FeedField, name: string, handlers: TopicHandlers<unknown>, onClosed?: () => void): Feed {
    this.#check();
    const feed = new Feed(field, name, handlers, onClosed);
    if (this.#feeds.get(feed.key)?.isDone === false)
      throw new TopicsError(
        'ERR_TOPICS_DUPLICATE',
        `there is a subscription of the ${field} ${name}: close it first`,
      );
    this.#feeds.set(feed.key, feed);
    this.#attach(feed);
    return feed;
  }

  #check(): void {
    if (this.#state === 'closed') throw closedError();
    this.#base ||= new platform.URL(this.#url, platform.location?.href).href.replace(/^ws/, 'http');
  }

  #subscription(feed: Feed): TopicSubscription {
    return {
      get cursor() {
        return feed.cursor;
      },
      close: () => this.#remove(feed),
    };
  }

  async *#read(field: FeedField, name: string, position?: TopicPosition) {
    const events: TopicEvent<unknown>[] = [];
    let wake = () => {};
    let isClosed = false;
    let failure: Error | undefined;
    const add = (event: TopicEvent<unknown>) => {
      if (events.push(event) >= MAX_UNREAD) {
        feed.isPaused = true;
        this.#detach(feed);
      }
      wake();
    };
    const onRecord = (data: unknown, cursor: string) => add({ kind: 'record', data, cursor });
    const onError = (error: Error) => {
      failure = error;
      wake();
    };
    const feed = this.#add(field, name, { ...position, onRecord, onGap: add, onEnd: add, onError }, () => {
      isClosed = true;
      wake();
    });
    try {
      for (;;) {
        for (let event = events.shift(); event; event = events.shift()) yield event;
        if (failure) throw failure;
        if (isClosed || feed.isDone) return;
        if (feed.isPaused) {
          feed.isPaused = false;
          this.#attach(feed);
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#remove(feed);
    }
  }

  async #call(
    op: 'pub' | 'cancel',
    field: FeedField,
    name: string,
    data?: unknown,
    options: PublishOptions = {},
  ): Promise<string> {
    this.#check();
    const done = this.#outbox.add(op, field, name, data, options);
    this.#send();
    return done;
  }

  // ---- over the transport that there is ----

  #attach(feed: Feed): void {
    if (feed.isPaused) return;
    const link = this.#link;
    if (link?.isOpen) {
      feed.release();
      feed.id = link.nextId();
      link.send(JSON.stringify({ op: 'sub', ...feed.request, id: feed.id }));
    } else if (this.#usesHttp) void this.#readOverHttp(feed);
    else this.#start();
  }

  #detach(feed: Feed): void {
    const link = this.#link;
    if (link?.isOpen && feed.id)
      link.send(JSON.stringify({ op: 'unsub', [feed.field]: feed.name, id: link.nextId() }));
    feed.release();
  }

  #remove(feed: Feed): void {
    if (this.#feeds.get(feed.key) === feed) this.#feeds.delete(feed.key);
    if (!feed.isDone) this.#detach(feed);
    feed.isDone = true;
  }

  #fail(feed: Feed, error: Error): void {
    feed.id = 0;
    this.#remove(feed);
    callBack(feed.handlers.onError, error);
  }

  #send(): void {
    const link = this.#link;
    if (this.#outbox.isEmpty) return;
    if (link?.isOpen) this.#outbox.send(link);
    else if (this.#usesHttp) void this.#post();
    else this.#start();
  }

  async #readOverHttp(feed: Feed): Promise<void> {
    const isStream = this.#settings.transports[this.#level] === 'event-stream';
    const reader = new HttpReader(feed, this.#base, isStream, this.#settings, () => this.#succeeded());
    try {
      const obstacle = await reader.run();
      if (feed.isDone) this.#remove(feed);
      if (obstacle) this.#give(obstacle);
    } catch (error) {
      this.#fail(feed, error as Error);
    }
  }

  async #post(): Promise<void> {
    const isReached = await this.#outbox.post(this.#base, () => this.#usesHttp);
    if (!this.#usesHttp) return;
    if (isReached) this.#succeeded();
    else this.#give('gone');
  }

  // ---- connecting ----

  /** Begins with the transport of this level, unless an attempt is being made or waited for. */
  #start(): void {
    if (this.#link || this.#usesHttp || this.#timer !== undefined) return;
    if (this.#settings.transports[this.#level] === 'websocket') return this.#open();
    this.#usesHttp = true;
    this.#retrySocket();
    this.#set('connecting');
    for (const feed of [...this.#feeds.values()]) this.#attach(feed);
    this.#send();
  }

  #open(): void {
    if (!this.#usesHttp) this.#set('connecting');
    if (this.#state === 'closed') return;
    try {
      this.#link = new SocketLink(this.#base, this.#outbox.origin, this.#settings, {
        onOpen: () => this.#opened(),
        onFrame: (frame) => this.#receive(frame),
        onLost: (code) => this.#lost(code),
      });
    } catch {
      this.#lost();
    }
  }

  #opened(): void {
    for (const feed of this.#feeds.values()) feed.release();
    this.#usesHttp = false;
    this.#level = 0;
    this.#set('open');
    for (const feed of [...this.#feeds.values()]) this.#attach(feed);
    this.#send();
  }

  #lost(code?: number): void {
    this.#silentLinks = this.#link?.hasHeard ? 0 : this.#silentLinks + 1;
    this.#link = undefined;
    if (this.#usesHttp) return this.#retrySocket();
    for (const feed of this.#feeds.values()) feed.release();
    this.#outbox.lost(code);
    if (this.#silentLinks >= MAX_SILENT_LINKS && this.#settings.transports.length > 1) {
      this.#level = 1;
      this.#start();
    } else this.#wait(code);
  }

  /** HTTP is given up, or this way of it. */
  #give(obstacle: Obstacle): void {
    if (!this.#usesHttp) return;
    this.#disconnect();
    if (obstacle === 'mute' && this.#level + 1 < this.#settings.transports.length) {
      this.#level += 1;
      this.#start();
    } else {
      this.#level = 0;
      this.#wait();
    }
  }

  #disconnect(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#usesHttp = false;
    this.#stopTimer();
    for (const feed of this.#feeds.values()) feed.release();
  }

  #wait(code = 0): void {
    if (this.#feeds.size < 1 && this.#outbox.isEmpty) return this.#set('waiting');
    const delayMs = retryDelay(this.#settings, Math.max(this.#failures, LEAST_FAILURES[code] ?? 0));
    this.#failures += 1;
    this.#later(delayMs, () => this.#start());
    this.#set('waiting', delayMs);
  }

  /** Tries the WebSocket again while HTTP is used. */
  #retrySocket(): void {
    if (this.#level > 0) this.#later(this.#settings.webSocketRetryMs, () => this.#open());
  }

  #later(delayMs: number, callback: () => void): void {
    this.#stopTimer();
    this.#timer = this.#settings.timers.setTimeout(() => {
      this.#timer = undefined;
      callback();
    }, delayMs);
  }

  #stopTimer(): void {
    this.#settings.timers.clearTimeout(this.#timer as never);
    this.#timer = undefined;
  }

  /** The network or the page is back: a wait ends, and a connection shows whether it still is one. */
  readonly #onReturn = (): void => {
    if (platform.document?.hidden) return;
    const link = this.#link;
    if (link?.isOpen) link.ping(PROMPT_PING_MS);
    else if (!link && this.#timer !== undefined) {
      this.#stopTimer();
      if (this.#usesHttp) this.#open();
      else this.#start();
    }
  };

  #succeeded(): void {
    this.#failures = 0;
    this.#set('open');
  }

  #set(state: TopicsState, retryInMs?: number): void {
    this.#state = state;
    const { transport } = this;
    const status = state + transport + retryInMs;
    if (status === this.#status) return;
    this.#status = status;
    callBack(this.#settings.onState, { state, transport, retryInMs });
  }

  // ---- frames ----

  #receive(frame: Frame): void {
    const { op, id, topic, run, code, message } = frame;
    if (op !== 'ok' && op !== 'err') {
      const feed = this.#feeds.get(run === undefined ? `topic${topic}` : `run${run}`);
      if (!feed?.isLive) return;
      feed.take(op, frame);
      if (feed.isDone) this.#remove(feed);
      return;
    }
    const error = op === 'err' ? new TopicsError(String(code), String(message)) : undefined;
    const feed = [...this.#feeds.values()].find((one) => one.id && one.id === id);
    if (!feed) {
      if (this.#outbox.reply(frame, error)) this.#failures = 0;
      return this.#send();
    }
    if (!error) {
      feed.isLive = true;
      feed.failures = this.#failures = 0;
    } else if (isTemporary(error.code)) {
      feed.failures += 1;
      feed.wait(this.#settings, () => this.#attach(feed), retryDelay(this.#settings, feed.failures));
    } else this.#fail(feed, error);
  }
}

function closedError(): TopicsError {
  return new TopicsError('ERR_TOPICS_CLOSED', 'the TopicsClient is closed');
}
