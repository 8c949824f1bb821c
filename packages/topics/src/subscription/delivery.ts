import { reportRejection } from '@landspout/ioloop/reactor';
import type { Page, PageSize, ReadFrom } from '../backplane/backplane.ts';
import type { PresenceEvent, TopicEnd, TopicEvent, TopicGap, TopicRecord } from '../record.ts';
import { HistoryReading } from './history-reading.ts';
import type { DeliveryRules } from './subscribe-options.ts';
import { WaitingRecords } from './waiting-records.ts';

/** Takes the events of one subscription. */
export interface SubscriptionSink {
  /**
   * Takes an event. It must not throw.
   *
   * @returns false if the sink is full: nothing more comes until `resume()` of the attachment is called.
   */
  deliver(event: TopicEvent): boolean;
}

/** A subscription whose events are pushed. It is paused at first: call {@link resume} to get the first event. */
export interface Attachment {
  /** The position of the last event that was delivered; before the first, that where delivery starts. */
  readonly cursor: string;
  /** How the log had ended when the subscription was made, or has ended since; undefined while it goes on. */
  readonly end: TopicEnd | undefined;
  /** Delivers what waits, and what comes, until the sink is full again. */
  resume(): void;
  /** Ends the subscription; nothing more is delivered. */
  close(): void;
}

/** What a delivery needs of the feed that it belongs to. */
export interface DeliveryFeed {
  /** The position of the last record of the feed. */
  readonly cursor: string;
  read(from: ReadFrom, size: PageSize): Page | Promise<Page>;
  compare(a: string, b: string): number;
  /** All members. */
  members(): PresenceEvent;
  remove(delivery: Delivery): void;
  /** Counts records that were dropped because the subscriber was too slow. */
  dropped(count: number): void;
  /** Whether to try again after a failed read, and when. @returns undefined if the log is gone. */
  retryMs(error: unknown): number | undefined;
  /** Reports that a sink threw. */
  report(error: unknown): void;
  /** Calls back later. */
  later(delayMs: number, callback: () => void): void;
}

const PAGE: PageSize = { maxRecords: 256, maxBytes: 1024 * 1024 };

/** What is not there while a subscription is up to date: made when it is needed, because most of them are idle. */
interface RareState {
  history: HistoryReading | undefined;
  waiting: WaitingRecords | undefined;
  /** A gap that is to be delivered before what waits. */
  gap: TopicGap | undefined;
  /** Where the last gap of the history has ended: the feed, if it is behind, will report the same one. */
  readGap: string | undefined;
  end: TopicEnd | undefined;
  onClose: (() => void) | undefined;
}

// The flags of a delivery, in one number.
const PAUSED = 1;
const FLUSHING = 2;
const CLOSED = 4;
/** The next records of the feed may have been read from the history already. */
const MERGING = 8;
const HAS_PRESENCE = 16;
/** All members are to be delivered. */
const PRESENCE_DUE = 32;

/**
 * One subscription of a feed. It reads the history up to the present, then gets each record of the feed. If its sink is
 * full, records wait; with the policy `wait` it goes back to the history if too many do.
 */
export class Delivery implements Attachment {
  readonly rules: DeliveryRules;
  /** Index in the feed's list. */
  index = -1;
  readonly #feed: DeliveryFeed;
  readonly #sink: SubscriptionSink;
  #cursor: string;
  #flags = PAUSED;
  #rare: RareState | undefined;

  constructor(feed: DeliveryFeed, sink: SubscriptionSink, rules: DeliveryRules, cursor: string) {
    this.#feed = feed;
    this.#sink = sink;
    this.rules = rules;
    this.#cursor = cursor;
  }

  get cursor(): string {
    return this.#cursor;
  }

  get end(): TopicEnd | undefined {
    return this.#rare?.end ?? this.#rare?.history?.page?.end;
  }

  get hasPresence(): boolean {
    return this.#is(HAS_PRESENCE);
  }

  /** Prepares for a first page of the history that is being read: what comes meanwhile is kept. */
  startReading(): HistoryReading {
    const history = new HistoryReading({ start: true }, false);
    history.startPage();
    this.#occasional().history = history;
    return history;
  }

  /** Starts with a first page of the history, after {@link startReading}. */
  startWith(history: HistoryReading, page: Page, gap: TopicGap | undefined): void {
    const rare = this.#rare;
    // It has ended meanwhile, or the backplane has lost its place.
    if (rare === undefined || rare.history !== history) return;
    this.#cursor = page.start;
    this.#arrived(history, page);
    rare.gap = gap ?? rare.gap;
  }

  /** Delivers all members first, and then the changes. */
  startWithPresence(): void {
    if (this.#rare?.end === undefined) this.#flags |= HAS_PRESENCE | PRESENCE_DUE;
  }

  /** @param onClose - called when the subscription ends in any way. */
  setOnClose(onClose: () => void): void {
    this.#occasional().onClose = onClose;
  }

  // Called by the feed.

  record(record: TopicRecord): void {
    const rare = this.#rare;
    if (rare?.end !== undefined) return;
    if (rare?.history !== undefined) {
      rare.history.add(record, this.rules);
      return;
    }
    if (this.#is(MERGING)) {
      if (this.#feed.compare(record.cursor, this.#cursor) <= 0) return;
      this.#flags &= ~MERGING;
      if (rare !== undefined) rare.readGap = undefined;
    }
    if (this.#is(PAUSED | FLUSHING) || this.#hasWaiting()) this.#wait(record);
    else this.#deliver(record);
  }

  gap(gap: TopicGap): void {
    const rare = this.#occasional();
    if (rare.end !== undefined) return;
    // The history has told of it, and gone on from it.
    if (rare.readGap === gap.cursor && (rare.history !== undefined || this.#is(MERGING))) return;
    this.#flags &= ~MERGING;
    rare.readGap = undefined;
    rare.waiting ??= new WaitingRecords(this.rules);
    rare.waiting.addGap(gap);
    // What the history has lost since that position is another gap.
    if (rare.history !== undefined)
      rare.history = new HistoryReading({ after: gap.cursor }, rare.history.isSlow);
    this.#flush();
  }

  presence(event: PresenceEvent): void {
    if (this.#rare?.end !== undefined) return;
    if (this.#is(PAUSED | FLUSHING | PRESENCE_DUE)) this.#flags |= PRESENCE_DUE;
    else this.#send(event);
  }

  /** Ends the subscription after what waits. @param isLogKept - whether the rest of the history can still be read. */
  finish(end: TopicEnd, isLogKept: boolean): void {
    const rare = this.#occasional();
    if (rare.history !== undefined) {
      if (isLogKept) {
        // The end comes with another page.
        rare.history.giveUpSeam();
        this.#flush();
        return;
      }
      rare.history = undefined;
    }
    rare.end ??= end;
    this.#flush();
  }

  /** Ends the subscription at once: neither what waits nor what comes is delivered, even if the sink is full now. */
  stop(end: TopicEnd): void {
    const rare = this.#occasional();
    rare.history = undefined;
    rare.waiting = undefined;
    rare.gap = undefined;
    this.#flags &= ~PRESENCE_DUE;
    rare.end ??= end;
    this.#feed.remove(this);
    this.#flush();
  }

  // Called by the subscriber.

  resume(): void {
    this.#flags &= ~PAUSED;
    this.#flush();
  }

  close(): void {
    if (this.#is(CLOSED)) return;
    this.#flags |= CLOSED;
    const rare = this.#rare;
    if (rare !== undefined) {
      rare.history = undefined;
      rare.waiting = undefined;
    }
    this.#feed.remove(this);
    rare?.onClose?.();
    if (rare !== undefined) rare.onClose = undefined;
  }

  /** Whether any of the flags is set. */
  #is(flags: number): boolean {
    return (this.#flags & flags) !== 0;
  }

  #occasional(): RareState {
    this.#rare ??= {
      history: undefined,
      waiting: undefined,
      gap: undefined,
      readGap: undefined,
      end: undefined,
      onClose: undefined,
    };
    return this.#rare;
  }

  #hasWaiting(): boolean {
    const rare = this.#rare;
    return rare !== undefined && (rare.gap !== undefined || (rare.waiting?.size ?? 0) > 0);
  }

  #wait(record: TopicRecord): void {
    const rare = this.#occasional();
    if (rare.end !== undefined) return;
    rare.waiting ??= new WaitingRecords(this.rules);
    const hasRoom = rare.waiting.add(record);
    this.#countDropped(rare, rare.waiting);
    if (hasRoom) return;
    if (this.rules.policy === 'close') {
      this.stop({ kind: 'end', how: 'slow', cursor: this.#cursor });
      return;
    }
    rare.history = new HistoryReading({ after: rare.waiting.lastCursor ?? this.#cursor }, true);
  }

  #countDropped(rare: RareState, waiting: WaitingRecords): void {
    const dropped = waiting.takeDropped();
    rare.gap = waiting.takeDroppedGap() ?? rare.gap;
    if (dropped === 0) return;
    this.#feed.dropped(dropped);
    rare.gap ??= { kind: 'gap', reason: 'slow', cursor: this.#cursor };
  }

  /** Delivers whatever can be delivered. A sink that resumes while it gets an event does not get the next one within. */
  #flush(): void {
    if (this.#is(FLUSHING)) return;
    this.#flags |= FLUSHING;
    try {
      while (!this.#is(PAUSED | CLOSED) && this.#step()) {}
    } finally {
      this.#flags &= ~FLUSHING;
    }
  }

  /** @returns false if there is nothing to deliver now. */
  #step(): boolean {
    const rare = this.#rare;
    if (rare?.gap !== undefined) {
      const { gap } = rare;
      rare.gap = undefined;
      this.#deliver(gap);
      return true;
    }
    if (this.#is(PRESENCE_DUE)) {
      this.#flags &= ~PRESENCE_DUE;
      this.#send(this.#feed.members());
      return true;
    }
    if (rare === undefined) return false;
    const waiting = rare.waiting?.shift();
    if (waiting !== undefined) {
      this.#deliver(waiting);
      return true;
    }
    rare.waiting = undefined;
    if (rare.history !== undefined) return this.#stepHistory(rare, rare.history);
    if (rare.end !== undefined) {
      this.#cursor = rare.end.cursor;
      this.#send(rare.end);
      this.close();
    } else if (rare.onClose === undefined && rare.readGap === undefined) this.#rare = undefined;
    return false;
  }

  #stepHistory(rare: RareState, history: HistoryReading): boolean {
    const { page } = history;
    const record = page?.records[history.at];
    if (record !== undefined) {
      history.at += 1;
      this.#deliver(record);
      return true;
    }
    if (page === undefined || !history.isAtSeam) return this.#readOn(history);
    this.#goLive(rare, history, page);
    return true;
  }

  /** The history is delivered up to the end of a page that was the last one when it was read. */
  #goLive(rare: RareState, history: HistoryReading, page: Page): void {
    rare.history = undefined;
    if (page.end !== undefined) {
      rare.end = page.end;
      return;
    }
    // Records of the feed up to the end of the page, if the feed is not there yet, have been delivered.
    if (this.#feed.cursor !== page.cursor) this.#flags |= MERGING;
    else rare.readGap = undefined;
    // Nothing waits now, and the seam has the limits of what may wait.
    for (const record of history.seam) {
      if (this.#feed.compare(record.cursor, page.cursor) > 0) this.#wait(record);
    }
  }

  /** @returns false if the page comes later. */
  #readOn(history: HistoryReading): boolean {
    if (history.isReading) return false;
    history.startPage();
    let page: Page | Promise<Page>;
    try {
      page = this.#feed.read(history.from, PAGE);
    } catch (error) {
      page = Promise.reject(error);
    }
    if (!(page instanceof Promise)) {
      this.#arrived(history, page);
      return true;
    }
    const arrival = page.then((arrived) => {
      this.#arrived(history, arrived);
      this.#flush();
    });
    reportRejection(arrival, (error) => this.#failed(history, error));
    return false;
  }

  #arrived(history: HistoryReading, page: Page): void {
    const rare = this.#rare;
    if (rare === undefined || rare.history !== history) return;
    history.arrived(page);
    if (page.gap === undefined) return;
    rare.readGap = page.gap.cursor;
    const isSlow = history.isSlow && page.gap.reason === 'trimmed';
    rare.gap = isSlow ? { ...page.gap, reason: 'slow' } : page.gap;
    if (isSlow) this.#feed.dropped(1);
  }

  #failed(history: HistoryReading, error: unknown): void {
    if (this.#rare?.history !== history) return;
    const retryMs = this.#feed.retryMs(error);
    if (retryMs === undefined) {
      this.stop({ kind: 'end', how: 'closed', cursor: this.#cursor });
      return;
    }
    this.#feed.later(retryMs, () => {
      history.isReading = false;
      this.#flush();
    });
  }

  #deliver(event: TopicRecord | TopicGap): void {
    this.#cursor = event.cursor;
    this.#send(event);
  }

  #send(event: TopicEvent): void {
    try {
      if (!this.#sink.deliver(event)) this.#flags |= PAUSED;
    } catch (error) {
      this.#feed.report(error);
      this.close();
    }
  }
}
