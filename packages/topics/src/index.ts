/**
 * Topics and runs: ordered logs with cursors, in the memory of a process, in a journal file, or shared by child
 * processes.
 *
 * A topic has a bounded history, subscribers and members. A run has a producer that does not belong to any request, and
 * an end. This package has no network protocol: see `@landspout/websocket/topics` and `eventStream` of `@landspout/web`.
 *
 * @packageDocumentation
 */

// Topics.

export type { MessageSchema } from './topic/schema.ts';
export type { JoinOptions, Membership, PublishOptions } from './topic/topic.ts';
export { Topic } from './topic/topic.ts';
export type { TopicConfig } from './topic/topic-config.ts';
export { type TopicOptions, Topics, type TopicsOptions, type TopicsStats } from './topic/topics.ts';

// Runs.

export { Run, type RunProducer } from './runs/run.ts';
export { RunFailure } from './runs/run-failure.ts';
export { type RunEnd, RunHandle } from './runs/run-handle.ts';
export { RunReader } from './runs/run-reader.ts';
export type { CancelOutcome, RunStatus, RunsStats } from './runs/run-status.ts';
export { type DrainResult, Runs } from './runs/runs.ts';
export type {
  DrainOptions,
  InterruptedRun,
  OnInterrupted,
  RunLimits,
  RunsOptions,
  StartOptions,
} from './runs/runs-options.ts';

// Diagnostics channels.

export type { RunEndMessage, RunRecord, RunStartMessage } from './runs/run-messages.ts';
export type { TopicPublishMessage } from './topic/topics.ts';

// Subscriptions, and what they deliver.

export {
  type Payload,
  type PresenceEvent,
  type PresenceJoined,
  type PresenceLeft,
  type PresenceSnapshot,
  type PublicError,
  type RunEndHow,
  type TopicEnd,
  type TopicEndHow,
  type TopicEvent,
  type TopicGap,
  type TopicMember,
  TopicRecord,
} from './record.ts';
export type { Attachment, SubscriptionSink } from './subscription/delivery.ts';
export type { History, HistoryOptions } from './subscription/read-history.ts';
export type { SubscribeOptions, SubscriptionPolicy } from './subscription/subscribe-options.ts';
export { Subscription } from './subscription/subscription.ts';

// Backplanes.

export type * from './backplane/backplane.ts';
export {
  JournalBackplane,
  type JournalStats,
} from './journal/journal-backplane.ts';
export { JournalError, type JournalErrorOptions } from './journal/journal-error.ts';
export type { JournalBackplaneOptions, JournalDurability } from './journal/journal-options.ts';
export type { StoreLimits } from './logs/log-store.ts';
export { MemoryBackplane, type MemoryBackplaneOptions } from './memory/memory-backplane.ts';
export { ProcessesBackplane, type ProcessesStats } from './processes/processes-backplane.ts';
export type { ProcessesBackplaneOptions } from './processes/processes-options.ts';

// For backplanes of other packages.

export { recordBytes } from './backplane/backplane.ts';
export { newEpoch } from './cursor.ts';
export { frozen } from './record.ts';

// Names and cursors from outside.

export { isCursor } from './cursor.ts';
export { isName } from './topic-name.ts';

// Errors.

export {
  BackplaneError,
  RunError,
  type SchemaIssue,
  TOPICS_ERRORS,
  TopicGapError,
  type TopicsErrorCode,
  TopicsLimitError,
  TopicsUsageError,
} from './errors.ts';
