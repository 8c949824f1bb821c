import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Page, ReadFrom } from '../backplane/backplane.ts';
import type { TopicRecord } from '../record.ts';
import type { DeliveryRules } from './subscribe-options.ts';
import { waitingBytes } from './waiting-records.ts';

/** What a delivery needs only while it reads the history. */
export class HistoryReading {
  /** Where the next page starts. */
  from: ReadFrom;
  /** The page that is being delivered, and the next record of it. */
  page: Page | undefined;
  at = 0;
  isReading = false;
  /** The subscriber was too slow: missing records are its fault. */
  isSlow: boolean;
  #seam: TopicRecord[] = [];
  #seamBytes = 0;
  #seamIsComplete = true;

  constructor(from: ReadFrom, isSlow: boolean) {
    this.from = from;
    this.isSlow = isSlow;
  }

  /** Records of the feed that came while the page was being read, or since, if it was the last one. */
  get seam(): readonly TopicRecord[] {
    return this.#seam;
  }

  /** Whether the page is the last one, and the seam has everything after it. */
  get isAtSeam(): boolean {
    return this.page !== undefined && !this.page.more && this.#seamIsComplete;
  }

  /** Keeps a record of the feed, unless a further page will have it. */
  add(record: TopicRecord, { maxQueue, maxQueueBytes }: DeliveryRules): void {
    const isLastPage = this.page !== undefined && !this.page.more;
    if (!this.#seamIsComplete || (!this.isReading && !isLastPage)) return;
    this.#seamBytes += waitingBytes(record);
    const { length } = this.#seam;
    if (length === 0 || (length < maxQueue && this.#seamBytes <= maxQueueBytes)) {
      this.#seam.push(record);
      return;
    }
    this.giveUpSeam();
    if (isLastPage) this.isSlow = true;
  }

  /** The seam is too long, or the log has ended: another page is read after the last one. */
  giveUpSeam(): void {
    this.#seam = [];
    this.#seamIsComplete = false;
  }

  /** The next page is being read. */
  startPage(): void {
    this.isReading = true;
    this.page = undefined;
    this.#seam = [];
    this.#seamBytes = 0;
    this.#seamIsComplete = true;
  }

  arrived(page: Page): void {
    this.isReading = false;
    this.page = page;
    this.at = 0;
    this.from = { after: page.cursor };
  }

  [INSPECT](): object {
    return inspection(this, ['from', 'isReading', 'isSlow'], () => ({ seam: this.#seam.length }));
  }
}
