import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Announcement } from '../announcement.ts';

/** What may wait while a page is read. Beyond it, another page is read. */
const MAX_WAITING = 1000;
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** Changes of presence have no order with the others, and do not wait with them. */
export type QueuedAnnouncement = Exclude<Announcement, { readonly kind: 'presence' }>;

export interface WaitingAnnouncement {
  readonly announcement: QueuedAnnouncement;
  /** Of the message. */
  readonly bytes: number;
}

/** The announcements of a log in order. They wait while the log is read. */
export class AnnouncementQueue {
  #waiting: WaitingAnnouncement[] = [];
  #bytes = 0;
  #hasDropped = false;

  /** Whether some were dropped since {@link startPage}: the log has to be read again. */
  get hasDropped(): boolean {
    return this.#hasDropped;
  }

  push(waiting: WaitingAnnouncement): void {
    this.#bytes += waiting.bytes;
    if (this.#waiting.length < MAX_WAITING && this.#bytes <= MAX_WAITING_BYTES) this.#waiting.push(waiting);
    else this.dropAll();
  }

  /** Takes what waits. */
  take(): readonly WaitingAnnouncement[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }

  /** Puts back what was taken and could not be passed on. */
  putBack(taken: readonly WaitingAnnouncement[]): void {
    this.#keep([...taken, ...this.#waiting]);
  }

  dropAll(): void {
    this.take();
    this.#hasDropped = true;
  }

  /** A page is read from now on: it has all records that were announced so far. */
  startPage(): void {
    this.#keep(this.#waiting.filter(({ announcement: { kind } }) => kind !== 'record' && kind !== 'end'));
    this.#hasDropped = false;
  }

  [INSPECT](): object {
    return inspection(this, ['hasDropped'], () => ({ waiting: this.#waiting.length }));
  }

  #keep(waiting: WaitingAnnouncement[]): void {
    this.#waiting = waiting;
    this.#bytes = waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
