/** A record of a topic or run. */
export interface TopicRecord<Message> {
  readonly kind: 'record';
  /** What was published; a `Uint8Array` if it was bytes. */
  readonly data: Message;
  readonly cursor: string;
}

/** Records between the position before and `cursor` are not delivered, because the server does not have them any more. */
export interface TopicGap {
  readonly kind: 'gap';
  /** `trimmed`: they are too old; `reset` or `future`: the topic began anew; `slow`: this client was too slow. */
  readonly reason: string;
  /** Delivery goes on after this position. */
  readonly cursor: string;
}

/** The topic or run, or this subscription of it, is over. */
export interface TopicEnd {
  readonly kind: 'end';
  /**
   * For a topic `deleted`, `revoked`, `closed` or `slow`; for a run `finished`, `failed`, `cancelled` or `interrupted`;
   * `ended` if it was over before and the server did not say how.
   */
  readonly how: string;
  readonly cursor: string;
  /** What a run has returned. */
  readonly result?: unknown;
  /** Why a run has failed. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** A member, with what it said about itself. */
export interface TopicMember {
  readonly member: string;
  readonly meta?: unknown;
}

/** Either `members`, all that are present, which replaces what was known before; or one that `joined` or `left`. */
export interface TopicPresence {
  readonly kind: 'presence';
  readonly members?: readonly TopicMember[];
  readonly joined?: string;
  readonly left?: string;
  /** Of the member that joined. */
  readonly meta?: unknown;
}

/** What `read` yields. */
export type TopicEvent<Message> = TopicRecord<Message> | TopicGap | TopicEnd;

/** Where reading begins. By default, a topic is read from now on, and a run from its start. */
export interface TopicPosition {
  /** A cursor, `'start'` for the oldest record kept, or `'now'`. */
  readonly after?: string;
  /** Begins this many records before the end. Not together with `after`. */
  readonly last?: number;
}

/** The callbacks of a subscription. An error that one throws is reported as uncaught; the subscription goes on. */
export interface TopicHandlers<Message> extends TopicPosition {
  /** Called with each record, once and in order. */
  readonly onRecord?: (data: Message, cursor: string) => void;
  readonly onGap?: (gap: TopicGap) => void;
  /** Called once, at the end; the subscription is then closed. */
  readonly onEnd?: (end: TopicEnd) => void;
  /** If it is given, the server is asked for the members of the topic. Not called while records arrive by long poll. */
  readonly onPresence?: (presence: TopicPresence) => void;
  /** Called each time the server has accepted the subscription, with its position: records after it will be delivered. */
  readonly onPosition?: (cursor: string) => void;
  /** Called once, if the server refuses the subscription, which is then closed. A lost connection is not an error. */
  readonly onError?: (error: Error) => void;
}

/** A subscription of a topic. */
export interface TopicSubscription {
  /** The position of the last record that was delivered; `undefined` until the server has named the first position. */
  readonly cursor: string | undefined;
  /** Ends it without a callback. Does nothing if it is closed. */
  close(): void;
}

/** A subscription of a run. */
export interface RunSubscription extends TopicSubscription {
  /**
   * Cancels the run, also if the subscription is closed. Repeated until the server has acknowledged it.
   *
   * @returns `running` if the run is about to end, otherwise how it has ended.
   * @throws TopicsError as `publish`.
   */
  cancel(): Promise<string>;
}

/** @internal What a server says of a topic or run, over any transport. */
export interface Frame {
  readonly op?: unknown;
  readonly id?: unknown;
  readonly topic?: unknown;
  readonly run?: unknown;
  readonly cursor?: unknown;
  readonly data?: unknown;
  readonly bytes?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly how?: unknown;
  readonly retryMs?: unknown;
}
