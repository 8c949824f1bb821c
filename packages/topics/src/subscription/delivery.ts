import { reportRejection } from '@landspout/ioloop/reactor';
import type { Page, PageSize, ReadFrom } from '../backplane/backplane.ts';
import type { PresenceEvent, TopicEnd, TopicEvent, TopicGap, TopicRecord } from '../record.ts';
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
/** Most records of the feed that are kept while a page is read; beyond that, the page is read on from its end. */
const MAX_SEAM = 1000;

/** What a delivery needs only while it reads the history. */
interface HistoryReading {
  /** Where the next page starts. */
  from: ReadFrom;
  /** The page that is being delivered, and the next record of it. */
  page: Page | undefined;
  at: number;
  isReading: boolean;
  /** Records of the feed that came while the page was being read, or since, if it was the last one. */
  seam: TopicRecord[];
  seamIsComplete: boolean;
  /** It began because the subscriber was too slow: missing records are its fault. */
  readonly isSlow: boolean;
}

/**
 * One subscription of a feed. It reads the history up to the present, then gets each record of the feed. If its sink is
 * full, records wait; with the policy `wait` it goes back to the history if too many do.
 */
export class Delivery implements Attachment {
  readonly rules: DeliveryRules;
  /** Index in the feed's list. */
  index = -1;
  hasPresence = false;
  /** Called when the subscription ends in any way. */
  onClose: (() => void) | undefined;
  readonly #feed: DeliveryFeed;
  readonly #sink: SubscriptionSink;
  #cursor: string;
  #history: HistoryReading | undefined;
  #waiting: WaitingRecords | undefined;
  /** Gaps of the backplane that wait. */
  #gap: TopicGap | undefined;
  #end: TopicEnd | undefined;
  #isPaused = true;
  #isFlushing = false;
  #isClosed = false;
  /** The next records of the feed may have been read from the history already. */
  #isMerging = false;
  /** All members are to be delivered. */
  #presenceIsDue = false;

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
    return this.#end ?? this.#history?.page?.end;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Prepares for a first page of the history that is being read: what comes meanwhile is kept. */
  startReading(): void {
    this.#history = newReading({ start: true }, false);
    this.#history.isReading = true;
  }

  /** Starts with a first page of the history, after {@link startReading}. */
  startWith(page: Page, gap: TopicGap | undefined): void {
    const history = this.#history;
    if (history === undefined) return; // It has ended meanwhile.
    this.#cursor = page.start;
    this.#arrived(history, page);
    this.#gap = gap ?? this.#gap;
  }

  /** Delivers all members first, and then the changes. */
  startWithPresence(): void {
    this.hasPresence = true;
    this.#presenceIsDue = true;
  }

  // Called by the feed.

  record(record: TopicRecord): void {
    if (this.#end !== undefined) return;
    const history = this.#history;
    if (history !== undefined) {
      const isLastPage = history.page !== undefined && !history.page.more;
      if (!history.isReading && !isLastPage) return; // The next page will have it.
      if (history.seam.length < MAX_SEAM) history.seam.push(record);
      else history.seamIsComplete = false;
      return;
    }
    if (this.#isMerging) {
      if (this.#feed.compare(record.cursor, this.#cursor) <= 0) return;
      this.#isMerging = false;
    }
    if (this.#isPaused || this.#isFlushing || this.#hasWaiting()) this.#wait(record);
    else this.#deliver(record);
  }

  gap(gap: TopicGap): void {
    if (this.#end !== undefined) return;
    this.#isMerging = false;
    if (this.#history === undefined) {
      this.#waiting ??= new WaitingRecords(this.rules);
      this.#waiting.addGap(gap);
    } else {
      this.#history = newReading({ start: true }, false);
      this.#gap = gap;
    }
    this.#flush();
  }

  presence(event: PresenceEvent): void {
    if (this.#end !== undefined) return;
    if (this.#isPaused || this.#isFlushing || this.#presenceIsDue) this.#presenceIsDue = true;
    else this.#send(event);
  }

  /** Ends the subscription after what waits. @param isLogKept - whether the rest of the history can still be read. */
  finish(end: TopicEnd, isLogKept: boolean): void {
    if (this.#history !== undefined) {
      if (isLogKept) {
        // The end comes with another page.
        this.#history.seamIsComplete = false;
        this.#flush();
        return;
      }
      this.#history = undefined;
    }
    this.#end ??= end;
    this.#flush();
  }

  /** Ends the subscription at once: neither what waits nor what comes is delivered, even if the sink is full now. */
  stop(end: TopicEnd): void {
    this.#history = undefined;
    this.#waiting = undefined;
    this.#gap = undefined;
    this.#presenceIsDue = false;
    this.#end ??= end;
    this.#feed.remove(this);
    this.#flush();
  }

  // Called by the subscriber.

  resume(): void {
    this.#isPaused = false;
    this.#flush();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#history = undefined;
    this.#waiting = undefined;
    this.#feed.remove(this);
    this.onClose?.();
    this.onClose = undefined;
  }

  #hasWaiting(): boolean {
    return this.#gap !== undefined || (this.#waiting !== undefined && this.#waiting.size > 0);
  }

  #wait(record: TopicRecord): void {
    if (this.#end !== undefined) return;
    this.#waiting ??= new WaitingRecords(this.rules);
    const hasRoom = this.#waiting.add(record);
    this.#countDropped();
    if (hasRoom) return;
    if (this.rules.policy === 'close') {
      this.stop({ kind: 'end', how: 'slow', cursor: this.#cursor });
      return;
    }
    this.#history = newReading({ after: this.#waiting.lastCursor ?? this.#cursor }, true);
  }

  #countDropped(): void {
    const dropped = this.#waiting?.takeDropped() ?? 0;
    if (dropped === 0) return;
    this.#feed.dropped(dropped);
    this.#gap ??= { kind: 'gap', reason: 'slow', cursor: this.#cursor };
  }

  /** Delivers whatever can be delivered. A sink that resumes while it gets an event does not get the next one within. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      while (!this.#isPaused && !this.#isClosed && this.#step()) {}
    } finally {
      this.#isFlushing = false;
    }
  }

  /** @returns false if there is nothing to deliver now. */
  #step(): boolean {
    if (this.#gap !== undefined) {
      const gap = this.#gap;
      this.#gap = undefined;
      this.#deliver(gap);
      return true;
    }
    if (this.#presenceIsDue) {
      this.#presenceIsDue = false;
      this.#send(this.#feed.members());
      return true;
    }
    const waiting = this.#waiting?.shift();
    if (waiting !== undefined) {
      this.#deliver(waiting);
      return true;
    }
    this.#waiting = undefined;
    if (this.#history !== undefined) return this.#stepHistory(this.#history);
    if (this.#end === undefined) return false;
    this.#cursor = this.#end.cursor;
    this.#send(this.#end);
    this.close();
    return false;
  }

  #stepHistory(history: HistoryReading): boolean {
    const { page } = history;
    const record = page?.records[history.at];
    if (record !== undefined) {
      history.at += 1;
      this.#deliver(record);
      return true;
    }
    if (page === undefined || page.more || !history.seamIsComplete) {
      history.page = undefined;
      return this.#readOn(history);
    }
    this.#goLive(history, page);
    return true;
  }

  /** The history is delivered up to the end of a page that was the last one when it was read. */
  #goLive(history: HistoryReading, page: Page): void {
    this.#history = undefined;
    if (page.end !== undefined) {
      this.#end = page.end;
      return;
    }
    // Records of the feed up to the end of the page, if the feed is not there yet, have been delivered.
    this.#isMerging = this.#feed.cursor !== page.cursor;
    for (const record of history.seam) {
      if (this.#feed.compare(record.cursor, page.cursor) > 0) this.#wait(record);
    }
  }

  /** @returns false if the page comes later. */
  #readOn(history: HistoryReading): boolean {
    if (history.isReading) return false;
    history.isReading = true;
    history.seam = [];
    history.seamIsComplete = true;
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
    if (this.#history !== history) return;
    history.isReading = false;
    history.page = page;
    history.at = 0;
    history.from = { after: page.cursor };
    if (page.gap === undefined) return;
    const isSlow = history.isSlow && page.gap.reason === 'trimmed';
    this.#gap = isSlow ? { ...page.gap, reason: 'slow' } : page.gap;
    if (isSlow) this.#feed.dropped(1);
  }

  #failed(history: HistoryReading, error: unknown): void {
    if (this.#history !== history) return;
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
      if (!this.#sink.deliver(event)) this.#isPaused = true;
    } catch (error) {
      this.#feed.report(error);
      this.close();
    }
  }
}

function newReading(from: ReadFrom, isSlow: boolean): HistoryReading {
  return { from, page: undefined, at: 0, isReading: false, seam: [], seamIsComplete: true, isSlow };
}
