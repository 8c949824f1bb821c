import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TopicGap, TopicRecord } from '../record.ts';
import type { DeliveryRules } from './subscribe-options.ts';

/** The records that wait for one subscriber, in order, limited as its policy says; and the gaps between them. */
export class WaitingRecords {
  readonly #rules: DeliveryRules;
  /** By key with `keep-latest`, otherwise by a number. */
  readonly #records = new Map<string | number, TopicRecord | TopicGap>();
  #sequence = 0;
  #dropped = 0;
  #lastCursor: string | undefined;

  constructor(rules: DeliveryRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#records.size;
  }

  /** The position of the last one that waits. */
  get lastCursor(): string | undefined {
    return this.#lastCursor;
  }

  /** Returns the number of records that were dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** @returns false if there is no room, and the policy does not make any: the record was not added. */
  add(record: TopicRecord): boolean {
    const { policy, maxQueue } = this.#rules;
    const isKeyed = policy === 'keep-latest' && record.key !== undefined;
    const key = isKeyed ? (record.key as string) : this.#sequence++;
    // The newer record takes the place at the end, so that cursors only grow.
    if (isKeyed && this.#records.delete(key)) this.#dropped += 1;
    if (this.#records.size >= maxQueue) {
      if (policy === 'wait' || policy === 'close') return false;
      this.shift();
      this.#dropped += 1;
    }
    this.#records.set(key, record);
    this.#lastCursor = record.cursor;
    return true;
  }

  addGap(gap: TopicGap): void {
    this.#records.set(this.#sequence++, gap);
    this.#lastCursor = gap.cursor;
  }

  shift(): TopicRecord | TopicGap | undefined {
    const first = this.#records.entries().next();
    if (first.done === true) return undefined;
    this.#records.delete(first.value[0]);
    return first.value[1];
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }
}
