import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** The data of a record as it is stored and sent: JSON text, or bytes. */
export type Payload = string | Uint8Array;

/**
 * One entry of a log. All subscribers in a process share the object, so its data must not be changed: `data` is frozen
 * unless it consists of bytes.
 */
export class TopicRecord<Message = unknown> {
  /** The position: pass it as `after` to read what follows. Compare it for equality only. */
  readonly cursor: string;
  /** When the record was published, in milliseconds since the Unix epoch, by the clock of the backplane. */
  readonly time: number;
  /** What the record is about, for subscribers that need only the latest of each key. */
  readonly key: string | undefined;
  /** JSON text, or bytes. */
  readonly payload: Payload;
  #data: Message | undefined;

  constructor(cursor: string, time: number, key: string | undefined, payload: Payload) {
    this.cursor = cursor;
    this.time = time;
    this.key = key;
    this.payload = payload;
  }

  /** For telling records from other events. */
  get kind(): 'record' {
    return 'record';
  }

  /** What was published: a frozen copy, parsed once for all subscribers of the process; or the bytes. */
  get data(): Message {
    this.#data ??=
      typeof this.payload === 'string' ? frozen(JSON.parse(this.payload)) : (this.payload as Message);
    return this.#data as Message;
  }

  [INSPECT](): object {
    return inspection(this, ['cursor', 'time', 'key', 'data']);
  }
}

/** The records after the cursor are not all there. Delivery goes on after {@link cursor}. */
export interface TopicGap {
  readonly kind: 'gap';
  /**
   * `reset`: the log began anew since that cursor; `trimmed`: its history does not reach back so far; `future`: the
   * cursor is beyond the end; `slow`: the subscriber did not read fast enough, and records were dropped.
   */
  readonly reason: 'reset' | 'trimmed' | 'future' | 'slow';
  readonly cursor: string;
}

/** The log has ended: no record follows. */
export interface TopicEnd {
  readonly kind: 'end';
  /**
   * Topics: `deleted`, `revoked`, `slow` or `closed` (by the program). Runs: `finished`, `failed`, `cancelled` or
   * `interrupted` (the producer's process ended).
   */
  readonly how: TopicEndHow | RunEndHow;
  /** The position of the end. */
  readonly cursor: string;
  /** What the producer of a finished run returned. */
  readonly result?: unknown;
  /** Why a run failed, in words for the public. */
  readonly error?: PublicError;
}

export type TopicEndHow = 'deleted' | 'revoked' | 'slow' | 'closed';
export type RunEndHow = 'finished' | 'failed' | 'cancelled' | 'interrupted';

/** What readers of a run may know of its failure. */
export interface PublicError {
  readonly code: string;
  readonly message: string;
}

/** A member of a topic. */
export interface TopicMember {
  readonly member: string;
  /** What the member's first join said of it: JSON of at most 1 KiB. */
  readonly meta?: unknown;
}

/** All members: first for each subscriber that asks for presence, and again after each loss of the backplane. */
export interface PresenceSnapshot {
  readonly kind: 'presence';
  readonly members: readonly TopicMember[];
  readonly joined?: undefined;
  readonly left?: undefined;
}

/** A member has joined for the first time, or left for the last. Not a record: it has no cursor. */
export interface PresenceJoined {
  readonly kind: 'presence';
  readonly joined: string;
  readonly meta?: unknown;
  readonly members?: undefined;
  readonly left?: undefined;
}

export interface PresenceLeft {
  readonly kind: 'presence';
  readonly left: string;
  readonly members?: undefined;
  readonly joined?: undefined;
}

export type PresenceEvent = PresenceSnapshot | PresenceJoined | PresenceLeft;

/** What a subscription delivers. */
export type TopicEvent<Message = unknown> = TopicRecord<Message> | TopicGap | TopicEnd | PresenceEvent;

/**
 * Freezes a value that consists of JSON, because several readers share it. Without recursion: texts from outside may be
 * nested deeply.
 */
export function frozen<Value>(value: Value): Value {
  const left: unknown[] = [value];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    Object.freeze(next);
    for (const inner of Object.values(next)) if (typeof inner === 'object') left.push(inner);
  }
  return value;
}
