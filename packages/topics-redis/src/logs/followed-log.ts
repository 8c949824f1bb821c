import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  type Following,
  type FollowOptions,
  type LogFollower,
  type LogName,
  type PageSize,
  RunError,
  type TopicEnd,
  TopicRecord,
} from '@landspout/topics';
import { readAnnouncement } from '../announcement.ts';
import { compareIds, cursorOf, END_OF_EPOCH, type StreamCursor, timeOf } from '../cursor.ts';
import { keysOf } from '../keys.ts';
import { AnnouncementQueue, type QueuedAnnouncement } from './announcement-queue.ts';
import type { FollowServices } from './follow-services.ts';
import { FollowedPresence } from './followed-presence.ts';
import { LogFollowers } from './log-followers.ts';
import type { ReadPage } from './log-reader.ts';
import { endOf, isBehind, type LogState, UNKNOWN } from './log-state.ts';
import { type Overdue, OverdueNotice } from './overdue-notice.ts';
import { PageLoop } from './page-loop.ts';
import { FORMAT_VERSION } from './replies.ts';
import { WaitingCalls } from './waiting-calls.ts';

/** A page that is read to catch up. */
const PAGE: PageSize = { maxRecords: 500, maxBytes: 1024 * 1024 };

/**
 * Follows one log for all its followers in this process. Announcements are passed on in order; if one was lost, the log
 * is read from the last record on, and announcements that come meanwhile wait.
 */
export class FollowedLog {
  readonly name: LogName;
  readonly #services: FollowServices;
  readonly #onOver: () => void;
  readonly #channel: string;
  readonly #presence: FollowedPresence;
  readonly #followers = new LogFollowers();
  readonly #queue = new AnnouncementQueue();
  /** Calls that wait until the followers were notified of an entry. */
  readonly #calls = new WaitingCalls<StreamCursor>();
  readonly #notice: OverdueNotice;
  readonly #pages: PageLoop;
  #phase: 'opening' | 'live' | 'reading' | 'over' = 'opening';
  #end: TopicEnd | undefined;
  /** Number of times that announcements may have been missed, and that number when the log was compared last. */
  #misses = 0;
  #comparedMisses = 0;
  /** Number of calls during which the log must not be given up. */
  #holds = 0;
  /** The latest call before the page that is being read. */
  #callsBeforePage = 0;
  #opened: Promise<void> | undefined;

  /** @param onOver - called when the log has ended, or has no followers any more. */
  constructor(name: LogName, services: FollowServices, onOver: () => void) {
    this.name = name;
    this.#services = services;
    this.#onOver = onOver;
    this.#channel = keysOf(services.prefix, name).channel;
    this.#presence = new FollowedPresence(() => services.readMembers(name.name));
    const calls = { records: this.#calls, presence: this.#presence.calls };
    this.#notice = new OverdueNotice(services.clock, calls, (overdue) => this.#resolveOverdue(overdue));
    this.#pages = new PageLoop(services.clock, {
      read: () => this.#readPage(),
      arrived: (read) => this.#arrived(read),
    });
  }

  get cursor(): string {
    return this.#followers.cursor;
  }

  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** Starts to follow, in the first call. @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError. */
  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** Keeps the log open during a call. */
  async hold<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#holds += 1;
    try {
      return await call();
    } finally {
      this.#holds -= 1;
      this.#giveUpIfUnused();
    }
  }

  /** Adds a follower of a log that is open. @returns undefined if the topic has ended. @throws BackplaneError. */
  async follow(follower: LogFollower, { presence }: FollowOptions): Promise<Following | undefined> {
    const isWatching = presence && this.name.kind === 'topic' && !this.isOver;
    const watching = isWatching ? await this.#presence.add(follower) : undefined;
    if (this.isOver) {
      watching?.stop();
      const end = this.name.kind === 'run' ? this.#end : undefined;
      return end === undefined ? undefined : { cursor: end.cursor, end, members: [], close: () => {} };
    }
    const remove = this.#followers.add(follower);
    const { cursor } = this;
    watching?.start();
    const close = () => {
      remove();
      watching?.stop();
      this.#giveUpIfUnused();
    };
    return { cursor, members: watching?.members ?? [], close };
  }

  /** Compares what the followers know with what the log has, and makes a topic live longer. @throws BackplaneError. */
  async check(): Promise<void> {
    await this.#compare();
    await this.#presence.resyncIfStale();
  }

  /** Resolves after the followers were notified of what the log has at present. @throws BackplaneError. */
  async refresh(): Promise<void> {
    if (this.isOver) return;
    const state = await this.#readState(undefined);
    if (state === undefined || state === 'same') this.#catchUp();
    else await this.reached(state.epoch, state.last);
  }

  /**
   * Resolves after the followers were notified of an entry; at once if the connection is lost.
   *
   * @throws BackplaneError if the backplane is closed before.
   */
  async reached(epoch: string, id: string): Promise<void> {
    const place = { epoch, id };
    if (this.isOver || this.#followers.have(place) || !this.#services.link.isConnected) return;
    const reached = this.#calls.wait(place);
    this.#notice.start();
    await reached;
  }

  /** Resolves after an epoch is over for the followers. @throws as {@link reached}. */
  async left(epoch: string): Promise<void> {
    if (this.#followers.known.epoch === epoch) await this.reached(epoch, END_OF_EPOCH);
  }

  /** Resolves after the followers that asked for presence were notified of a change. @throws as {@link reached}. */
  async reachedPresence(count: number): Promise<void> {
    if (this.isOver || !this.#services.link.isConnected) return;
    const reached = this.#presence.reached(count);
    if (this.#presence.calls.size > 0) this.#notice.start();
    await reached;
  }

  /** The connection is lost: announcements may be lost, and calls do not wait for them any more. */
  lost(): void {
    this.#calls.resolveAll();
    this.#presence.calls.resolveAll();
    if (this.#phase === 'opening') this.#queue.dropAll();
  }

  /** Announcements may have been missed: the next check finds out. */
  missed(): void {
    this.#misses += 1;
    this.#presence.markStale();
  }

  /** Commands reach Redis again. Resolves after what was missed was read. @throws BackplaneError. */
  async restored(): Promise<void> {
    this.#pages.retryNow();
    await this.check();
    await this.#pages.idle;
  }

  /** Ends it for all followers with `closed`. @param error - for the calls that wait. */
  close(error: Error): void {
    if (this.isOver) return;
    this.#calls.rejectAll(error);
    this.#presence.calls.rejectAll(error);
    this.#finish({ kind: 'end', how: 'closed', cursor: this.cursor });
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'cursor'], () => ({
      phase: this.#phase,
      followers: this.#followers.size,
    }));
  }

  async #open(): Promise<void> {
    const { link, revocations } = this.#services;
    try {
      await link.subscribe(this.#channel, (message) => this.#heard(message));
      const [state] = await Promise.all([this.#readState(undefined), revocations.refresh()]);
      if (this.isOver) return;
      if (state === undefined || state === 'same')
        throw new RunError('ERR_RUN_NOT_FOUND', `there is no run ${this.name.name}`);
      this.#know(state);
      if (state.end !== '') this.#finish(endOf(state.end, state.epoch, state.last));
      else this.#goLive(undefined);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  /** @param known - undefined: nothing. */
  #readState(known: LogState | undefined): Promise<LogState | 'same' | undefined> {
    const { count } = this.#presence;
    return this.#services.reader.state(this.name, known, Number.isFinite(count) ? count : undefined);
  }

  #know(known: LogState): void {
    if (known.version > FORMAT_VERSION) this.#services.onNewer(this.name, known.version);
    this.#followers.know(known);
  }

  // Announcements.

  #heard(message: Buffer): void {
    if (this.isOver) return;
    const announcement = readAnnouncement(message);
    if (announcement === undefined) return;
    if (announcement.kind === 'presence') {
      this.#presence.heard(announcement.count, JSON.parse(announcement.json));
      return;
    }
    if (announcement.kind === 'revoked') this.#services.revocations.heard(announcement.stamp);
    this.#queue.push({ announcement, bytes: message.length });
    if (this.#phase === 'live') this.#passOn();
  }

  /** Passes on what waits. If something was lost, the rest waits until the log was read. */
  #passOn(): void {
    const waiting = this.#queue.take();
    for (const [at, { announcement }] of waiting.entries()) {
      if (this.#phase !== 'live') {
        this.#queue.putBack(waiting.slice(at));
        return;
      }
      this.#take(announcement);
    }
    if (this.#queue.hasDropped) this.#catchUp();
  }

  #take(announcement: QueuedAnnouncement): void {
    switch (announcement.kind) {
      case 'record':
      case 'end':
        this.#takeEntry(announcement);
        break;
      case 'deleted':
        if (announcement.epoch !== this.#followers.known.epoch) this.#catchUp();
        else this.#finish({ kind: 'end', how: 'deleted', cursor: this.cursor });
        break;
      case 'revoked':
        this.#followers.revoked(announcement.count, announcement.subject);
        break;
      case 'cancel':
        this.#followers.cancelRequested();
        break;
      default:
        announcement satisfies never;
    }
  }

  #takeEntry(announcement: QueuedAnnouncement & { readonly kind: 'record' | 'end' }): void {
    const { epoch, before, id } = announcement;
    const { epoch: knownEpoch, last } = this.#followers.known;
    if (epoch === knownEpoch && compareIds(id, last) <= 0) return;
    if (epoch !== knownEpoch || before !== last) {
      this.#catchUp();
      return;
    }
    if (announcement.kind === 'end') {
      this.#finish(endOf(announcement.json, epoch, id));
      return;
    }
    const { key, payload } = announcement;
    this.#followers.record(new TopicRecord(cursorOf(epoch, id), timeOf(id), key, payload));
    this.#settleCalls();
  }

  // Catching up.

  async #compare(): Promise<void> {
    if (this.#phase !== 'live') return;
    const misses = this.#misses;
    const isOverdue = misses > this.#comparedMisses;
    const [before, presenceBefore] = [this.#followers.known, this.#presence.count];
    const state = await this.#readState(before);
    this.#comparedMisses = misses;
    if (state === 'same' || this.isOver) return;
    // A failover has lost changes of presence.
    if (Number.isFinite(presenceBefore) && (state?.presence ?? 0) < presenceBefore)
      this.#presence.markStale();
    if (state === undefined) this.#catchUp();
    else if (isOverdue) this.#resolveOverdue({ state, records: false, presence: false });
    // What was known before is not there: a failover has lost it.
    else if (state.epoch === before.epoch && compareIds(state.last, before.last) < 0) this.#catchUp();
    else this.#notice.expect(state);
  }

  #resolveOverdue({ state, records, presence }: Overdue): void {
    if (this.isOver) return;
    if (records || (state !== undefined && isBehind(this.#followers.known, state))) this.#catchUp();
    else if (state !== undefined) this.#followers.learn(state);
    const isMissingPresence = state !== undefined && this.#presence.count < state.presence;
    // If it fails, the next check tries it again.
    if (presence || isMissingPresence) void this.#presence.resync().catch(() => {});
  }

  #catchUp(): void {
    if (this.#phase !== 'live') return;
    this.#phase = 'reading';
    this.#pages.start();
  }

  #readPage(): Promise<ReadPage | undefined> {
    this.#queue.startPage();
    this.#callsBeforePage = this.#calls.lastNumber;
    return this.#services.reader.next(this.name, this.cursor, PAGE);
  }

  /** @returns whether to read on. */
  #arrived(read: ReadPage | undefined): boolean {
    this.#apply(read);
    if (read === undefined || this.isOver) return false;
    if (read.page.more) return true;
    // What was in Redis before the page was read, the followers know.
    this.#calls.resolveUpTo(this.#callsBeforePage);
    this.#goLive(read.state);
    return false;
  }

  #apply(read: ReadPage | undefined): void {
    if (read === undefined) {
      // A run that Redis has lost goes on nowhere, and what it had written is not known.
      this.#followers.gap({ kind: 'gap', reason: 'trimmed', cursor: this.cursor });
      this.#finish({ kind: 'end', how: 'interrupted', cursor: this.cursor });
      return;
    }
    const { page, state } = read;
    const { known } = this.#followers;
    const isNewEpoch = state.epoch !== known.epoch;
    if (isNewEpoch && state.deletions > known.deletions) {
      this.#finish({ kind: 'end', how: 'deleted', cursor: this.cursor });
      return;
    }
    const { epoch, deletions } = state;
    if (isNewEpoch) this.#know({ ...UNKNOWN, version: state.version, epoch, deletions });
    if (page.gap !== undefined) this.#followers.gap(page.gap);
    // Redis has lost something, perhaps also of the members.
    if (page.gap !== undefined && page.gap.reason !== 'trimmed') void this.#presence.resync().catch(() => {});
    for (const record of page.records) {
      if (this.isOver) return;
      this.#followers.record(record);
    }
    this.#settleCalls();
    if (!this.isOver && page.end !== undefined) this.#finish(page.end);
  }

  /** @param state - that was read last. */
  #goLive(state: LogState | undefined): void {
    this.#phase = 'live';
    this.#settleCalls();
    this.#passOn();
    // Of what is not a record, the announcement may still be on its way.
    if (state !== undefined && !this.isOver) this.#notice.expect(state);
  }

  #settleCalls(): void {
    if (this.#calls.size > 0) this.#calls.resolve((place) => this.#followers.have(place));
  }

  // The end.

  #finish(end: TopicEnd): void {
    this.#end = end;
    this.#giveUp();
    this.#followers.ended(end);
  }

  #giveUpIfUnused(): void {
    if (this.#holds === 0 && this.#followers.size === 0) this.#giveUp();
  }

  #giveUp(): void {
    if (this.isOver) return;
    this.#phase = 'over';
    this.#pages.stop();
    this.#notice.cancel();
    this.#calls.resolveAll();
    this.#presence.close();
    this.#onOver();
  }
}
