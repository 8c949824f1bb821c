import type { LogName, RunSettings, TopicSettings } from '../backplane/backplane.ts';
import type { Payload, PublicError, RunEndHow } from '../record.ts';

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
  | ForgetEntry;

/** A topic begins, or goes on in a new epoch or with new settings; positions go on in either case. */
export interface BeginEntry {
  readonly type: 'begin';
  readonly topic: string;
  readonly epoch: string;
  /** The position before the first record of the epoch. */
  readonly position: number;
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

export interface DeleteEntry {
  readonly type: 'delete';
  readonly topic: string;
}

/** A run begins. */
export interface ClaimEntry {
  readonly type: 'claim';
  readonly id: string;
  readonly epoch: string;
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
}

export interface CancelEntry {
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

/** A run whose `ttlMs` has passed since its end is gone. */
export interface ForgetEntry {
  readonly type: 'forget';
  readonly id: string;
}
