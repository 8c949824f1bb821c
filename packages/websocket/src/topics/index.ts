/**
 * The WebSocket door of `@landspout/topics`: clients subscribe, publish, read and cancel over one connection, and resume
 * where they were after a loss.
 *
 * @packageDocumentation
 */

export type { TopicAction, TopicAuthorization } from '@landspout/web';
export { TopicDoor, type TopicDoorOptions, type TopicMembership } from '@landspout/web/topics';
export { TOPIC_DOOR_ERRORS, type TopicDoorErrorCode } from './topic-door-errors.ts';
export { TopicHandler } from './topic-handler.ts';
export type { TopicOptions } from './topic-options.ts';
