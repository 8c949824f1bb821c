import type { RedisLink } from '../connection/redis-link.ts';
import { listOf, textOf } from '../logs/replies.ts';
import { joinedKeys, presenceKeysOf } from './presence-keys.ts';
import { SWEEP } from './presence-scripts.ts';

/** What sweeping a topic needs of the process. */
export interface TopicSweepServices {
  readonly link: RedisLink;
  readonly prefix: string;
  /** A leave of the topic is due in so many milliseconds; -1: none. */
  readonly due: (topic: string, dueMs: number) => void;
}

/**
 * Removes the members of a process that has ended from one topic.
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
  const [outcome, next] = listOf(await link.run(SWEEP, joinedKeys(keys, processId), [keys.channel]));
  if (textOf(outcome) !== 'done') return undefined;
  const dueMs = Number(textOf(next));
  due(topic, dueMs);
  return dueMs;
}
