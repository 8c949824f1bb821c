import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TopicGap, TopicRecord } from '../record.ts';
import type { DeliveryRules } from './subscribe-options.ts';

/** What a waiting event takes beside its data: its object, its cursor and its place in the queue. */
const EVENT_OVERHEAD_BYTES = 150;

/** What an event counts towards `maxQueueBytes`. The length of a text will do: it need not be encoded for that. */
export function waitingBytes(event: TopicRecord | TopicGap): number {
  return EVENT_OVERHEAD_BYTES + (event.kind === 'record' ? event.payload.length : 0);
}

/** The records that wait for one subscriber, in order, limited as its policy says; and the gaps between them. */
export class WaitingRecords {
  readonly #rules: DeliveryRules;
  /** By key with `keep-latest`, otherwise by a number. */
  readonly #events = new Map<string | number, TopicRecord | TopicGap>();
  #sequence = 0;
  #bytes = 0;
  #dropped = 0;
  #droppedGap: TopicGap | undefined;
  #lastKey: string | number = 0;
  #lastCursor: string | undefined;

  constructor(rules: DeliveryRules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#events.size;
  }

  get bytes(): number {
    return this.#bytes;
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

  /** Returns the last gap that was dropped with the records around it, since the last call. */
  takeDroppedGap(): TopicGap | undefined {
    const gap = this.#droppedGap;
    this.#droppedGap = undefined;
    return gap;
  }

  /** @returns false if there is no room, and the policy does not make any: the record was not added. */
  add(record: TopicRecord): boolean {
    const { policy } = this.#rules;
    const isKeyed = policy === 'keep-latest' && record.key !== undefined;
    const key = isKeyed ? (record.key as string) : this.#sequence++;
    // The newer record takes the place at the end, so that cursors only grow.
    if (isKeyed && this.#take(key) !== undefined) this.#dropped += 1;
    const bytes = waitingBytes(record);
    while (this.#isTooMuch(bytes)) {
      if (policy === 'wait' || policy === 'close') return false;
      this.#dropOldest();
    }
    this.#put(key, record);
    return true;
  }

  /** Adds a gap. It includes one directly before it. */
  addGap(gap: TopicGap): void {
    if (this.#events.get(this.#lastKey)?.kind === 'gap') this.#take(this.#lastKey);
    this.#put(this.#sequence++, gap);
  }

  shift(): TopicRecord | TopicGap | undefined {
    const first = this.#events.keys().next();
    return first.done === true ? undefined : this.#take(first.value);
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'bytes']);
  }

  #isTooMuch(added: number): boolean {
    const { maxQueue, maxQueueBytes } = this.#rules;
    const { size } = this.#events;
    return size >= maxQueue || (size > 0 && this.#bytes + added > maxQueueBytes);
  }

  #dropOldest(): void {
    const oldest = this.shift();
    if (oldest?.kind === 'gap') this.#droppedGap = oldest;
    else this.#dropped += 1;
  }

  #put(key: string | number, event: TopicRecord | TopicGap): void {
    this.#events.set(key, event);
    this.#bytes += waitingBytes(event);
    this.#lastKey = key;
    this.#lastCursor = event.cursor;
  }

  #take(key: string | number): TopicRecord | TopicGap | undefined {
    const event = this.#events.get(key);
    if (event === undefined) return undefined;
    this.#events.delete(key);
    this.#bytes -= waitingBytes(event);
    return event;
  }
}
