import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TopicEvent } from '@landspout/topics';
import { PreparedMessage } from '../connection/prepared-message.ts';
import type { LogKind } from './client-frame.ts';
import { eventText } from './server-frame.ts';

/** Enough for the records that clients read at about the same time, which resume together. */
const MAX_MESSAGES = 1024;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * The frames of recent events, so that each is encoded once for all subscribers in the process. Older ones are dropped:
 * otherwise the history of each topic would be in memory twice.
 */
export class EventMessages {
  // The last event, which most often is the next one too: it is delivered to one subscriber after the other.
  #lastEvent: TopicEvent | undefined;
  #lastMessage: PreparedMessage | undefined;
  /** Of records, oldest first. */
  readonly #recent = new Map<TopicEvent, PreparedMessage>();
  #bytes = 0;

  /** Returns the frame of an event, which must be of the log with that name. */
  of(event: TopicEvent, kind: LogKind, name: string): PreparedMessage {
    if (event === this.#lastEvent) return this.#lastMessage as PreparedMessage;
    const message = this.#recent.get(event) ?? this.#encode(event, kind, name);
    this.#lastEvent = event;
    this.#lastMessage = message;
    return message;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ messages: this.#recent.size, bytes: this.#bytes }));
  }

  #encode(event: TopicEvent, kind: LogKind, name: string): PreparedMessage {
    const message = new PreparedMessage(eventText(event, kind, name));
    if (event.kind !== 'record' || message.byteLength > MAX_BYTES) return message;
    this.#recent.set(event, message);
    this.#bytes += message.byteLength;
    for (const [oldest, { byteLength }] of this.#recent) {
      if (this.#recent.size <= MAX_MESSAGES && this.#bytes <= MAX_BYTES) break;
      this.#recent.delete(oldest);
      this.#bytes -= byteLength;
    }
    return message;
  }
}

/** Those of the process: records are objects of their own, whatever topics they belong to. */
export const eventMessages = new EventMessages();
