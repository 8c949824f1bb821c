import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/compliance/seeded-random.ts';
import type { Family, FamilyChild } from './family.ts';
import { append, familyOf, numbers, RecordingFollower, textOf, topicLog, until } from './support.ts';

const TOPICS = ['a', 'b', 'c', 'd'];
const STEPS = 600;
const MEMBERS = ['ada', 'bob', 'eve'];
const PRESENCE = { maxMembers: 100, leaveDelayMs: 0 };
const ALL = { maxRecords: 1e6, maxBytes: 1e9 };

interface Followed {
  readonly topic: string;
  readonly child: FamilyChild;
  readonly follower: RecordingFollower;
  readonly presence: boolean;
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
  /** The joins of each member by children that live, as `topic member`. */
  readonly joined = new Map<FamilyChild, string[]>();
  readonly #random: SeededRandom;
  #next = 0;

  constructor(family: Family, random: SeededRandom) {
    this.family = family;
    this.#random = random;
  }

  async step(): Promise<void> {
    const chance = this.#random.below(100);
    const child = this.#random.pick(this.family.children);
    if (chance < 50) this.publish(child);
    else if (chance < 56) this.#join(child);
    else if (chance < 60) this.#leave(child);
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
    const presence = this.#random.below(2) === 0;
    const followed = { topic, child, follower, presence, isClosed: false };
    const following = child.backplane.follow(topicLog(topic), follower, { presence });
    const started = following.then(
      (result) => {
        follower.started(result);
        this.followed.push(followed);
      },
      ({ code }) => expect(code).toBe('ERR_TOPICS_BUSY'),
    );
    this.#add(child, started);
  }

  #join(child: FamilyChild): void {
    const topic = this.#random.pick(TOPICS);
    const member = this.#random.pick(MEMBERS);
    const joining = child.backplane.join(topic, { member }, PRESENCE).then(
      () => {
        const joined = this.joined.get(child) ?? [];
        this.joined.set(child, [...joined, `${topic} ${member}`]);
      },
      ({ code }) => expect(code).toBe('ERR_TOPICS_BUSY'),
    );
    this.#add(child, joining);
  }

  #leave(child: FamilyChild): void {
    const [first, ...others] = this.joined.get(child) ?? [];
    if (first === undefined) return;
    this.joined.set(child, others);
    const [topic, member] = first.split(' ') as [string, string];
    this.#add(child, child.backplane.leave(topic, member, PRESENCE));
  }

  #close(): void {
    if (this.followed.length === 0) return;
    const followed = this.#random.pick(this.followed);
    followed.isClosed = true;
    followed.follower.close();
  }

  async #replace(child: FamilyChild): Promise<void> {
    this.calls.delete(child);
    this.joined.delete(child);
    for (const followed of this.followed) if (followed.child === child) followed.isClosed = true;
    // A parent that does not read would not notice its end.
    child.parentEnd.resume();
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

/** The members that a follower knows. */
function known({ members, changes }: RecordingFollower): string[] {
  const found = new Set(members.map(({ member }) => member));
  for (const change of changes) {
    if ('joined' in change) found.add(change.joined.member);
    else if ('left' in change) found.delete(change.left);
    else {
      found.clear();
      for (const { member } of change.members) found.add(member);
    }
  }
  return [...found].sort();
}

const numberOf = (data: unknown): number => (data as [number])[0];

describe('children that do anything at any time', () => {
  it.each([1, 2, 3, 4])('lose and double no record (seed %d)', async (seed) => {
    const clock = new VirtualClock();
    const family = await familyOf(8, { maxQueuedBytes: 2000, clock });
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

  it.each([1, 2, 3, 4])('know the members of those that live (seed %d)', async (seed) => {
    const clock = new VirtualClock();
    const family = await familyOf(8, { maxQueuedBytes: 2000, clock });
    const random = new RandomFamily(family, new SeededRandom(seed));
    for (const _ of numbers(STEPS)) {
      await random.step();
      await clock.advance(1);
    }
    for (const child of family.children) resume(child);
    await Promise.all([...random.calls.values()].flat());
    await until(() => family.sessions.size === family.children.length);
    await clock.advance(1000);
    const members = new Set([...random.joined.values()].flat());
    const expected = (topic: string) => MEMBERS.filter((member) => members.has(`${topic} ${member}`));
    const open = random.followed.filter(({ isClosed, presence }) => !isClosed && presence);
    expect(open.length).toBeGreaterThan(0);
    await until(() =>
      open.every(({ topic, follower }) => String(known(follower)) === String(expected(topic))),
    );
  });

  it('leave nothing in the parent after all of them were killed', async () => {
    const clock = new VirtualClock();
    const family = await familyOf(8, { maxQueuedBytes: 2000, clock });
    const random = new RandomFamily(family, new SeededRandom(5));
    for (const _ of numbers(200)) await random.step();
    for (const child of family.children) resume(child);
    await family.endAll('kill');
    await until(() => family.sessions.size === 0);
    expect(family.sessions.queuedBytes).toBe(0);
    await clock.advance(1000);
    for (const topic of TOPICS) await family.store.delete(topic);
    expect(family.store.stats()).toMatchObject({ topics: 0, records: 0 });
  });
});
