import type { TopicAuthorization } from '../event-stream/authorization.ts';
import type { CursorSource } from '../event-stream/cursor-source.ts';
import type { AnyHandler } from '../handler/lifecycle.ts';

/** Topics by name. */
export interface TopicsSource {
  /**
   * Grows with each revocation of subscriptions. If it has grown since `authorize` was asked, it is asked again. Default:
   * no subscription is ever revoked.
   */
  readonly revocations?: number | undefined;
  /** Making one must cost little: it is also called for names that a client has made up. */
  topic(name: string): TopicSource;
}

/** One topic. */
export interface TopicSource extends CursorSource {
  /**
   * Publishes a value that came as JSON.
   *
   * @param options - `id`: a second publish of the same id returns the first cursor.
   * @returns the cursor of the record.
   */
  publish(data: unknown, options?: { readonly id?: string }): Promise<string>;
  /** Adds a member, for handlers with `member`. Default: none; such a handler fails. */
  join?(member: string, options?: { readonly meta?: unknown }): Promise<TopicPresence>;
}

/** One join of a member. */
export interface TopicPresence {
  leave(): unknown;
}

/** Who is present while subscribed. */
export interface TopicMembership {
  /** At most 256 bytes. Connections and requests of the same member count as one. */
  readonly member: string;
  /** What other members see: JSON of at most 1 KiB. Default: none. */
  readonly meta?: unknown;
}

/** Runs by id. */
export interface RunsSource {
  reader(id: string): CursorSource;
  /**
   * Asks a run to end.
   *
   * @returns how the run has ended, in `how` or in `end`; neither, or `running`, if it is not over yet.
   */
  cancel(id: string): Promise<RunCancellation>;
}

export interface RunCancellation {
  readonly how?: string;
  readonly end?: { readonly how: string } | undefined;
}

/** What a {@link TopicDoor} needs of a handler. */
export type TopicDoorHandler = AnyHandler & {
  readonly topics: TopicsSource;
  /** Returns a topic by the name that a client has sent. Default: that of {@link topics}. */
  topic?(name: string): TopicSource;
  /** Without runs, every run is a 404. */
  readonly runs?: RunsSource | undefined;
  /** Decides whether the client may do something: only `true`, or a promise of `true`, allows it. */
  authorize(question: TopicAuthorization<never>): boolean | PromiseLike<boolean>;
  /**
   * Returns whose subscription it is, for `topics.revoke(topic, subject)`, and whose records are published: those of
   * different subjects may have the same `ref`. Default: none.
   */
  subject?(): string | undefined;
  /**
   * Returns the member that is present in a topic while an event stream is open or a long poll is responded to. Called
   * for each of them that was allowed. Default: none.
   */
  member?(about: {
    readonly topic: string;
  }): TopicMembership | undefined | PromiseLike<TopicMembership | undefined>;
  /**
   * Whether pages of an origin may use the door; asked for requests that have the header `Origin`. Default: those of the
   * application itself.
   */
  checkOrigin?(origin: string): boolean;
  /**
   * By what publishes are counted for the rate limit, such as the id of a user; undefined for none. Default: the
   * address of the client; of an IPv6 address, its /64 prefix.
   */
  publishKey?(): string | undefined;
};
