import { TopicGapError, type TopicRecord, type Topics } from 'landspout/topics';

const PAGE = { maxRecords: 100, maxBytes: 256 * 1024 };

/**
 * Reads the records that a topic has now.
 *
 * @param after - a cursor, or `start`.
 * @throws TopicGapError if records after the cursor are missing.
 */
export async function* readHistory<Message>(
  { backplane }: Topics,
  name: string,
  after: string,
): AsyncGenerator<TopicRecord<Message>> {
  const log = { kind: 'topic', name } as const;
  let page = await backplane.read(log, after === 'start' ? { start: true } : { after }, PAGE);
  for (;;) {
    if (page.gap !== undefined) throw new TopicGapError(page.gap);
    yield* page.records as TopicRecord<Message>[];
    if (!page.more) return;
    page = await backplane.read(log, { after: page.cursor }, PAGE);
  }
}
