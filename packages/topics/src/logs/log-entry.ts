import type { LogName, RunSettings, TopicSettings } from '../backplane/backplane.ts';
import type { Payload, PublicError, RunEndHow } from '../record.ts';
import type { DedupeId } from './dedupe.ts';
import type { PastEpoch } from './log.ts';

// The logs/ folder is the state of a backplane that has all logs in this process, as a state machine: an operation is
// planned, which changes nothing and yields an entry, and an entry is applied. Between the two, a journal writes the
// entry to its file. This folder does no I/O.

/** A change of the logs, complete in itself: applying the same entries in the same order makes the same logs. */
export type LogEntry =
  | BeginEntry
  | RecordEntry
  | DeleteEntry
  | ClaimEntry
  | ContinueEntry
  | CancelEntry
  | EndEntry
  | IdsEntry
  | DropEntry
  | ForgetEntry;

/**
 * A topic begins, goes on in a new epoch (then the one before is the last of `past`, and positions go on), or gets other
 * settings (then the epoch is the same).
 */
export interface BeginEntry {
  readonly type: 'begin';
  readonly topic: string;
  readonly epoch: string;
  /** The position before the first record of the epoch. */
  readonly position: number;
  readonly past: readonly PastEpoch[];
  /** Whether records of the epoch may have been lost, so that the next one begins another. */
  readonly isEpochOver: boolean;
  readonly settings: TopicSettings;
}

export interface RecordEntry {
  readonly type: 'record';
  readonly log: LogName;
  readonly position: number;
  /** Milliseconds since the Unix epoch. */
  readonly time: number;
  readonly key: string | undefined;
  readonly id: string | undefined;
  readonly payload: Payload;
}

interface DeleteEntry {
  readonly type: 'delete';
  readonly topic: string;
}

/** A run begins. */
export interface ClaimEntry {
  readonly type: 'claim';
  readonly id: string;
  readonly epoch: string;
  readonly past: readonly PastEpoch[];
  readonly isEpochOver: boolean;
  readonly attempt: number;
  readonly owner: string;
  readonly input: string | undefined;
  readonly settings: RunSettings;
  readonly time: number;
}

/** A run whose lease has expired has a new producer. */
export interface ContinueEntry {
  readonly type: 'continue';
  readonly id: string;
  readonly attempt: number;
  /** A new epoch, if records of the one before may have been lost. */
  readonly epoch?: string | undefined;
}

interface CancelEntry {
  readonly type: 'cancel';
  readonly id: string;
}

export interface EndEntry {
  readonly type: 'end';
  readonly id: string;
  readonly position: number;
  readonly time: number;
  readonly how: RunEndHow;
  /** JSON text. */
  readonly result: string | undefined;
  readonly error: PublicError | undefined;
}

/** Ids of appends whose records may be gone already. */
export interface IdsEntry {
  readonly type: 'ids';
  readonly topic: string;
  readonly ids: readonly DedupeId[];
}

/** Records and ids of a topic up to a position are dropped for `maxHistoryBytes`. */
export interface DropEntry {
  readonly type: 'drop';
  readonly topic: string;
  readonly to: number;
}

/** A log is forgotten, so that there is room for others. Subscribers are not notified, unlike those of `delete`. */
export interface ForgetEntry {
  readonly type: 'forget';
  readonly log: LogName;
}

/** The log that an entry changes. */
export function logOf(entry: LogEntry): LogName {
  switch (entry.type) {
    case 'record':
    case 'forget':
      return entry.log;
    case 'begin':
    case 'drop':
    case 'delete':
    case 'ids':
      return { kind: 'topic', name: entry.topic };
    case 'claim':
    case 'continue':
    case 'cancel':
    case 'end':
      return { kind: 'run', name: entry.id };
    default:
      return entry satisfies never;
  }
}
