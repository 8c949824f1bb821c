/**
 * Topics and runs over HTTP at one URL: event stream or long poll for GET, publishing for POST, and cancelling a run for
 * DELETE. Topics and runs are known only by their shape, which `@landspout/topics` has.
 *
 * @packageDocumentation
 */

export type {
  RunsSource,
  TopicDoorHandler,
  TopicMembership,
  TopicPresence,
  TopicSource,
  TopicsSource,
} from './door-handler.ts';
export type { TopicDoorOptions } from './door-options.ts';
export { leaveFailed } from './leave-failed.ts';
export { publishId } from './publish-id.ts';
export { TopicDoor } from './topic-door.ts';
export { TopicRequestHandler } from './topic-request-handler.ts';
export { isName } from './topic-target.ts';
