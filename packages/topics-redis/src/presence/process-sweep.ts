import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { ExpiryIndex } from '../connection/expiry-index.ts';
import { listOf, textOf } from '../logs/replies.ts';
import { inGroups } from './in-groups.ts';
import { processKeysOf } from './presence-keys.ts';
import { SWEPT_AT_ONCE, sweepTopic, type TopicSweepServices } from './sweep-topic.ts';

/** Most processes that one call looks at. */
const MAX_TAKEN = 100;
/** How many topics are listed at once. */
const TOPICS_AT_ONCE = '100';
/** The reply of PTTL for a key that does not exist. */
const NO_KEY = -2;

/** What the sweep needs of the process. */
export interface SweepServices extends TopicSweepServices {
  readonly index: ExpiryIndex;
  readonly leaseMs: number;
}

/**
 * Looks for processes whose lease has expired, and removes their members: from all topics in which they may have any.
 * All processes do that. The scripts announce each leave once, and the index keeps two of them from doing the same work.
 */
export class ProcessSweep {
  readonly #services: SweepServices;
  #isSweeping = false;

  constructor(services: SweepServices) {
    this.#services = services;
  }

  /** Does nothing if a sweep is going on. @throws BackplaneError */
  async sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      for (let taken = 0; taken < MAX_TAKEN; taken += 1) {
        // If this process ends meanwhile, another one goes on later.
        const id = await this.#services.index.take(this.#services.leaseMs);
        if (id === undefined) return;
        await this.#lookAt(id);
      }
    } finally {
      this.#isSweeping = false;
    }
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isSweeping: this.#isSweeping }));
  }

  async #lookAt(id: string): Promise<void> {
    const { link, prefix, index } = this.#services;
    const { lease, topics } = processKeysOf(prefix, id);
    const leftMs = Number(textOf(await link.send(lease, ['PTTL', lease])));
    if (leftMs !== NO_KEY) return index.move(id, Math.max(leftMs, 0) + 1);
    const dueMs = await this.#sweepTopics(id, topics);
    if (dueMs < 0) return index.remove(id);
    // Until all leaves are announced: this process has a timer for them, but it may end.
    await index.move(id, dueMs + 1);
  }

  /** @returns in how many milliseconds the last of the topics has its next leave; -1: all is done. */
  async #sweepTopics(id: string, topicsKey: string): Promise<number> {
    const { link } = this.#services;
    let lastMs = -1;
    let cursor = '0';
    do {
      const command = ['SSCAN', topicsKey, cursor, 'COUNT', TOPICS_AT_ONCE];
      const [next, topics] = listOf(await link.send(topicsKey, command));
      const done: string[] = [];
      await inGroups(listOf(topics).map(textOf), SWEPT_AT_ONCE, async (topic) => {
        const dueMs = await this.#sweepTopic(id, topic);
        if (dueMs === -1) done.push(topic);
        lastMs = Math.max(lastMs, dueMs);
      });
      if (done.length > 0) await link.send(topicsKey, ['SREM', topicsKey, ...done]);
      cursor = textOf(next);
    } while (cursor !== '0');
    return lastMs;
  }

  /** @returns in how many milliseconds the next leave of the topic is due; -1: there is none. */
  async #sweepTopic(id: string, topic: string): Promise<number> {
    // What a newer version has written is left to processes that have it.
    return (await sweepTopic(this.#services, topic, id)) ?? this.#services.leaseMs;
  }
}
