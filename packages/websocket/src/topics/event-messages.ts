import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TopicEvent } from '@landspout/topics';
import { PreparedMessage } from '../connection/prepared-message.ts';
import type { LogKind } from './client-frame.ts';
import { eventText } from './server-frame.ts';

/** Enough for the records that clients read at about the same time, which resume together. */
const MAX_MESSAGES = 1024;
const MAX_BYTES = 4 * 1024 * 1024;

/** The frame of an event, under the name by which clients know its log. */
interface NamedMessage {
  readonly name: string;
  readonly message: PreparedMessage;
}

/**
 * The frames of recent events, so that each is encoded once for all subscribers in the process. Older ones are dropped:
 * otherwise the history of each topic would be in memory twice.
 */
export class EventMessages {
  // The last event, which most often is the next one too: it is delivered to one subscriber after the other.
  #lastEvent: TopicEvent | undefined;
  #last: NamedMessage | undefined;
  /** Of records, oldest first. */
  readonly #recent = new Map<TopicEvent, NamedMessage>();
  #bytes = 0;

  /** Returns the frame of an event, which must be of a log of that kind. */
  of(event: TopicEvent, kind: LogKind, name: string): PreparedMessage {
    if (event === this.#lastEvent && this.#last?.name === name) return this.#last.message;
    let named = this.#recent.get(event);
    if (named?.name !== name) named = this.#encode(event, kind, name);
    this.#lastEvent = event;
    this.#last = named;
    return named.message;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ messages: this.#recent.size, bytes: this.#bytes }));
  }

  #encode(event: TopicEvent, kind: LogKind, name: string): NamedMessage {
    const named = { name, message: new PreparedMessage(eventText(event, kind, name)) };
    const { byteLength } = named.message;
    if (event.kind !== 'record' || byteLength > MAX_BYTES || this.#recent.has(event)) return named;
    this.#recent.set(event, named);
    this.#bytes += byteLength;
    for (const [oldest, { message }] of this.#recent) {
      if (this.#recent.size <= MAX_MESSAGES && this.#bytes <= MAX_BYTES) break;
      this.#recent.delete(oldest);
      this.#bytes -= message.byteLength;
    }
    return named;
  }
}

/** Those of the process: records are objects of their own, whatever topics they belong to. */
export const eventMessages = new EventMessages();
