import type { Following, LogFollower, PresenceChange } from '../backplane/backplane.ts';
import type { TopicEnd, TopicGap, TopicMember, TopicRecord } from '../record.ts';

/** Records what it is notified of, and what breaks the rules of the seam. */
export class RecordingFollower implements LogFollower {
  readonly records: TopicRecord[] = [];
  readonly gaps: TopicGap[] = [];
  readonly ends: TopicEnd[] = [];
  readonly revocations: (string | undefined)[] = [];
  readonly changes: PresenceChange[] = [];
  cancelRequests = 0;
  /** All notifications in order, such as `record "a"`. */
  readonly notes: string[] = [];
  /** Descriptions of the broken rules. */
  readonly violations: string[] = [];
  /** Called in each notification of a record, after it was recorded. */
  onRecord: ((record: TopicRecord) => void) | undefined;
  /** Called in each notification of a gap, after it was recorded. */
  onGap: ((gap: TopicGap) => void) | undefined;
  /** Called in each notification of the end, after it was recorded. */
  onEnded: (() => void) | undefined;
  #following: Following | undefined;
  #isClosed = false;

  /** Set by the trial once following has started. */
  started(following: Following): void {
    this.#following = following;
    if (this.#isClosed) following.close();
  }

  /** The position where following started. */
  get cursor(): string {
    return this.#started().cursor;
  }

  /** The members when following started. */
  get members(): readonly TopicMember[] {
    return this.#started().members;
  }

  /** How the log had ended when following started. */
  get endBefore(): TopicEnd | undefined {
    return this.#started().end;
  }

  /** The data of all records. */
  get data(): unknown[] {
    return this.records.map(({ data }) => data);
  }

  close(): void {
    this.#isClosed = true;
    this.#following?.close();
  }

  record(record: TopicRecord): void {
    this.#note(`record ${typeof record.payload === 'string' ? record.payload : 'bytes'}`);
    this.records.push(record);
    this.onRecord?.(record);
  }

  gap(gap: TopicGap): void {
    this.#note(`gap ${gap.reason}`);
    this.gaps.push(gap);
    this.onGap?.(gap);
  }

  ended(end: TopicEnd): void {
    this.#note(`end ${end.how}`);
    this.ends.push(end);
    this.onEnded?.();
  }

  revoked(subject: string | undefined): void {
    this.#note(`revoked ${subject}`);
    this.revocations.push(subject);
  }

  cancelRequested(): void {
    this.#note('cancel requested');
    this.cancelRequests += 1;
  }

  presence(change: PresenceChange): void {
    this.#note(`presence ${JSON.stringify(change)}`);
    this.changes.push(change);
  }

  #started(): Following {
    if (this.#following === undefined) throw new Error('following has not started');
    return this.#following;
  }

  #note(note: string): void {
    if (this.#isClosed) this.violations.push(`${note} after close()`);
    if (this.ends.length > 0) this.violations.push(`${note} after the end`);
    this.notes.push(note);
  }
}
