/**
 * The client of topics and runs for browsers and workers; it also runs in Node. It has no dependencies.
 *
 * @packageDocumentation
 */

export { TOPICS_CLIENT_ERRORS, TopicsError, type TopicsErrorCode } from './errors.ts';
export type {
  RunSubscription,
  TopicEnd,
  TopicEvent,
  TopicGap,
  TopicHandlers,
  TopicMember,
  TopicPosition,
  TopicPresence,
  TopicRecord,
  TopicSubscription,
} from './events.ts';
export type { TopicsClientOptions, TopicsState, TopicsStatus, TopicsTransport } from './options.ts';
export type { PublishOptions } from './outbox.ts';
export type { TopicsFetch, TopicsSignal, TopicsSocket, TopicsSocketClass } from './platform.ts';
export { readRun, readTopic } from './read-topic.ts';
export { TopicsClient } from './topics-client.ts';
