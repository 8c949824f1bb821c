import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { callReporting } from '@landspout/ioloop/reactor';
import type { Attachment, SubscriptionSink, TopicEvent } from '@landspout/topics';
import type { WebSocketConnection } from '../connection/websocket-connection.ts';
import type { LogKind } from './client-frame.ts';
import { eventMessages } from './event-messages.ts';
import { eventText } from './server-frame.ts';

/** The session that a {@link DoorSubscription} belongs to. */
export interface SubscribingSession {
  readonly connection: WebSocketConnection;
  /** The connection has no room. Calls `drained` of the subscription when it has. */
  waitForRoom(subscription: DoorSubscription): void;
  /** Sends a frame that must not be dropped. */
  send(text: string): void;
  /** The log has ended. */
  ended(subscription: DoorSubscription): void;
  /** A member could not leave. */
  failed(error: unknown): void;
}

/** Counts the member of a subscription as present; the type `Membership` of topics has more. */
export interface Present {
  leave(): unknown;
}

/**
 * One subscription of a connection: passes the events of a log to the connection while that has room.
 *
 * There may be hundreds of thousands, most of them idle: it has no closures, and the subscriptions of a connection are a
 * linked list.
 */
export class DoorSubscription implements SubscriptionSink {
  readonly kind: LogKind;
  readonly name: string;
  /** Whether the client asked for presence. */
  readonly presence: boolean;
  /** The next one in the list of the session. */
  next: DoorSubscription | undefined = undefined;
  /** The member that is present because of this subscription. */
  member: Present | undefined = undefined;
  readonly #session: SubscribingSession;
  #attachment: Attachment | undefined = undefined;
  /**
   * The event for which the connection had no room. Waiting here, and not in the queue of the connection, it takes no
   * memory of its own: all subscribers share it.
   */
  #held: TopicEvent | undefined = undefined;

  constructor(session: SubscribingSession, kind: LogKind, name: string, presence: boolean) {
    this.#session = session;
    this.kind = kind;
    this.name = name;
    this.presence = presence;
  }

  /** Whether events may come. Before, `authorize` or the topic is waited for. */
  get isAttached(): boolean {
    return this.#attachment !== undefined;
  }

  /** Begins to deliver. */
  start(attachment: Attachment): void {
    this.#attachment = attachment;
    attachment.resume();
  }

  /** Takes an event of the log. */
  deliver(event: TopicEvent): boolean {
    const { connection } = this.#session;
    if (connection.isFull) {
      this.#held = event;
      this.#session.waitForRoom(this);
      return false;
    }
    connection.sendMessage(eventMessages.of(event, this.kind, this.name), 'close');
    if (event.kind === 'end') this.#session.ended(this);
    return true;
  }

  /** The connection has room again. */
  drained(): void {
    const held = this.#held;
    this.#held = undefined;
    // What was not sent before a revocation is not sent after it.
    const isRevoked = this.#attachment?.end?.how === 'revoked';
    if (held !== undefined && !(isRevoked && held.kind !== 'end') && !this.deliver(held)) return;
    this.#attachment?.resume();
  }

  /** The client may no longer read the log: ends the subscription without what waits. */
  revoke(): void {
    const cursor = this.#attachment?.cursor ?? '';
    this.close();
    const text = eventText({ kind: 'end', how: 'revoked', cursor }, this.kind, this.name);
    this.#session.send(text);
  }

  /** Ends the subscription; nothing more is delivered. */
  close(): void {
    const attachment = this.#attachment;
    this.#attachment = undefined;
    this.#held = undefined;
    attachment?.close();
    const { member } = this;
    this.member = undefined;
    if (member !== undefined)
      callReporting(
        () => member.leave(),
        undefined,
        (error) => this.#session.failed(error),
      );
  }

  [INSPECT](): object {
    return inspection(this, ['kind', 'name', 'presence', 'isAttached'], () => ({
      next: undefined,
      cursor: this.#attachment?.cursor,
    }));
  }
}
