import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type {
  Following,
  LogFollower,
  LogName,
  Page,
  PageSize,
  PresenceChange,
} from '../backplane/backplane.ts';
import type { JournalBackplane } from '../journal/journal-backplane.ts';
import type { MemoryBackplane } from '../memory/memory-backplane.ts';
import type { TopicEnd, TopicGap, TopicMember, TopicRecord } from '../record.ts';
import type { SharedRecords } from './shared-records.ts';
import {
  cancelRequestedToChild,
  endedToChild,
  gapToChild,
  membersToChild,
  presenceToChild,
  recordsToChild,
  revokedToChild,
} from './wire-replies.ts';

/** A backplane with all logs in this process, so that they are read and followed without waiting. */
export type LocalStore = MemoryBackplane | JournalBackplane;

/** What a followed log needs of the session with its child. */
export interface FollowedLogHost {
  readonly store: LocalStore;
  readonly records: SharedRecords;
  /** Whether nothing can be sent at present. Then {@link FollowedLog.flush} is called later, after {@link postpone}. */
  readonly isFull: boolean;
  /** @returns false if the child has not taken enough of what was sent before: nothing was sent. */
  send(message: Uint8Array): boolean;
  /** Sends even so. */
  sendUrgent(message: Uint8Array): void;
  postpone(log: FollowedLog): void;
  /** The child was notified of the end. */
  ended(log: FollowedLog): void;
}

/** What is read at once for a child that is behind. */
const CATCH_UP: PageSize = { maxRecords: 256, maxBytes: 256 * 1024 };
/** More revoked subjects than this are not remembered for a child that does not read: all its subscriptions end. */
const MAX_REVOKED = 1000;
/** Members in one message: each is at most about 1.5 KiB. */
const MEMBERS_PER_MESSAGE = 1000;

/**
 * One log that a child follows. While the child takes what is sent, each notification is sent at once. Otherwise only
 * the kinds of what has happened are kept, not the notifications: when there is room again, the log catches up with the
 * present state of the store. So a child that does not read costs no more than its logs.
 */
export class FollowedLog implements LogFollower {
  readonly name: LogName;
  /** The number of the log in the messages. */
  readonly number: number;
  readonly #host: FollowedLogHost;
  readonly #following: Following;
  #watching: Following | undefined;
  /** The position of the last record that was sent. */
  #cursor: string;
  /** Records after the cursor were not sent. */
  #isBehind = false;
  /** Records up to the cursor may still be notified of, because they were read from the history. */
  #isMerging = false;
  #isPresenceDue = false;
  #isCancelDue = false;
  #revoked: Set<string | undefined> | undefined;
  #end: TopicEnd | undefined;
  #isClosed = false;

  /** @throws RunError `ERR_RUN_NOT_FOUND`; TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`. */
  constructor(host: FollowedLogHost, name: LogName) {
    this.name = name;
    this.#host = host;
    this.#following = host.store.follow(name, this, { presence: false });
    this.#cursor = this.#following.cursor;
    this.number = this.#following.end === undefined ? host.records.begin(name) : 0;
  }

  /** The position of the last record that was sent; at first that where following started. */
  get cursor(): string {
    return this.#cursor;
  }

  /** How the log had ended before it was followed. */
  get endBefore(): TopicEnd | undefined {
    return this.#following.end;
  }

  /** Sends changes of presence from now on. @returns the members. */
  watchPresence(): readonly TopicMember[] {
    const { store } = this.#host;
    const nothing = (): void => {};
    const watcher = { record: nothing, gap: nothing, ended: nothing };
    if (this.#watching === undefined) {
      const presence = (change: PresenceChange): void => this.#presence(change);
      this.#watching = store.follow(this.name, { ...watcher, presence }, { presence: true });
      return this.#watching.members;
    }
    const { members, close } = store.follow(this.name, watcher, { presence: true });
    close();
    return members;
  }

  unwatchPresence(): void {
    this.#watching?.close();
    this.#watching = undefined;
    this.#isPresenceDue = false;
  }

  // Called by the store.

  record(record: TopicRecord): void {
    if (this.#isBehind) return;
    if (this.#isMerging) {
      if (this.#host.store.compare(record.cursor, this.#cursor) <= 0) return;
      this.#isMerging = false;
    }
    const { isFull, records } = this.#host;
    if (!isFull && this.#host.send(records.messageOf(this.number, record))) this.#cursor = record.cursor;
    else this.#fallBehind();
  }

  gap(gap: TopicGap): void {
    if (this.#isBehind) return;
    if (this.#host.send(gapToChild(this.#host.records.writer, this.number, gap))) this.#cursor = gap.cursor;
    else this.#fallBehind();
  }

  ended(end: TopicEnd): void {
    this.#end = end;
    // The store is closed: there is no later.
    if (end.how === 'closed') this.#sendEnd(end, true);
    else this.#later();
  }

  revoked(subject: string | undefined): void {
    this.#revoked ??= new Set();
    if (this.#revoked.size < MAX_REVOKED) this.#revoked.add(subject);
    else this.#revoked = new Set([undefined]);
    this.#later();
  }

  cancelRequested(): void {
    this.#isCancelDue = true;
    this.#later();
  }

  /**
   * Sends a part of what is due.
   *
   * @returns `full` if nothing more can be sent; `more` if something is left to be sent.
   */
  flush(): 'done' | 'more' | 'full' {
    if (this.#isClosed) return 'done';
    const isSent = this.#sendRevoked() && this.#sendCancel() && this.#sendMembers() && this.#catchUp();
    if (!isSent) return 'full';
    if (this.#isBehind) return 'more';
    if (this.#end !== undefined && !this.#sendEnd(this.#end, false)) return 'full';
    return 'done';
  }

  /** Stops. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#following.close();
    this.#watching?.close();
    this.#host.records.end(this.name, this.number);
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'number', 'cursor'], () => ({ isBehind: this.#isBehind }));
  }

  #presence(change: PresenceChange): void {
    if (this.#isPresenceDue) return;
    const { isFull, records } = this.#host;
    if (!isFull && this.#host.send(presenceToChild(records.writer, this.number, change))) return;
    this.#isPresenceDue = true;
    this.#host.postpone(this);
  }

  #fallBehind(): void {
    this.#isBehind = true;
    this.#host.postpone(this);
  }

  /** Sends what is due, now if possible. */
  #later(): void {
    if (this.#host.isFull || this.flush() !== 'done') this.#host.postpone(this);
  }

  #sendRevoked(): boolean {
    const revoked = this.#revoked;
    if (revoked === undefined) return true;
    const { store, records } = this.#host;
    for (const subject of revoked) {
      if (!this.#host.send(revokedToChild(records.writer, this.number, subject, store.revocations)))
        return false;
      revoked.delete(subject);
    }
    this.#revoked = undefined;
    return true;
  }

  #sendCancel(): boolean {
    if (!this.#isCancelDue) return true;
    if (!this.#host.send(cancelRequestedToChild(this.#host.records.writer, this.number))) return false;
    this.#isCancelDue = false;
    return true;
  }

  /** Sends all members, in messages that belong together: after the first, the others follow in any case. */
  #sendMembers(): boolean {
    if (!this.#isPresenceDue || this.#end !== undefined) return true;
    const { writer } = this.#host.records;
    const parts = inParts(this.watchPresence());
    for (const [index, members] of parts.entries()) {
      const message = membersToChild(writer, this.number, members, index === parts.length - 1);
      if (index > 0) this.#host.sendUrgent(message);
      else if (!this.#host.send(message)) return false;
    }
    this.#isPresenceDue = false;
    return true;
  }

  /** Sends one page of the history, if the log is behind. */
  #catchUp(): boolean {
    if (!this.#isBehind) return true;
    const { writer } = this.#host.records;
    const page = this.#nextPage();
    if (page.gap !== undefined) {
      if (!this.#host.send(gapToChild(writer, this.number, page.gap))) return false;
      this.#cursor = page.gap.cursor;
    }
    if (page.records.length > 0) {
      if (!this.#host.send(recordsToChild(writer, this.number, page.records))) return false;
      this.#cursor = page.cursor;
    }
    this.#isBehind = page.more;
    this.#isMerging = true;
    return true;
  }

  /** The records after the cursor. Those of a log that is gone are a gap before its end. */
  #nextPage(): Page {
    const end = this.#end;
    try {
      if (end === undefined || this.name.kind === 'run')
        return this.#host.store.read(this.name, { after: this.#cursor }, CATCH_UP);
    } catch (error) {
      // A run may be forgotten soon after its end.
      if (end === undefined) throw error;
    }
    const { cursor } = end;
    const gap: TopicGap = { kind: 'gap', reason: 'trimmed', cursor };
    return { records: [], start: cursor, cursor, gap, more: false };
  }

  #sendEnd(end: TopicEnd, isUrgent: boolean): boolean {
    const message = endedToChild(this.#host.records.writer, this.number, end);
    if (isUrgent) this.#host.sendUrgent(message);
    else if (!this.#host.send(message)) return false;
    this.close();
    this.#host.ended(this);
    return true;
  }
}

/** Splits members into lists that fit into messages: at least one, which may be empty. */
export function inParts(members: readonly TopicMember[]): readonly (readonly TopicMember[])[] {
  const parts: (readonly TopicMember[])[] = [members.slice(0, MEMBERS_PER_MESSAGE)];
  for (let at = MEMBERS_PER_MESSAGE; at < members.length; at += MEMBERS_PER_MESSAGE)
    parts.push(members.slice(at, at + MEMBERS_PER_MESSAGE));
  return parts;
}
