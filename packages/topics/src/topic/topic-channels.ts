import { Buffer } from 'node:buffer';
import { channel } from 'node:diagnostics_channel';
import type { Payload } from '../record.ts';

/** The messages are each a `TopicPublishMessage` of topics.ts, which this file does not import. */
const published = channel('landspout.topics.publish');

/** @param topics - the Topics by which the record was published. */
export function publishPublished(topics: object, topic: string, payload: Payload): void {
  if (!published.hasSubscribers) return;
  const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.byteLength;
  published.publish({ topics, topic, bytes });
}
