import { ArgumentChecks, CodedError } from '@landspout/ioloop/errors';
import type { TopicGap } from './record.ts';

/** The ways in which a call on topics or runs can fail. */
export const TOPICS_ERRORS = {
  ERR_TOPICS_USAGE: { meaning: 'An option or argument is invalid; nothing was published. See the message.' },
  ERR_TOPICS_CURSOR: {
    meaning:
      'The text is not a cursor: a cursor is 1 to 64 of the characters A-Z a-z 0-9 . _ - and comes from a record or a subscription.',
  },
  ERR_TOPICS_INVALID_DATA: {
    meaning: 'The schema of the topic refuses the data; nothing was published. See `issues`.',
  },
  ERR_TOPICS_RECORD_TOO_LARGE: {
    meaning: 'The record is larger than `maxRecordBytes`; nothing was published.',
  },
  ERR_TOPICS_TOO_MANY_TOPICS: {
    meaning: '`maxTopics` topics are in use, and none of them can be forgotten; nothing was published.',
  },
  ERR_TOPICS_TOO_MANY_MEMBERS: {
    meaning: 'The topic has `maxMembers` members already; the member has not joined.',
  },
  ERR_TOPICS_UNAVAILABLE: {
    meaning:
      'The backplane did not take the call in time, or too many calls wait for it already; nothing was done.',
  },
  ERR_TOPICS_OUTCOME_UNKNOWN: {
    meaning:
      'The backplane was lost or too slow before it replied, so it may have done what it was called for. Publish again with the same `id` to be sure.',
  },
  ERR_TOPICS_BUSY: { meaning: 'The queue to the backplane is full; nothing was published.' },
  ERR_TOPICS_PROCESSES_VERSION: {
    meaning:
      'The parent or the child runs a newer version of the package, so this child only reads; nothing was done. Restart the whole program.',
  },
  ERR_TOPICS_GAP: {
    meaning:
      'The records after the given cursor are not all kept; see `gap` for the reason and for the cursor to go on from.',
  },
  ERR_TOPICS_CLOSED: { meaning: 'The topics, the runs or the backplane were closed before the call.' },
  ERR_TOPICS_JOURNAL_IN_USE: {
    meaning: 'Another process has opened the journal. One process owns a journal; close the other first.',
  },
  ERR_TOPICS_JOURNAL_OPEN: { meaning: 'The journal cannot be opened; see the message and the `cause`.' },
  ERR_TOPICS_JOURNAL_WRITE: {
    meaning:
      'The journal could not be written, for example because the disk is full; nothing was published. See the `cause`.',
  },
  ERR_TOPICS_JOURNAL_CORRUPT: {
    meaning:
      'A checksum in the middle of the journal is wrong; see `file` and `offset`. `repair: true` keeps what comes before it.',
  },
  ERR_TOPICS_JOURNAL_VERSION: {
    meaning: 'The journal was written by a newer version, so this one does not write to it.',
  },
  ERR_RUN_OWNER: { meaning: 'The run exists and has another owner.' },
  ERR_RUN_NOT_FOUND: { meaning: 'There is no such run, or its `ttlMs` has passed since it ended.' },
  ERR_RUN_LIMIT: {
    meaning:
      'The log of the run would exceed `maxRecords` or `maxBytes`, or too many runs exist; nothing was written.',
  },
  ERR_RUN_LEASE_LOST: {
    meaning: 'The run was ended or continued elsewhere, so this producer may not write to it any more.',
  },
  ERR_RUN_FAILED: {
    meaning: 'The producer of the run threw an error; its details are in the log of the server only.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type TopicsErrorCode = keyof typeof TOPICS_ERRORS;

/** The caller passed something invalid; nothing was published or changed. */
export class TopicsUsageError extends CodedError<
  'ERR_TOPICS_USAGE' | 'ERR_TOPICS_CURSOR' | 'ERR_TOPICS_INVALID_DATA'
> {
  override readonly name = 'TopicsUsageError';
  /** What a schema found, for `ERR_TOPICS_INVALID_DATA`; empty otherwise. */
  readonly issues: readonly SchemaIssue[];

  constructor(
    code: TopicsUsageError['code'],
    message: string,
    options: ErrorOptions & { readonly issues?: readonly SchemaIssue[] } = {},
  ) {
    super(code, message, options);
    this.issues = options.issues ?? [];
  }
}

/** One finding of a schema, as Standard Schema defines it. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** A limit was reached; nothing was published or changed. */
export class TopicsLimitError extends CodedError<
  | 'ERR_TOPICS_RECORD_TOO_LARGE'
  | 'ERR_TOPICS_TOO_MANY_TOPICS'
  | 'ERR_TOPICS_TOO_MANY_MEMBERS'
  | 'ERR_RUN_LIMIT'
> {
  override readonly name = 'TopicsLimitError';
}

/** The backplane could not do its part. With `ERR_TOPICS_OUTCOME_UNKNOWN`, it may have done it all the same. */
export class BackplaneError extends CodedError<
  | 'ERR_TOPICS_UNAVAILABLE'
  | 'ERR_TOPICS_OUTCOME_UNKNOWN'
  | 'ERR_TOPICS_BUSY'
  | 'ERR_TOPICS_CLOSED'
  | 'ERR_TOPICS_JOURNAL_WRITE'
  | 'ERR_TOPICS_PROCESSES_VERSION'
> {
  override readonly name = 'BackplaneError';
}

/** A run does not permit the call. */
export class RunError extends CodedError<'ERR_RUN_OWNER' | 'ERR_RUN_NOT_FOUND' | 'ERR_RUN_LEASE_LOST'> {
  override readonly name = 'RunError';
}

/** Records that a program has asked for are no longer there. */
export class TopicGapError extends CodedError<'ERR_TOPICS_GAP'> {
  override readonly name = 'TopicGapError';
  readonly gap: TopicGap;

  constructor(gap: TopicGap) {
    super(
      'ERR_TOPICS_GAP',
      `records are missing (${gap.reason}); go on after ${gap.cursor}, or read again from the start`,
    );
    this.gap = gap;
  }
}

/** The checks of this package. */
export const topicsChecks = new ArgumentChecks(
  (problem) => new TopicsUsageError('ERR_TOPICS_USAGE', problem),
);
