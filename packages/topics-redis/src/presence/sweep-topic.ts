import type { RedisLink } from '../connection/redis-link.ts';
import { listOf, textOf } from '../logs/replies.ts';
import { joinedKeys, presenceKeysOf } from './presence-keys.ts';
import { SWEEP } from './presence-scripts.ts';

/** How many topics are swept at once: Redis executes what one process has sent without a break. */
export const SWEPT_AT_ONCE = 10;

/** What sweeping a topic needs of the process. */
export interface TopicSweepServices {
  readonly link: RedisLink;
  readonly prefix: string;
  /** A leave of the topic is due in so many milliseconds; -1: none. */
  readonly due: (topic: string, dueMs: number) => void;
}

/**
 * Removes the members of a process that has ended from one topic, some of them at a time.
 *
 * @returns in how many milliseconds the next leave of the topic is due, and -1 if there is none; undefined if a newer
 *   version has written it.
 * @throws BackplaneError
 */
export async function sweepTopic(
  { link, prefix, due }: TopicSweepServices,
  topic: string,
  processId: string,
): Promise<number | undefined> {
  const keys = presenceKeysOf(prefix, topic);
  for (;;) {
    const reply = listOf(await link.run(SWEEP, joinedKeys(keys, processId), [keys.channel]));
    const [outcome, next, , hasMore] = reply;
    if (textOf(outcome) !== 'done') return undefined;
    if (hasMore === 1) continue;
    const dueMs = Number(textOf(next));
    due(topic, dueMs);
    return dueMs;
  }
}
