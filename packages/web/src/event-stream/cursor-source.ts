/**
 * A log with positions: a topic, the reader of a run, or another log of the program. This package knows topics and runs
 * only by this shape.
 */
export interface CursorSource {
  /** The name of the topic. */
  readonly name?: string;
  /** The id of the run. */
  readonly id?: string;
  /**
   * Grows with each revocation of subscriptions. If it has grown since `authorize` was asked, it is asked again before
   * anything is sent. Default: no subscription is ever revoked.
   */
  readonly revocations?: number | undefined;
  /**
   * Returns the source to read. Called after `authorize` has allowed it, for sources that are looked up only then.
   * Default: this one.
   */
  resolve?(): CursorSource;
  /**
   * Begins to read.
   *
   * @throws an error with the code `ERR_TOPICS_CURSOR` if `after` is malformed, unless `invalidCursor` is `'gap'`;
   *   `ERR_RUN_NOT_FOUND` if there is no such run; `ERR_TOPICS_UNAVAILABLE` or `ERR_TOPICS_BUSY` if the log cannot be read
   *   at present.
   */
  subscribe(options: CursorReadOptions): Promise<CursorSubscription>;
  /**
   * Like {@link subscribe}, but the events are pushed to `sink`, for sources with very many readers. Event streams prefer
   * it. Default: none.
   */
  attach?(sink: CursorSink, options: CursorReadOptions): Promise<CursorAttachment>;
}

/** Takes the events of a source for one reader. */
export interface CursorSink {
  /** @returns false if nothing more is to be delivered before `resume` of the attachment is called. */
  deliver(event: CursorEvent): boolean;
}

/** One reader of a source that pushes. It is paused at first. */
export interface CursorAttachment {
  /** The position: where reading begins, and later that of the last event that was delivered. */
  readonly cursor: string;
  /** How the log has ended; undefined while it goes on. */
  readonly end: EndEvent | undefined;
  /** Delivers events, those that are there and those to come, until the sink is full. */
  resume(): void;
  /** Delivers nothing more. */
  close(): void;
}

export interface CursorReadOptions {
  /** Begins after this position. `'start'` is the oldest record that is kept, `'now'` the end. Default: `'now'`. */
  readonly after?: string;
  /** Begins this many records before the end. */
  readonly last?: number;
  /** What a malformed `after` is: an error, or a gap with the reason `reset`. Default: `'error'`. */
  readonly invalidCursor?: 'error' | 'gap';
  /** Whether changes of presence are reported. Default: false. */
  readonly presence?: boolean;
  /** Whose subscription it is, so that the topic can end those of one user. Default: none. */
  readonly subject?: string;
  readonly signal?: AbortSignal;
}

/** The events of a {@link CursorSource}, for one reader. Nothing is read while `next` is not called. */
export interface CursorSubscription extends AsyncIterable<CursorEvent> {
  /** The position: where reading begins, and later that of the last event that was returned. */
  readonly cursor: string;
  /** How the log has ended; undefined while it goes on. */
  readonly end: EndEvent | undefined;
  close(): void;
}

export type CursorEvent = RecordEvent | GapEvent | EndEvent | PresenceEvent;

/** A record. All readers in a process get the same object. */
export interface RecordEvent {
  readonly kind: 'record';
  readonly cursor: string;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  /** JSON text, or bytes. */
  readonly payload: string | Uint8Array;
}

/** Records are missing; reading goes on after `cursor`. */
export interface GapEvent {
  readonly kind: 'gap';
  readonly reason: 'reset' | 'trimmed' | 'future' | 'slow';
  readonly cursor: string;
}

/** The last event. */
export interface EndEvent {
  readonly kind: 'end';
  readonly how: string;
  readonly cursor: string;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

/** All members of a topic, or one that joined or left. */
export interface PresenceEvent {
  readonly kind: 'presence';
  readonly members?: readonly { readonly member: string; readonly meta?: unknown }[] | undefined;
  readonly joined?: string | undefined;
  readonly left?: string | undefined;
  readonly meta?: unknown;
}
