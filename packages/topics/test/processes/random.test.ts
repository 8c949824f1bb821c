import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/compliance/seeded-random.ts';
import type { Family, FamilyChild } from './family.ts';
import { append, familyOf, numbers, RecordingFollower, textOf, topicLog, until } from './support.ts';

const TOPICS = ['a', 'b', 'c', 'd'];
const STEPS = 600;
const ALL = { maxRecords: 1e6, maxBytes: 1e9 };

interface Followed {
  readonly topic: string;
  readonly child: FamilyChild;
  readonly follower: RecordingFollower;
  isClosed: boolean;
}

/** Children that publish, follow, stop reading, go on and die at random, each with a tiny queue. */
class RandomFamily {
  readonly family: Family;
  readonly followed: Followed[] = [];
  /** What was published, by topic: the number of each record, in no order. */
  readonly published = new Map<string, number[]>(TOPICS.map((topic) => [topic, []]));
  /** Calls of children that live. */
  readonly calls = new Map<FamilyChild, Promise<unknown>[]>();
  readonly #random: SeededRandom;
  #next = 0;

  constructor(family: Family, random: SeededRandom) {
    this.family = family;
    this.#random = random;
  }

  async step(): Promise<void> {
    const chance = this.#random.below(100);
    const child = this.#random.pick(this.family.children);
    if (chance < 60) this.publish(child);
    else if (chance < 70) this.#follow(child);
    else if (chance < 78) this.#close();
    else if (chance < 84) child.childEnd.pause();
    else if (chance < 88) child.parentEnd.pause();
    else if (chance < 96) resume(child);
    else if (chance < 98) await this.#replace(child);
    await this.#random.pause();
  }

  publish(child: FamilyChild, topic = this.#random.pick(TOPICS)): void {
    this.#next += 1;
    const number = this.#next;
    const published = append(child.backplane, topic, [number, textOf(this.#random.below(6000))]).then(
      () => this.published.get(topic)?.push(number),
      ({ code }) => expect(code).toBe('ERR_TOPICS_BUSY'),
    );
    this.#add(child, published);
  }

  #follow(child: FamilyChild): void {
    const topic = this.#random.pick(TOPICS);
    const follower = new RecordingFollower();
    const followed = { topic, child, follower, isClosed: false };
    const following = child.backplane.follow(topicLog(topic), follower, { presence: false });
    const started = following.then(
      (result) => {
        follower.started(result);
        this.followed.push(followed);
      },
      ({ code }) => expect(code).toBe('ERR_TOPICS_BUSY'),
    );
    this.#add(child, started);
  }

  #close(): void {
    if (this.followed.length === 0) return;
    const followed = this.#random.pick(this.followed);
    followed.isClosed = true;
    followed.follower.close();
  }

  async #replace(child: FamilyChild): Promise<void> {
    this.calls.delete(child);
    for (const followed of this.followed) if (followed.child === child) followed.isClosed = true;
    this.family.kill(this.family.children.indexOf(child));
    await this.family.forkOne();
  }

  #add(child: FamilyChild, call: Promise<unknown>): void {
    const calls = this.calls.get(child) ?? [];
    calls.push(call);
    this.calls.set(child, calls);
  }
}

function resume({ childEnd, parentEnd }: FamilyChild): void {
  childEnd.resume();
  parentEnd.resume();
}

const numberOf = (data: unknown): number => (data as [number])[0];

describe('children that do anything at any time', () => {
  it.each([1, 2, 3, 4])('lose and double no record (seed %d)', async (seed) => {
    const family = await familyOf(8, { maxQueuedBytes: 2000 });
    const random = new RandomFamily(family, new SeededRandom(seed));
    for (const _ of numbers(STEPS)) await random.step();

    for (const child of family.children) resume(child);
    await Promise.all([...random.calls.values()].flat());
    const last = new Map<string, string>();
    for (const topic of TOPICS) last.set(topic, await append(family.store, topic, [-1]));
    const open = random.followed.filter(({ isClosed }) => !isClosed);
    await until(() =>
      open.every(({ topic, follower }) => (follower.records.at(-1) ?? follower).cursor === last.get(topic)),
    );

    expect(open.length).toBeGreaterThan(0);
    for (const topic of TOPICS) {
      const { records } = family.store.read(topicLog(topic), { start: true }, ALL);
      const cursors = records.map(({ cursor }) => cursor);
      const inHistory = records.map(({ data }) => numberOf(data));
      expect(new Set(inHistory).size).toBe(inHistory.length);
      // Some of children that died were appended, and had no reply.
      expect(inHistory).toEqual(expect.arrayContaining(random.published.get(topic) as number[]));
      for (const { follower, isClosed } of random.followed.filter((one) => one.topic === topic)) {
        const seen = follower.records.map(({ cursor }) => cursor);
        const start = cursors.indexOf(follower.cursor) + 1;
        expect(seen).toEqual(cursors.slice(start, isClosed ? start + seen.length : undefined));
        expect([follower.gaps, follower.violations]).toEqual([[], []]);
      }
    }
  });

  it('leave nothing in the parent after all of them were killed', async () => {
    const family = await familyOf(8, { maxQueuedBytes: 2000 });
    const random = new RandomFamily(family, new SeededRandom(5));
    for (const _ of numbers(200)) await random.step();
    // A parent that does not read would not notice their end.
    for (const child of family.children) resume(child);
    await family.endAll('kill');
    await until(() => family.sessions.size === 0);
    expect(family.sessions.queuedBytes).toBe(0);
    for (const topic of TOPICS) await family.store.delete(topic);
    expect(family.store.stats()).toMatchObject({ topics: 0, records: 0 });
  });
});
