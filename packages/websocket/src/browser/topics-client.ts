import { isTemporary, TopicsError } from './errors.ts';
import type { Frame, RunSubscription, TopicHandlers, TopicSubscription } from './events.ts';
import { createFeed, type Feed, keyOf } from './feed.ts';
import { type HttpRequest, JSON_TYPE, readOverHttp, sendRequest } from './http-requests.ts';
import {
  settingsOf,
  type TopicsClientOptions,
  type TopicsSettings,
  type TopicsState,
  type TopicsTransport,
} from './options.ts';
import { type Call, createOutbox, type Outbox, type PublishOptions } from './outbox.ts';
import { callBack, platform } from './platform.ts';
import { openLink, type SocketLink } from './socket-link.ts';
import {
  CONNECT_LIMIT_MS,
  MAX_IN_FLIGHT,
  MAX_SILENT_LINKS,
  PROMPT_PING_MS,
  retryDelay,
  SOCKET_RETRY_MS,
  WHEN_BUSY,
} from './timing.ts';

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

  readonly #settings: TopicsSettings;
  readonly #outbox: Outbox;
  readonly #feeds = new Map<string, Feed>();
  #state: TopicsState = 'waiting';
  /** An index of the transports; above 0 while the WebSocket does not work. */
  #level = 0;
  /** The WebSocket, also while it is being opened. */
  #link: SocketLink | undefined;
  #silentLinks = 0;
  /** Whether feeds and calls use HTTP now. */
  #usesHttp = false;
  /** The last POST or DELETE. */
  #request: HttpRequest | undefined;
  /** Attempts in a row after which no subscription or call has succeeded. */
  #failures = 0;
  /** Of the wait for the next attempt. */
  #stopTimer: (() => void) | undefined;

  /**
   * Opens nothing yet.
   *
   * @param url - of the server's handler, with http or https; may be relative to the page.
   * @throws TopicsError `ERR_TOPICS_BAD_OPTION`; TypeError if the URL is invalid, or is relative and there is no page.
   */
  constructor(url: string, options: TopicsClientOptions = {}) {
    this.#url = new platform.URL(url, platform.location?.href).href;
    this.#settings = settingsOf(options);
    this.#outbox = createOutbox(this.#settings, () => this.#flush());
    this.#listen('addEventListener');
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
   * @param handlers - default: none, for a program that only reads `cursor`.
   * @throws TopicsError `ERR_TOPICS_BAD_OPTION` if the handlers are no object, `ERR_TOPICS_DUPLICATE` or
   *   `ERR_TOPICS_CLOSED`.
   */
  subscribe<Message>(topic: string, handlers: TopicHandlers<Message> = {}): TopicSubscription {
    return this.#subscribe({ topic }, handlers as TopicHandlers<unknown>);
  }

  /** Reads a run to its end, by default from its start. See {@link subscribe}. */
  run<Message>(id: string, handlers: TopicHandlers<Message> = {}): RunSubscription {
    return this.#subscribe({ run: id }, handlers as TopicHandlers<unknown>);
  }

  /**
   * Publishes a record. It is sent again, with the same `ref`, until the server has acknowledged it: over lost
   * connections it is neither doubled nor dropped silently. Publishes are sent in the order of the calls; one that the
   * server refuses for the moment, because there are too many, may come after later ones that were on their way. After
   * that they are sent one at a time, and up to 16 at a time again as the server acknowledges them.
   *
   * @param data - JSON, encoded at once.
   * @returns the cursor of the record.
   * @throws TopicsError with a code of the server if it refuses the record; otherwise `ERR_TOPICS_QUEUE_FULL`,
   *   `ERR_TOPICS_RECORD_TOO_LARGE`, `ERR_TOPICS_TIMEOUT`, `ERR_TOPICS_OUTCOME_UNKNOWN`, `ERR_TOPICS_REFUSED` or
   *   `ERR_TOPICS_CLOSED`.
   */
  publish(topic: string, data: unknown, options?: PublishOptions): Promise<string> {
    return this.#call({ op: 'pub', topic, data }, options);
  }

  /** Closes everything: `onError` of each subscription is called, and each publish rejects, with `ERR_TOPICS_CLOSED`. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#listen('removeEventListener');
    this.#disconnect();
    this.#request?.abort();
    this.#set('closed');
    const error = new TopicsError('ERR_TOPICS_CLOSED');
    this.#outbox.close(error);
    for (const feed of this.#feeds.values()) feed.fail(error);
  }

  // ---- subscriptions and calls ----

  #subscribe(name: Feed['name'], handlers: TopicHandlers<unknown>): RunSubscription {
    this.#requireOpen();
    // A program without types may pass a function, which would never be called.
    if (typeof (handlers ?? 0) !== 'object') throw new TopicsError('ERR_TOPICS_BAD_OPTION', 'handlers');
    const key = keyOf(name);
    if (this.#feeds.has(key)) throw new TopicsError('ERR_TOPICS_DUPLICATE', key);
    const feed = createFeed(name, handlers, () => this.#feeds.delete(key));
    this.#feeds.set(key, feed);
    this.#attach(feed);
    return {
      get cursor() {
        return feed.cursor;
      },
      close: () => feed.close(),
      // Only for runs; the type of a topic does not have it.
      cancel: () => this.#call({ op: 'cancel', ...name }),
    };
  }

  async #call(frame: Call['frame'], options: PublishOptions = {}): Promise<string> {
    this.#requireOpen();
    const done = this.#outbox.add(frame, options);
    this.#flush();
    return done;
  }

  #requireOpen(): void {
    if (this.#state === 'closed') throw new TopicsError('ERR_TOPICS_CLOSED');
  }

  // ---- over the transport that there is ----

  #attach(feed: Feed): void {
    if (this.#link?.isOpen) this.#attachTo(this.#link, feed);
    else if (this.#usesHttp) void this.#readOverHttp(feed);
    else this.#start();
  }

  #attachTo(link: SocketLink, feed: Feed): void {
    let stopTimer: (() => void) | undefined;
    let isReleased = false;
    feed.release = () => {
      if (isReleased) return;
      isReleased = true;
      feed.isLive = false;
      stopTimer?.();
      if (link.isOpen) link.send({ op: 'unsub', ...feed.name });
    };
    link.send({ op: 'sub', ...feed.request() }, (error) => {
      if (isReleased) return;
      if (!error) {
        feed.isLive = true;
        this.#failures = 0;
      } else if (isTemporary(error.code)) {
        stopTimer = this.#settings.later(retryDelay(this.#settings, WHEN_BUSY), () =>
          this.#attachTo(link, feed),
        );
      } else feed.fail(error);
    });
  }

  async #readOverHttp(feed: Feed): Promise<void> {
    const isStream = this.#settings.transports[this.#level] === 'event-stream';
    try {
      const isStuck = await readOverHttp(feed, this.#url, isStream, this.#settings, () => this.#succeeded());
      if (isStuck) this.#next(1);
    } catch (error) {
      feed.fail(error);
    }
  }

  /** Sends what waits in the outbox. */
  #flush(): void {
    const link = this.#link;
    if (!this.#outbox.size()) return;
    if (link?.isOpen)
      this.#outbox.send(MAX_IN_FLIGHT, (call) => {
        link.send(call.frame, (error, frame) => {
          this.#outbox.settle(call, error, frame);
          if (!error) this.#failures = 0;
          this.#flush();
        });
      });
    else if (this.#usesHttp) this.#outbox.send(1, (call) => this.#post(call));
    else this.#start();
  }

  async #post(call: Call): Promise<void> {
    const { op, data, ref, ...target } = call.frame;
    const headers = {
      Accept: JSON_TYPE,
      'Content-Type': JSON_TYPE,
      'X-Xsrftoken': this.#settings.xsrfToken() ?? '',
    };
    const what =
      op === 'pub' ? { method: 'POST', body: JSON.stringify({ data, ref }) } : { method: 'DELETE' };
    const request = sendRequest(this.#settings, this.#url, target, { ...what, headers }, CONNECT_LIMIT_MS);
    this.#request = request;
    try {
      this.#outbox.settle(call, false, (await (await request.response).json()) as Frame);
      if (this.#usesHttp) this.#succeeded();
    } catch (error) {
      if (error instanceof TopicsError) this.#outbox.settle(call, error);
      else {
        call.isSent = false;
        if (this.#usesHttp) this.#next(1);
      }
    }
    request.abort();
    // A pause is for HTTP then.
    if (!this.#usesHttp) this.#outbox.resume();
    this.#flush();
  }

  // ---- connecting ----

  /** Begins with the transport of this level, unless an attempt is being made or waited for. */
  #start(): void {
    if (this.#link || this.#stopTimer) return;
    if (this.#usesHttp || this.#settings.transports[this.#level] === 'websocket') {
      if (!this.#usesHttp) this.#set('connecting');
      if (this.#state === 'closed') return;
      try {
        this.#link = openLink(
          this.#url,
          this.#settings,
          () => {
            this.#usesHttp = false;
            this.#level = 0;
            for (const feed of this.#feeds.values()) {
              feed.release?.();
              this.#attach(feed);
            }
            this.#set('open');
            this.#outbox.resume();
            this.#flush();
          },
          (frame) => {
            const feed = this.#feeds.get(keyOf(frame));
            if (feed?.isLive) feed.take(frame.op, frame);
          },
          (code) => this.#lost(code),
        );
      } catch {
        this.#lost();
      }
    } else {
      this.#usesHttp = true;
      this.#retrySocket();
      this.#set('connecting');
      for (const feed of this.#feeds.values()) this.#attach(feed);
      this.#flush();
    }
  }

  #lost(code?: number): void {
    this.#silentLinks = this.roundTripMs === undefined ? this.#silentLinks + 1 : 0;
    this.#link = undefined;
    if (this.#usesHttp) this.#retrySocket();
    else {
      this.#outbox.lost(code);
      this.#next(this.#silentLinks < MAX_SILENT_LINKS ? 0 : 1, code);
    }
  }

  /** Goes on with another transport or, if it is the first, waits. @param step - 1 for the next one, 0 for the same. */
  #next(step: number, code = 0): void {
    this.#disconnect();
    this.#level = (this.#level + step) % this.#settings.transports.length;
    if (this.#level) this.#start();
    else if (this.#feeds.size + this.#outbox.size()) {
      // What a server closes, it often closes for all of its clients at once. Without it, the network is the cause.
      const least = code === 1001 || code > 1006 ? 2 : 0;
      const delayMs = retryDelay(this.#settings, Math.max(this.#failures++, least));
      this.#later(delayMs);
      this.#set('waiting', delayMs);
    } else this.#set('waiting');
  }

  #disconnect(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#usesHttp = false;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    for (const feed of this.#feeds.values()) feed.release?.();
  }

  /** Tries the WebSocket again after a while of HTTP. */
  #retrySocket(): void {
    if (this.#level && this.#settings.transports[0] === 'websocket') this.#later(SOCKET_RETRY_MS);
  }

  #startNow(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#start();
  }

  #later(delayMs: number): void {
    this.#stopTimer = this.#settings.later(delayMs, () => this.#startNow());
  }

  #listen(method: 'addEventListener' | 'removeEventListener'): void {
    // The second one bubbles from the document. Node has no such events.
    for (const type of ['online', 'visibilitychange']) platform[method]?.(type, this.#onReturn);
  }

  /** The network or the page is back: a wait ends, and a connection has to show that it still is one. */
  readonly #onReturn = (): void => {
    const link = this.#link;
    if (platform.document?.hidden) return;
    if (link?.isOpen) link.ping(PROMPT_PING_MS);
    else if (!link && this.#stopTimer) this.#startNow();
  };

  #succeeded(): void {
    this.#failures = 0;
    if (this.#state !== 'open') this.#set('open');
  }

  #set(state: TopicsState, retryInMs?: number): void {
    this.#state = state;
    callBack(this.#settings.onState, { state, transport: this.transport, retryInMs });
  }
}
