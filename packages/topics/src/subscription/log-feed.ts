import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type RateLimitedLog, runInRootContext } from '@landspout/ioloop/reactor';
import type {
  Backplane,
  Following,
  LogFollower,
  LogName,
  Page,
  PageSize,
  PresenceChange,
  ReadFrom,
} from '../backplane/backplane.ts';
import { RunError } from '../errors.ts';
import {
  frozen,
  type PresenceEvent,
  type TopicEnd,
  type TopicGap,
  type TopicMember,
  type TopicRecord,
} from '../record.ts';
import type { Delivery, DeliveryFeed } from './delivery.ts';

/** How long to wait before a page is read again after the backplane failed. */
const RETRY_MS = 1000;

/** What all feeds of a process share. */
export interface FeedServices {
  readonly backplane: Backplane;
  readonly clock: Clock;
  readonly log: RateLimitedLog;
  /** Counts dropped records. */
  readonly counts: { dropped: number };
}

/** A subscription that is being made. */
export interface PendingSubscription {
  readonly subject: string | undefined;
  /** A revocation came meanwhile. */
  isRevoked: boolean;
}

/** Follows one log for all its subscriptions in this process: each record comes once, and goes to all of them. */
export class LogFeed implements DeliveryFeed, LogFollower {
  readonly name: LogName;
  readonly #services: FeedServices;
  readonly #onChange: (feed: LogFeed) => void;
  /** A subscription that ends while all are being called leaves a hole. */
  #deliveries: (Delivery | undefined)[] = [];
  #holes = 0;
  #calling = 0;
  #following: Following | undefined;
  #cursor = '';
  /** Members by name, if a subscription has asked for presence. */
  #members: Map<string, TopicMember> | undefined;
  /** All of them, as long as nothing changes. */
  #snapshot: PresenceEvent | undefined;
  #watching: Following | undefined;
  #watched: Promise<void> | undefined;
  /** While there are any, the feed must not be closed. */
  #pending: Set<PendingSubscription> | undefined;
  #end: TopicEnd | undefined;

  /** @param onChange - called when the log has ended, and when the last subscription is gone. */
  constructor(name: LogName, services: FeedServices, onChange: (feed: LogFeed) => void) {
    this.name = name;
    this.#services = services;
    this.#onChange = onChange;
  }

  get cursor(): string {
    return this.#cursor;
  }

  get end(): TopicEnd | undefined {
    return this.#end;
  }

  get size(): number {
    return this.#deliveries.length - this.#holes;
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.#pending === undefined;
  }

  /** Starts to follow the log. Once. */
  async open(): Promise<void> {
    const started = this.#services.backplane.follow(this.name, this, { presence: false });
    const following = started instanceof Promise ? await started : started;
    this.#following = following;
    // Records may have come before the promise was seen to be resolved.
    if (this.#cursor === '') this.#cursor = following.cursor;
    this.#end ??= following.end;
  }

  /** Keeps the feed open while `make` makes a subscription of it. It ends if it is revoked meanwhile. */
  async hold(
    pending: PendingSubscription,
    make: () => Promise<Delivery | undefined>,
  ): Promise<Delivery | undefined> {
    this.#pending ??= new Set();
    this.#pending.add(pending);
    try {
      const made = await make();
      if (pending.isRevoked) made?.stop(revocation(made));
      return made;
    } finally {
      this.#pending.delete(pending);
      if (this.#pending.size === 0) this.#pending = undefined;
      this.#closeIfEmpty();
    }
  }

  add(delivery: Delivery): void {
    delivery.index = this.#deliveries.length;
    this.#deliveries.push(delivery);
  }

  remove(delivery: Delivery): void {
    const { index } = delivery;
    if (this.#deliveries[index] !== delivery) return;
    if (this.#calling > 0) {
      this.#deliveries[index] = undefined;
      this.#holes += 1;
    } else {
      const last = this.#deliveries.pop() as Delivery;
      if (last !== delivery) this.#place(last, index);
    }
    delivery.index = -1;
    this.#closeIfEmpty();
  }

  /** Follows presence from now on. The members are known when the promise resolves. */
  watchPresence(): Promise<void> {
    this.#watched ??= this.#watch();
    return this.#watched;
  }

  members(): PresenceEvent {
    this.#snapshot ??= frozen({ kind: 'presence', members: [...(this.#members?.values() ?? [])] });
    return this.#snapshot;
  }

  read(from: ReadFrom, size: PageSize): Page | Promise<Page> {
    return this.#services.backplane.read(this.name, from, size);
  }

  compare(a: string, b: string): number {
    return this.#services.backplane.compare(a, b);
  }

  dropped(count: number): void {
    this.#services.counts.dropped += count;
  }

  retryMs(error: unknown): number | undefined {
    if (error instanceof RunError || (error as { code?: unknown }).code === 'ERR_TOPICS_CLOSED')
      return undefined;
    this.#services.log.warn('read', { error, log: this.name }, 'reading a history failed; it is tried again');
    return RETRY_MS;
  }

  report(error: unknown): void {
    this.#services.log.warn(
      'sink',
      { error, log: this.name },
      'a subscriber threw, and its subscription was closed',
    );
  }

  later(delayMs: number, callback: () => void): void {
    runInRootContext(() => this.#services.clock.setTimeout(callback, delayMs).unref(), undefined);
  }

  // Called by the backplane.

  record(record: TopicRecord): void {
    this.#cursor = record.cursor;
    this.#forEach((delivery) => delivery.record(record));
  }

  gap(gap: TopicGap): void {
    this.#cursor = gap.cursor;
    this.#forEach((delivery) => delivery.gap(gap));
  }

  ended(end: TopicEnd): void {
    this.#end = end;
    this.#cursor = end.cursor;
    const isLogKept = this.name.kind === 'run' && end.how !== 'closed';
    this.#onChange(this);
    this.#forEach((delivery) => delivery.finish(end, isLogKept));
  }

  revoked(subject: string | undefined): void {
    const isMeant = (whose: string | undefined): boolean => subject === undefined || whose === subject;
    for (const pending of this.#pending ?? []) if (isMeant(pending.subject)) pending.isRevoked = true;
    this.#forEach((delivery) => {
      if (isMeant(delivery.rules.subject)) delivery.stop(revocation(delivery));
    });
  }

  /** Ends all subscriptions with `closed`. */
  close(): void {
    this.#unfollow();
    this.#forEach((delivery) => delivery.stop({ kind: 'end', how: 'closed', cursor: delivery.cursor }));
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'cursor', 'size', 'end']);
  }

  #place(delivery: Delivery, index: number): void {
    this.#deliveries[index] = delivery;
    delivery.index = index;
  }

  /** Calls for each subscription that is there now and still there at its turn. */
  #forEach(call: (delivery: Delivery) => void): void {
    const { length } = this.#deliveries;
    this.#calling += 1;
    for (let at = 0; at < length; at += 1) {
      const delivery = this.#deliveries[at];
      if (delivery !== undefined) call(delivery);
    }
    this.#calling -= 1;
    if (this.#holes > 0 && this.#calling === 0) this.#closeHoles();
  }

  #closeHoles(): void {
    const left = this.#deliveries.filter((delivery) => delivery !== undefined);
    this.#deliveries = left;
    this.#holes = 0;
    for (const [index, delivery] of left.entries()) delivery.index = index;
    this.#closeIfEmpty();
  }

  async #watch(): Promise<void> {
    const early: PresenceChange[] = [];
    this.#members = new Map();
    const watcher: LogFollower = {
      record() {},
      gap() {},
      ended() {},
      presence: (change) => {
        if (this.#watching === undefined) early.push(change);
        else this.#presenceChanged(change);
      },
    };
    try {
      this.#watching = await this.#services.backplane.follow(this.name, watcher, { presence: true });
    } catch (error) {
      this.#members = undefined;
      this.#watched = undefined;
      throw error;
    }
    this.#presenceChanged({ members: this.#watching.members });
    for (const change of early) this.#presenceChanged(change);
  }

  #presenceChanged(change: PresenceChange): void {
    const members = this.#members as Map<string, TopicMember>;
    this.#snapshot = undefined;
    let event: PresenceEvent;
    if ('members' in change) {
      members.clear();
      for (const member of change.members) members.set(member.member, member);
      event = this.members();
    } else if ('joined' in change) {
      const { member, meta } = change.joined;
      members.set(member, change.joined);
      event = frozen({ kind: 'presence', joined: member, ...(meta === undefined ? {} : { meta }) });
    } else {
      members.delete(change.left);
      event = frozen({ kind: 'presence', left: change.left });
    }
    this.#forEach((delivery) => {
      if (delivery.hasPresence) delivery.presence(event);
    });
  }

  #closeIfEmpty(): void {
    if (!this.isEmpty) return;
    this.#unfollow();
    this.#onChange(this);
  }

  #unfollow(): void {
    this.#following?.close();
    this.#watching?.close();
    this.#following = undefined;
    this.#watching = undefined;
  }
}

function revocation({ cursor }: Delivery): TopicEnd {
  return { kind: 'end', how: 'revoked', cursor };
}
