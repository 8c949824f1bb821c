import type {
  Payload,
  PublicError,
  RunEndHow,
  TopicEnd,
  TopicGap,
  TopicMember,
  TopicRecord,
} from '../record.ts';

/** Identifies one log of a backplane. Topics and runs have names of their own: both may have one of the same name. */
export interface LogName {
  readonly kind: 'topic' | 'run';
  readonly name: string;
}

/**
 * What a log keeps: when one of the limits is passed, its oldest records go. The newest stays while it is younger than
 * `maxAgeMs`, whatever its size, unless `maxRecords` is 0.
 */
export interface Retention {
  /** Most records. */
  readonly maxRecords: number;
  /** Most bytes, counted as {@link recordBytes} does. */
  readonly maxBytes: number;
  /** Longest time that a record is kept, in milliseconds. */
  readonly maxAgeMs: number;
}

/** A record to append to the log of a topic. */
export interface NewRecord {
  /** Bytes are the backplane's from now on: the caller has copied them. */
  readonly payload: Payload;
  readonly key?: string | undefined;
  /**
   * A second append with the same id within `dedupeMs` appends nothing and returns the first cursor, unless the backplane
   * had no room for the id any more.
   */
  readonly id?: string | undefined;
}

/** What the publisher of a topic determines about its log. */
export interface TopicSettings extends Retention {
  /** How long the ids of appends are remembered, in milliseconds. */
  readonly dedupeMs: number;
  /** Most ids remembered. */
  readonly maxDedupeIds: number;
}

/** Where reading starts: after a cursor, with the oldest record kept, or `last` records before the end. */
export type ReadFrom = { readonly after: string } | { readonly start: true } | { readonly last: number };

/** A part of a log, in order. */
export interface Page {
  /** At least one record unless the end of the log is reached; at most as many as asked for. */
  readonly records: readonly TopicRecord[];
  /** The position before the first of the records, where reading started. After a gap it is that of the gap. */
  readonly start: string;
  /** The position after the last of the records: read on from it. Without records, the same as `start`. */
  readonly cursor: string;
  /** Set if records are missing before the first one of this page. Its `cursor` is the position before that record. */
  readonly gap?: TopicGap | undefined;
  /** Whether more records are kept after this page. */
  readonly more: boolean;
  /** How the log has ended, if it has and this page reaches its end. */
  readonly end?: TopicEnd | undefined;
}

/** Most that one page contains. A page has at least one record, whatever its size. */
export interface PageSize {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** Notified of what happens to one log, in order. It must not throw, and must not block. */
export interface LogFollower {
  /** A record was appended. Each is passed once, in the order of the positions. */
  record(record: TopicRecord): void;
  /** The backplane has lost its place; the next record is the one after `gap.cursor`. */
  gap(gap: TopicGap): void;
  /** The log has ended: the topic was deleted, the run has an end, or the backplane was closed. Nothing follows. */
  ended(end: TopicEnd): void;
  /** Subscriptions of this subject end; all of them if it is undefined. Of topics only. */
  revoked?(subject: string | undefined): void;
  /** The end of the run is requested. Of runs only. */
  cancelRequested?(): void;
  /** A member has joined or left, or (`members`) all are listed anew. Only if `presence` was asked for. Topics only. */
  presence?(change: PresenceChange): void;
}

export type PresenceChange =
  | { readonly members: readonly TopicMember[] }
  | { readonly joined: TopicMember }
  | { readonly left: string };

/** A log that is followed. */
export interface Following {
  /** The position where following started: the follower is notified of every record after it. */
  readonly cursor: string;
  /** Set if the log had ended before; the follower is notified of nothing. */
  readonly end?: TopicEnd | undefined;
  /** The members at that moment, if `presence` was asked for. */
  readonly members: readonly TopicMember[];
  /** Stops. The follower is notified of nothing more. */
  close(): void;
}

/** What a run may write, and how long it may take. */
export interface RunSettings {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** How long a lease lasts without renewal, in milliseconds, by the clock of the backplane. */
  readonly leaseMs: number;
  /** How long the log is kept after the end, in milliseconds. */
  readonly ttlMs: number;
  /** How long one producer may take, in milliseconds. The backplane keeps it for those that continue the run. */
  readonly maxDurationMs: number;
}

/** A run to claim. */
export interface NewRun {
  readonly id: string;
  readonly owner: string;
  /** JSON text, for `onInterrupted`; undefined if there is none. */
  readonly input: string | undefined;
  readonly settings: RunSettings;
}

/** What the backplane knows of a run. */
export interface RunInfo {
  readonly id: string;
  readonly owner: string;
  readonly input: string | undefined;
  /** When it was claimed for the first time, in milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** Number of records that were written. */
  readonly records: number;
  /** How often it was continued after an interruption: 0 at first. */
  readonly attempt: number;
  readonly cancelRequested: boolean;
  /** Undefined while the run goes on. */
  readonly end: TopicEnd | undefined;
  /** The position of the last record, or of the end. */
  readonly cursor: string;
}

/** A run that this process may write to, with the fencing token that says so. */
export interface RunClaim {
  readonly token: number;
  readonly run: RunInfo;
  /** Those of the first claim, also if another process continues the run. */
  readonly settings: RunSettings;
}

/** How a run is to end. */
export interface NewRunEnd {
  readonly how: RunEndHow;
  /** JSON text of the result; only of `finished`. */
  readonly result?: string | undefined;
  /** Only of `failed`. */
  readonly error?: PublicError | undefined;
}

/** Counts of a backplane. */
export interface BackplaneStats {
  readonly topics: number;
  readonly runs: number;
  readonly records: number;
  /** Of all records, counted as {@link recordBytes} does, and of the ids that are remembered. */
  readonly historyBytes: number;
  readonly members: number;
}

/**
 * What topics and runs are kept in. The classes above it ({@link Topics}, {@link Runs}) check names, data and options;
 * a backplane gets only valid ones, and orders, keeps and distributes.
 *
 * Every method that returns a promise rejects with a `BackplaneError` if the backplane fails or is closed, and with an
 * error of its own if it cannot change what a newer version has written. Each runs to its end even if its caller no
 * longer waits.
 */
export interface Backplane {
  /** Such as `memory`, for statistics and messages. */
  readonly name: string;
  /**
   * Number of revocations so far, of any topic and in any process, that this process knows of. It includes all before a
   * call of `follow` when that call settles.
   */
  readonly revocations: number;

  // Logs of topics and runs.

  /**
   * Appends a record to the log of a topic, which begins with it if there is none.
   *
   * @returns its cursor, after it is as durable as the backplane promises; followers were notified then.
   */
  append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string>;
  /**
   * Reads a part of a log. A topic without a log has an empty one.
   *
   * @param from - a well-formed cursor that is not of this log is a gap, never an error.
   * @throws RunError `ERR_RUN_NOT_FOUND`
   */
  read(log: LogName, from: ReadFrom, size: PageSize): Page | Promise<Page>;
  /**
   * Follows a log until it is closed. A topic that is followed keeps its epoch.
   *
   * @throws RunError `ERR_RUN_NOT_FOUND`; TopicsLimitError `ERR_TOPICS_TOO_MANY_TOPICS`.
   */
  follow(log: LogName, follower: LogFollower, options: FollowOptions): Following | Promise<Following>;
  /** Compares two cursors that this backplane made for one log, both of the present log. Negative: `a` is before `b`. */
  compare(a: string, b: string): number;
  /**
   * Ends all subscriptions of a topic in all processes (`deleted`), and forgets its history. Its members stay: followers
   * of the log that begins next find them.
   */
  delete(topic: string): Promise<void>;
  /** Ends subscriptions of a topic in all processes. @param subject - only those with this subject. */
  revoke(topic: string, subject: string | undefined): Promise<void>;

  // Presence. Joins of one member are counted by process and topic: it leaves after as many leaves. Calls about one member
  // take effect in the order of the calls.

  /** Adds a member on behalf of this process. @throws TopicsLimitError `ERR_TOPICS_TOO_MANY_MEMBERS`. */
  join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void>;
  /** Takes back one join of a member. The leave of the last is announced `leaveDelayMs` later unless it has joined again. */
  leave(topic: string, member: string, settings: PresenceSettings): Promise<void>;

  // Runs. Each of these is atomic, and calls with one token take effect in the order of the calls.

  /**
   * Claims an id, or returns the run that has it. Ended runs may be forgotten before `ttlMs` to make room for it.
   *
   * @throws TopicsLimitError `ERR_RUN_LIMIT` if too many runs go on.
   */
  claimRun(run: NewRun): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }>;
  /** @throws RunError `ERR_RUN_LEASE_LOST` if the token is not the latest, or the run has ended. */
  renewRun(id: string, token: number): Promise<void>;
  /**
   * Gives up the lease of a run that goes on, so that {@link claimExpiredRun} finds it at once. The token is no longer
   * valid.
   *
   * @throws RunError `ERR_RUN_LEASE_LOST`.
   */
  releaseRun(id: string, token: number): Promise<void>;
  /**
   * Appends a record to a run.
   *
   * @throws RunError `ERR_RUN_LEASE_LOST`; TopicsLimitError `ERR_RUN_LIMIT`: nothing was written.
   */
  writeRun(id: string, token: number, payload: Payload): Promise<string>;
  /** Ends a run. @throws RunError `ERR_RUN_LEASE_LOST`, also if there is no such run. */
  endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd>;
  /** Marks a run, whose followers are notified. Changes nothing if it has ended. @throws RunError `ERR_RUN_NOT_FOUND`. */
  cancelRun(id: string): Promise<RunInfo>;
  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  runInfo(id: string): Promise<RunInfo>;
  /**
   * Claims a run whose lease has expired, with a new token, and counts the attempt. Only one caller gets it.
   *
   * @param id - one run; undefined: any.
   * @returns undefined if there is none.
   */
  claimExpiredRun(id?: string): Promise<RunClaim | undefined>;

  stats(): BackplaneStats;
  /** Ends what is followed with `closed`, and frees everything. The second call does nothing. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface FollowOptions {
  readonly presence: boolean;
}

export interface PresenceSettings {
  readonly maxMembers: number;
  readonly leaveDelayMs: number;
}

/** What a record counts towards `maxBytes` and `maxHistoryBytes`: its data and key, and what its object takes. */
export function recordBytes(payload: Payload, key: string | undefined): number {
  const dataBytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  return RECORD_OVERHEAD_BYTES + dataBytes + (key === undefined ? 0 : key.length);
}

/** Measured on Node 20: the object, its cursor, and its place in the history. */
const RECORD_OVERHEAD_BYTES = 150;
