import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Page, PresenceChange } from '../backplane/backplane.ts';
import type { TopicEnd, TopicGap, TopicMember, TopicRecord } from '../record.ts';
import type { ChildCalls } from './child-calls.ts';
import type { ChildFollowing } from './child-following.ts';
import { errorOfWire } from './wire-errors.ts';
import type { StartedFollowing, WireReplyHandler } from './wire-replies.ts';

/** Passes what the parent has sent to the calls and to what is followed. */
export class ChildReplies implements WireReplyHandler {
  readonly #calls: ChildCalls;
  readonly #following: ChildFollowing;

  constructor(calls: ChildCalls, following: ChildFollowing) {
    this.#calls = calls;
    this.#following = following;
  }

  hello(call: number, version: number): void {
    this.#calls.settle(call, version);
  }

  cursor(call: number, cursor: string, isBehind: boolean): void {
    const pending = this.#calls.take(call);
    if (pending === undefined) return;
    const { log } = pending.plan;
    const settle = (): void => pending.resolve(cursor as never);
    // The followers of this process are notified before an append settles.
    if (isBehind && log !== undefined) this.#following.whenArrived(log, cursor, settle);
    else settle();
  }

  result(call: number, value: unknown): void {
    this.#calls.settle(call, value);
  }

  failure(call: number, failure: unknown): void {
    this.#calls.reject(call, errorOfWire(failure));
  }

  page(call: number, page: Page): void {
    this.#calls.settle(call, page);
  }

  part(call: number, items: readonly unknown[]): void {
    this.#calls.addPart(call, items);
  }

  following(call: number, started: StartedFollowing): void {
    this.#calls.settle(call, started);
  }

  record(log: number, record: TopicRecord): void {
    this.#following.record(log, record);
  }

  gap(log: number, gap: TopicGap): void {
    this.#following.gap(log, gap);
  }

  ended(log: number, end: TopicEnd): void {
    this.#following.ended(log, end);
  }

  revoked(log: number, subject: string | undefined, revocations: number): void {
    this.#following.knowRevocations(revocations);
    this.#following.revoked(log, subject);
  }

  cancelRequested(log: number): void {
    this.#following.cancelRequested(log);
  }

  members(log: number, members: readonly TopicMember[], isLast: boolean): void {
    this.#following.members(log, members, isLast);
  }

  presence(log: number, change: PresenceChange): void {
    this.#following.presence(log, change);
  }

  [INSPECT](): object {
    return inspection(this, []);
  }
}
