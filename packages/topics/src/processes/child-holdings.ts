import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { PresenceSettings } from '../backplane/backplane.ts';
import type { LocalStore } from './followed-log.ts';

/** The joins of one member by one child. */
interface HeldMember {
  joins: number;
  settings: PresenceSettings;
}

/** What belongs to one child, and goes with it: its members, and the runs that it may write to. */
export class ChildHoldings {
  /** By topic and member. */
  readonly #members = new Map<string, Map<string, HeldMember>>();
  /** The token of each run that the child has claimed. */
  readonly #runs = new Map<string, number>();

  joined(topic: string, member: string, settings: PresenceSettings): void {
    let members = this.#members.get(topic);
    if (members === undefined) {
      members = new Map();
      this.#members.set(topic, members);
    }
    const held = members.get(member);
    if (held === undefined) members.set(member, { joins: 1, settings });
    else held.joins += 1;
  }

  /** @returns false if the child has not joined the member. */
  left(topic: string, member: string): boolean {
    const members = this.#members.get(topic);
    const held = members?.get(member);
    if (members === undefined || held === undefined) return false;
    held.joins -= 1;
    if (held.joins > 0) return true;
    members.delete(member);
    if (members.size === 0) this.#members.delete(topic);
    return true;
  }

  claimed(id: string, token: number): void {
    this.#runs.set(id, token);
  }

  /** The child may no longer write to a run, or never could. */
  lost(id: string, token: number): void {
    if (this.#runs.get(id) === token) this.#runs.delete(id);
  }

  /** Lets all members leave, and gives up all runs, so that other children can claim them at once. */
  release(store: LocalStore): void {
    const released: Promise<void>[] = [];
    for (const [topic, members] of this.#members) {
      for (const [member, { joins, settings }] of members) {
        for (let left = joins; left > 0; left -= 1) released.push(store.leave(topic, member, settings));
      }
    }
    for (const [id, token] of this.#runs) released.push(store.releaseRun(id, token));
    this.#members.clear();
    this.#runs.clear();
    // A run may have been continued elsewhere, and the store be closed.
    for (const promise of released) promise.catch(() => {});
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ topics: this.#members.size, runs: this.#runs.size }));
  }
}
