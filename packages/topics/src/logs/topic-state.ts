import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { recordBytes, type TopicSettings } from '../backplane/backplane.ts';
import type { DedupeIds } from './dedupe.ts';
import type { Log } from './log.ts';

/** The log of a topic, and what its publishers have determined. */
export class TopicState {
  readonly name: string;
  readonly log: Log;
  /** Undefined if nothing was published, or the history was forgotten. */
  settings: TopicSettings | undefined;
  ids: DedupeIds | undefined;
  /** Number of members, followers apart: such a topic is in use. */
  members = 0;
  /** Since when it has had no subscribers, members or history, by the monotonic clock; undefined while it has any. */
  unusedSince: number | undefined;

  constructor(name: string, log: Log) {
    this.name = name;
    this.log = log;
  }

  /** Bytes of its records and ids. */
  get bytes(): number {
    return this.log.bytes + (this.ids?.bytes ?? 0);
  }

  get isEmpty(): boolean {
    return this.log.length === 0 && (this.ids === undefined || this.ids.size === 0);
  }

  /** Whether it has followers or members, so that it must not be forgotten. */
  get isBusy(): boolean {
    return this.log.followerCount > 0 || this.members > 0;
  }

  /**
   * Finds the position up to which records and ids have to go, so that at least `bytes` are freed; that of the newest if
   * there are not so many.
   */
  placeToDropTo(bytes: number): { readonly to: number; readonly freed: number } {
    let to = 0;
    let freed = 0;
    const ids = this.ids?.all();
    let id = ids?.next().value;
    for (const { position, record } of this.log.positions()) {
      if (freed >= bytes) return { to, freed };
      // Ids of records that are gone come first: ids and records are both in the order of the positions.
      for (; id !== undefined && id.position <= position; id = ids?.next().value) {
        if (id.position < position && freed >= bytes) return { to, freed };
        freed += id.bytes;
        to = id.position;
      }
      freed += recordBytes(record.payload, record.key);
      to = position;
    }
    for (; id !== undefined && freed < bytes; id = ids?.next().value) {
      freed += id.bytes;
      to = id.position;
    }
    return { to, freed };
  }

  /** Drops records and ids up to a position. */
  dropTo(position: number): void {
    this.log.dropTo(position);
    this.ids?.dropTo(position);
    if (this.ids?.size === 0) this.ids = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'bytes', 'isBusy']);
  }
}

/** Whether two settings are the same. */
export function isSame(a: TopicSettings, b: TopicSettings): boolean {
  if (a === b) return true;
  return (
    a.maxRecords === b.maxRecords &&
    a.maxBytes === b.maxBytes &&
    a.maxAgeMs === b.maxAgeMs &&
    a.dedupeMs === b.dedupeMs &&
    a.maxDedupeIds === b.maxDedupeIds
  );
}
