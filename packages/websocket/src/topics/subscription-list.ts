import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogKind } from './client-frame.ts';
import type { DoorSubscription } from './door-subscription.ts';

/** The subscriptions of one connection. Most have few, so that a linked list takes the least memory. */
export class SubscriptionList implements Iterable<DoorSubscription> {
  #first: DoorSubscription | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(kind: LogKind, name: string): DoorSubscription | undefined {
    for (let one = this.#first; one !== undefined; one = one.next) {
      if (one.name === name && one.kind === kind) return one;
    }
    return undefined;
  }

  /** Adds a subscription, which is in no list. */
  add(subscription: DoorSubscription): void {
    subscription.next = this.#first;
    this.#first = subscription;
    this.#size += 1;
  }

  /** Does nothing if the subscription is not in the list any more. */
  delete(subscription: DoorSubscription): void {
    let before: DoorSubscription | undefined;
    for (let one = this.#first; one !== undefined; before = one, one = one.next) {
      if (one !== subscription) continue;
      if (before === undefined) this.#first = one.next;
      else before.next = one.next;
      one.next = undefined;
      this.#size -= 1;
      return;
    }
  }

  /** Those that are in the list now, whatever is deleted meanwhile. */
  [Symbol.iterator](): Iterator<DoorSubscription> {
    const all: DoorSubscription[] = [];
    for (let one = this.#first; one !== undefined; one = one.next) all.push(one);
    return all.values();
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }
}
