import type { SubscriptionSink, TopicEvent } from '../../../src/index.ts';

/** Records the events of a subscription. While `isFull`, it asks for a pause after each event. */
export class RecordingSink implements SubscriptionSink {
  readonly events: TopicEvent[] = [];
  isFull = false;
  /** Called in each delivery, after the event was recorded. */
  onEvent: ((event: TopicEvent) => void) | undefined;

  deliver(event: TopicEvent): boolean {
    this.events.push(event);
    this.onEvent?.(event);
    return !this.isFull;
  }

  /** The data of records, and the kinds of other events with what they say. */
  get shown(): unknown[] {
    return this.events.map(shown);
  }
}

/** The data of a record; the kind of another event with its reason, how it ended, or its members. */
export function shown(event: TopicEvent): unknown {
  switch (event.kind) {
    case 'record':
      return event.data;
    case 'gap':
      return `gap ${event.reason}`;
    case 'end':
      return `end ${event.how}`;
    case 'presence':
      if (event.members !== undefined) return event.members.map(({ member }) => member);
      return event.joined === undefined ? `-${event.left}` : `+${event.joined}`;
  }
}
