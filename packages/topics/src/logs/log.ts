import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  type LogFollower,
  type LogName,
  type Page,
  type PageSize,
  type ReadFrom,
  type Retention,
  recordBytes,
} from '../backplane/backplane.ts';
import { cursorOf, parseCursor } from '../cursor.ts';
import { frozen, type TopicEnd, type TopicGap, type TopicRecord } from '../record.ts';

/** A finished epoch of a log whose positions went on in the next one. */
export interface PastEpoch {
  readonly epoch: string;
  /** Its last position. */
  readonly to: number;
}

/** A copy of the history of a log. */
export interface KeptRecords {
  readonly first: number;
  readonly records: readonly TopicRecord[];
  readonly stamps: readonly number[];
}

/** Where a log begins that is not new. */
export interface LogStart {
  /** The position before the first record. Default: 0. */
  readonly position?: number;
  readonly pastEpochs?: readonly PastEpoch[];
  readonly isEpochOver?: boolean;
}

/** Cursors of older epochs are a gap. A journal begins an epoch each time that it was not closed cleanly. */
const MAX_PAST_EPOCHS = 100;
/** Dropped records leave unused places at the start of the list; it is compacted when they are half of it. */
const MIN_COMPACTED = 64;

/**
 * One ordered log: records with contiguous positions, from the oldest kept to the newest, and its followers.
 *
 * Positions are counters from 1. The position 0 is that before the first record.
 */
export class Log {
  readonly name: LogName;
  /** The epoch of new records. */
  epoch: string;
  #pastEpochs: PastEpoch[] = [];
  #records: TopicRecord[] = [];
  /** When each record was added, by the monotonic clock: the clock of a record's `time` may jump. */
  #stamps: number[] = [];
  /** Index of the oldest record kept in the lists. */
  #head = 0;
  #lastPosition: number;
  #bytes = 0;
  #end: TopicEnd | undefined;
  #isEpochOver: boolean;
  /** Each follower with the number of the last notification before it began to follow. */
  readonly #followers = new Map<LogFollower, number>();
  #notifications = 0;
  /** Notifications that were caused by a follower while it was notified: they wait, so that all see one order. */
  #waiting: ((follower: LogFollower) => void)[] | undefined;

  constructor(name: LogName, epoch: string, start: LogStart = {}) {
    this.name = name;
    this.epoch = epoch;
    this.#lastPosition = start.position ?? 0;
    this.#pastEpochs = [...(start.pastEpochs ?? [])];
    this.#isEpochOver = start.isEpochOver ?? false;
  }

  get lastPosition(): number {
    return this.#lastPosition;
  }

  /** The cursor of the newest record, or that where an empty log stands. */
  get cursor(): string {
    return this.cursorAt(this.#lastPosition);
  }

  /** Whether the next record must begin a new epoch: records of this one may have been lost. */
  get isEpochOver(): boolean {
    return this.#isEpochOver;
  }

  /** A position belongs to the epoch in which it was given, and the last of an epoch is where the next one starts. */
  cursorAt(position: number): string {
    for (const { epoch, to } of this.#pastEpochs) if (position <= to) return cursorOf(epoch, position);
    return cursorOf(this.epoch, position);
  }

  /** Number of records kept. */
  get length(): number {
    return this.#records.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get end(): TopicEnd | undefined {
    return this.#end;
  }

  get followerCount(): number {
    return this.#followers.size;
  }

  get pastEpochs(): readonly PastEpoch[] {
    return this.#pastEpochs;
  }

  /** The records kept, oldest first, with the position of the first and the stamp of each, for writing them again. */
  kept(): KeptRecords {
    const records = this.#records.slice(this.#head);
    return { first: this.#firstPosition(), records, stamps: this.#stamps.slice(this.#head) };
  }

  /** Makes the next record begin a new epoch. */
  endEpoch(): void {
    this.#isEpochOver = true;
  }

  /** Whether an epoch with these before it is of the same log: no two logs have an epoch in common. */
  isContinuedBy(past: readonly PastEpoch[]): boolean {
    const own = new Set([this.epoch, ...this.#pastEpochs.map(({ epoch }) => epoch)]);
    return past.some(({ epoch }) => own.has(epoch));
  }

  /** The epochs that are past when a new one begins now. */
  epochsSoFar(): readonly PastEpoch[] {
    const to = this.#lastPosition;
    // An epoch without records has no cursor of its own: its start is the last position of the one before.
    if (this.#pastEpochs.at(-1)?.to === to) return this.#pastEpochs;
    return [...this.#pastEpochs, { epoch: this.epoch, to }].slice(-MAX_PAST_EPOCHS);
  }

  /** Begins a new epoch. Cursors of earlier ones stay valid up to their last position. */
  beginEpoch(epoch: string): void {
    this.#pastEpochs = [...this.epochsSoFar()];
    this.#isEpochOver = false;
    this.epoch = epoch;
  }

  /** Sets the position before the next record. The records before it, if there are any, are dropped. */
  skipTo(position: number): void {
    while (this.length > 0) this.dropOldest();
    this.#lastPosition = position;
    this.#dropPastEpochs();
  }

  /** Adds a record. @param stamp - the time of the monotonic clock, in milliseconds. */
  add(record: TopicRecord, stamp: number): void {
    this.#records.push(record);
    this.#stamps.push(stamp);
    this.#lastPosition += 1;
    this.#bytes += recordBytes(record.payload, record.key);
  }

  /** Ends the log at the next position. */
  finish(end: Omit<TopicEnd, 'cursor'>): TopicEnd {
    this.#lastPosition += 1;
    // All readers share it.
    this.#end = frozen({ ...end, cursor: this.cursor });
    return this.#end;
  }

  /** Drops the oldest records until the limits hold. The newest may be larger than `maxBytes`. */
  trim({ maxRecords, maxBytes, maxAgeMs }: Retention, now: number): void {
    while (this.length > 0) {
      const isTooOld = now - (this.#stamps[this.#head] as number) >= maxAgeMs;
      const isTooLarge = this.length > maxRecords || (this.#bytes > maxBytes && this.length > 1);
      if (!isTooOld && !isTooLarge) break;
      this.dropOldest();
    }
  }

  /** Drops the records up to a position. */
  dropTo(position: number): void {
    while (this.length > 0 && this.#firstPosition() <= position) this.dropOldest();
  }

  /** The records kept with their positions, oldest first. */
  *positions(): Iterable<{ readonly position: number; readonly record: TopicRecord }> {
    let position = this.#firstPosition();
    for (let at = this.#head; at < this.#records.length; at += 1, position += 1) {
      yield { position, record: this.#records[at] as TopicRecord };
    }
  }

  dropOldest(): void {
    const record = this.#records[this.#head];
    if (record === undefined) return;
    this.#bytes -= recordBytes(record.payload, record.key);
    (this.#records as (TopicRecord | undefined)[])[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= MIN_COMPACTED && this.#head * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#stamps = this.#stamps.slice(this.#head);
      this.#head = 0;
    }
    this.#dropPastEpochs();
  }

  read(from: ReadFrom, size: PageSize): Page {
    if ('start' in from) return this.#pageAt(this.#head, size, undefined);
    if ('last' in from)
      return this.#pageAt(Math.max(this.#head, this.#records.length - from.last), size, undefined);
    const position = this.#positionOf(from.after);
    if (typeof position === 'string') {
      const gap: TopicGap = {
        kind: 'gap',
        reason: position,
        cursor: this.cursorAt(this.#firstPosition() - 1),
      };
      return this.#pageAt(this.#head, size, gap);
    }
    return this.#pageAt(this.#head + position + 1 - this.#firstPosition(), size, undefined);
  }

  /** Notifies the follower of everything from now on. */
  follow(follower: LogFollower): void {
    this.#followers.set(follower, this.#notifications);
  }

  unfollow(follower: LogFollower): void {
    this.#followers.delete(follower);
  }

  /**
   * Notifies all followers, after they were notified of everything before. A follower that was added by another one
   * while it was notified gets only later notifications.
   */
  notify(notification: (follower: LogFollower) => void): void {
    this.#notifications += 1;
    if (this.#waiting !== undefined) {
      this.#waiting.push(notification);
      return;
    }
    this.#waiting = [notification];
    let number = this.#notifications;
    try {
      for (let at = 0; at < this.#waiting.length; at += 1, number += 1) {
        const next = this.#waiting[at] as (follower: LogFollower) => void;
        for (const [follower, since] of this.#followers) if (since < number) next(follower);
      }
    } finally {
      this.#waiting = undefined;
    }
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'cursor', 'length', 'bytes', 'end', 'followerCount']);
  }

  /** The position of the oldest record kept; that of the next one if none is kept. */
  #firstPosition(): number {
    const ended = this.#end === undefined ? 0 : 1;
    return this.#lastPosition - ended - this.length + 1;
  }

  #pageAt(start: number, size: PageSize, gap: TopicGap | undefined): Page {
    const records: TopicRecord[] = [];
    let bytes = 0;
    let at = start;
    for (; at < this.#records.length && records.length < size.maxRecords; at += 1) {
      const record = this.#records[at] as TopicRecord;
      bytes += recordBytes(record.payload, record.key);
      if (records.length > 0 && bytes > size.maxBytes) break;
      records.push(record);
    }
    const more = at < this.#records.length;
    const end = more ? undefined : this.#end;
    const before = this.#firstPosition() + start - this.#head - 1;
    const cursor = this.cursorAt(before + records.length);
    return { records, start: this.cursorAt(before), cursor, gap, more, end };
  }

  /** The position of a cursor from which the log can go on without loss; otherwise the reason of the gap. */
  #positionOf(cursor: string): number | TopicGap['reason'] {
    const parsed = parseCursor(cursor);
    if (parsed === undefined) return 'reset';
    const past = this.#pastEpochs.find(({ epoch }) => epoch === parsed.epoch);
    if (past === undefined && parsed.epoch !== this.epoch) return 'reset';
    if (parsed.position > (past?.to ?? this.#lastPosition)) return 'future';
    return parsed.position < this.#firstPosition() - 1 ? 'trimmed' : parsed.position;
  }

  /** Epochs whose last position is no longer kept are forgotten: their cursors are a gap in any case. */
  #dropPastEpochs(): void {
    const first = this.#firstPosition();
    while (this.#pastEpochs.length > 0 && (this.#pastEpochs[0] as PastEpoch).to < first - 1)
      this.#pastEpochs.shift();
  }
}
