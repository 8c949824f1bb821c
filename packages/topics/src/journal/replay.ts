import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type LogEntry, logOf } from '../logs/log-entry.ts';
import type { LogStore } from '../logs/log-store.ts';
import type { Frame } from './frame.ts';
import type { JournalItem } from './item-codec.ts';
import type { JournalClock } from './journal-clock.ts';

/** Makes the logs again from the frames of a base and of the segments after it. */
export class Replay {
  readonly #store: LogStore;
  readonly #clock: JournalClock;
  /** The sequence number of the last item. */
  #sequence = 0;
  #isClosed = true;
  #isBaseComplete = false;
  #unknownTypes = 0;
  #lastContained = 0;
  /** The logs in the base that contain items of the segments after it, with the number of the last. */
  readonly #containedUntil = new Map<string, number>();

  constructor(store: LogStore, clock: JournalClock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The sequence number of the last item that the logs contain. */
  get sequence(): number {
    return Math.max(this.#sequence, this.#lastContained);
  }

  /** Whether the last process that wrote to the journal has closed it. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isBaseComplete(): boolean {
    return this.#isBaseComplete;
  }

  /** Whether the base contains items that the segments after it do not. */
  get isBaseAhead(): boolean {
    return this.#lastContained > this.#sequence;
  }

  /** Number of items of types that only newer versions know. */
  get unknownTypes(): number {
    return this.#unknownTypes;
  }

  /** Begins with a base. @param firstSequence - that of the first item after those that it contains for certain. */
  startBase(firstSequence: number): void {
    this.#sequence = firstSequence - 1;
    // Items after the base may have been lost unless the mark follows.
    this.#isClosed = false;
  }

  /** @returns false if items are missing before this one. */
  baseFrame({ sequence, stamp, item }: Frame): boolean {
    this.#see(stamp, item);
    if (item === undefined) return true;
    if (item.type === 'base-end') {
      this.#isBaseComplete = true;
      this.#clock.noteWallAhead(item.wallAhead);
    } else if (item.type !== 'open' && item.type !== 'close') {
      this.#lastContained = Math.max(this.#lastContained, sequence);
      if (sequence > this.#sequence) this.#containedUntil.set(keyOf(item), sequence);
      this.#store.apply(item);
    }
    return true;
  }

  /** @returns false if items are missing before this one. */
  segmentFrame({ sequence, stamp, item }: Frame): boolean {
    if (sequence <= this.#sequence) return true;
    if (sequence !== this.#sequence + 1) return false;
    this.#sequence = sequence;
    this.#see(stamp, item);
    this.#isClosed = item?.type === 'close';
    if (item === undefined || item.type === 'close' || item.type === 'base-end') return true;
    if (item.type === 'open') {
      if (item.isRecovered) this.#store.endEpochs();
      return true;
    }
    const until = this.#containedUntil.get(keyOf(item));
    if (until === undefined || sequence > until) this.#store.apply(item);
    return true;
  }

  [INSPECT](): object {
    return inspection(this, ['sequence', 'isClosed', 'unknownTypes']);
  }

  #see(stamp: number, item: JournalItem | undefined): void {
    this.#clock.stand(stamp, item === undefined ? undefined : wallTimeOf(item));
    if (item === undefined) this.#unknownTypes += 1;
  }
}

function keyOf(entry: LogEntry): string {
  const { kind, name } = logOf(entry);
  return `${kind} ${name}`;
}

function wallTimeOf(item: JournalItem): number | undefined {
  switch (item.type) {
    case 'record':
    case 'claim':
    case 'end':
      return item.time;
    case 'open':
      return item.wallTime;
    default:
      return undefined;
  }
}
