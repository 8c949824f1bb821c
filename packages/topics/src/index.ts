/**
 * Topics and runs: ordered logs with cursors, in memory or in a journal file.
 *
 * @packageDocumentation
 */

export type { TopicEvent } from './record.ts';
