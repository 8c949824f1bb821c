import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/compliance/seeded-random.ts';
import type { Following, JournalBackplane, LogFollower, TopicSettings } from '../../src/index.ts';
import { append, appendAll, JournalTrial, kept, numbers, RUN_SETTINGS, SETTINGS } from './journal-trial.ts';

const SILENT: LogFollower = { record() {}, gap() {}, ended() {} };
const follow = (backplane: JournalBackplane, name: string): Following =>
  backplane.follow({ kind: 'topic', name }, SILENT, { presence: false });

describe('a journal under limits', () => {
  const LATE = numbers(5).map((n) => `late${n}`);
  const text = 'x'.repeat(850); // about 1000 bytes a record

  async function reopened(
    trial: JournalTrial,
    first: JournalBackplane,
    limits: object = {},
  ): Promise<unknown[]> {
    expect(kept(first, 'late').data).toEqual(LATE);
    await first.close();
    const second = await trial.open(limits);
    const { data } = kept(second, 'late');
    await second.close();
    return data;
  }

  it('keeps what a topic that was followed got after its history had been dropped', async () => {
    const trial = new JournalTrial({ maxHistoryBytes: 10_000 });
    const first = await trial.open();
    await append(first, 'late', 'early');
    follow(first, 'late');
    for (const n of numbers(10)) await append(first, `other ${n}`, text);
    await appendAll(first, 'late', LATE);
    expect(await reopened(trial, first)).toEqual(LATE);
  });

  it('keeps what was not dropped because it had been read', async () => {
    const trial = new JournalTrial({ maxHistoryBytes: 10_000 });
    const first = await trial.open();
    await appendAll(first, 'late', LATE);
    for (const n of numbers(30)) {
      kept(first, 'late');
      await append(first, `other ${n}`, text);
    }
    expect(await reopened(trial, first)).toEqual(LATE);
  });

  it('keeps the newest records when it is opened with a lower maxHistoryBytes', async () => {
    const trial = new JournalTrial();
    const first = await trial.open();
    await append(first, 'late', 'early');
    for (const n of numbers(10)) await append(first, `other ${n}`, text);
    await append(first, 'late', LATE[0]);
    await first.close();
    const second = await trial.open({ maxHistoryBytes: 3_000 });
    expect(kept(second, 'late').data).toEqual(['early', 'late0']);
    expect(second.stats().historyBytes).toBeLessThanOrEqual(3_000);
    await appendAll(second, 'late', LATE.slice(1));
    expect(kept(second, 'late').data).toEqual(['early', ...LATE]);
    await second.close();
    const third = await trial.open({ maxHistoryBytes: 3_000 });
    expect(kept(third, 'late').data).toEqual(['early', ...LATE]);
  });

  it('keeps the topics that were followed when others made room for new ones', async () => {
    const trial = new JournalTrial({ maxTopics: 3 });
    const first = await trial.open();
    await append(first, 'late', LATE[0]);
    follow(first, 'late');
    for (const n of numbers(10)) await append(first, `other ${n}`, n);
    await appendAll(first, 'late', LATE.slice(1));
    expect(await reopened(trial, first)).toEqual(LATE);
  });

  it('keeps the runs that were not forgotten for others', async () => {
    const trial = new JournalTrial({ maxRuns: 3, maxRunBytes: 4_000 });
    const first = await trial.open();
    for (const n of numbers(12)) {
      const id = `run ${n}`;
      const settings = { ...RUN_SETTINGS, ttlMs: 1e6 - n };
      const { token } = await first.claimRun({ id, owner: 'ada', input: undefined, settings });
      await first.writeRun(id, token as number, JSON.stringify('x'.repeat(900)));
      if (n !== 5) await first.endRun(id, token as number, { how: 'finished', result: `${n}` });
    }
    const known = async (backplane: JournalBackplane) => {
      const infos = await Promise.allSettled(numbers(12).map((n) => backplane.runInfo(`run ${n}`)));
      return infos.flatMap((info) => (info.status === 'fulfilled' ? [info.value] : []));
    };
    const before = await known(first);
    expect(before.map(({ id }) => id)).toContain('run 5');
    expect(before.length).toBe(3);
    await trial.kill();
    const second = await trial.open();
    expect(await known(second)).toEqual(before);
    await second.close();
    const third = await trial.open({ maxRuns: 1 });
    expect((await known(third)).map(({ id }) => id)).toEqual(['run 5']);
  });
});

const TOPICS = numbers(8).map((n) => `topic ${n}`);
const RETENTIONS = [SETTINGS, { ...SETTINGS, maxRecords: 1 }, { ...SETTINGS, maxBytes: 1500 }];

interface Limits {
  readonly maxTopics: number;
  readonly maxHistoryBytes: number;
}

/** Topics that are published to, followed, read and deleted in any order, and a journal that is opened again and again. */
class Usage {
  readonly #random: SeededRandom;
  readonly #given = new Set<string>();
  readonly #following: Following[] = [];
  readonly #retentions: readonly TopicSettings[];
  /** The topics of which it is not known whether they are deleted. */
  readonly deleting = new Set<string>();
  #next = 0;

  constructor(random: SeededRandom, retentions: readonly TopicSettings[]) {
    this.#random = random;
    this.#retentions = retentions;
  }

  /**
   * @param isSettled - whether to wait for the last calls.
   * @returns how many bytes may be in the journal that are not in memory.
   */
  async use(backplane: JournalBackplane, isSettled: boolean): Promise<number> {
    const random = this.#random;
    const pending: Promise<unknown>[] = [];
    let bytes = 0;
    for (let left = 20 + random.below(60); left > 0; left -= 1) {
      const topic = random.pick(TOPICS);
      const what = random.below(20);
      if (what < 13) pending.push(this.#publish(backplane, topic, random.below(4) === 0 ? 900 : 60));
      else if (what < 15) kept(backplane, topic);
      else if (what < 17) this.#follow(backplane, topic);
      else if (what < 19) this.#following.shift()?.close();
      else pending.push(this.#delete(backplane, topic));
      bytes += 1500;
      if (random.below(3) > 0) continue;
      await Promise.all(pending.splice(0));
      bytes = 0;
      await random.pause();
    }
    if (!isSettled) {
      void Promise.allSettled(pending);
      return bytes;
    }
    await Promise.all(pending);
    return 0;
  }

  stop(): void {
    for (const following of this.#following.splice(0)) following.close();
  }

  async #delete(backplane: JournalBackplane, topic: string): Promise<void> {
    this.deleting.add(topic);
    await backplane.delete(topic);
    this.deleting.delete(topic);
  }

  async #publish(backplane: JournalBackplane, topic: string, length: number): Promise<void> {
    this.#next += 1;
    const id = this.#random.below(3) === 0 ? `id ${this.#next}` : undefined;
    const payload = JSON.stringify(`${this.#next} ${'x'.repeat(length)}`);
    const settings = this.#retentions[TOPICS.indexOf(topic) % this.#retentions.length] ?? SETTINGS;
    try {
      const cursor = await backplane.append(topic, { payload, id }, settings);
      expect(this.#given.has(cursor), `the cursor ${cursor} was given before`).toBe(false);
      this.#given.add(cursor);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_TOPICS_TOO_MANY_TOPICS' });
    }
  }

  #follow(backplane: JournalBackplane, topic: string): void {
    try {
      this.#following.push(follow(backplane, topic));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_TOPICS_TOO_MANY_TOPICS' });
    }
  }
}

const histories = (backplane: JournalBackplane) =>
  new Map(TOPICS.map((topic) => [topic, kept(backplane, topic)]));

/** Each history is in order. Of what the topic had before, it has all, or at least the newest if `isPart`. */
function expectKept(
  after: ReturnType<typeof histories>,
  before: ReturnType<typeof histories>,
  isPart: boolean,
  except: ReadonlySet<string> = new Set(),
): void {
  for (const topic of TOPICS) {
    const [now, then] = [after.get(topic), before.get(topic)];
    if (now === undefined || then === undefined) throw new Error(`${topic} was not read`);
    const texts = now.data.map((data) => Number.parseInt(String(data), 10));
    expect(texts, `${topic} in order`).toEqual([...texts].sort((a, b) => a - b));
    if (except.has(topic)) continue;
    const known = new Set(now.cursors);
    const found = then.cursors.filter((cursor) => known.has(cursor));
    const wanted = isPart ? then.cursors.slice(then.cursors.length - found.length) : then.cursors;
    expect(found, topic).toEqual(wanted);
  }
}

describe('a journal with small limits', () => {
  // With seed 141, a topic that is forgotten makes room for two records of one batch.
  it.each([...numbers(20), 141].map((seed) => [seed] as const))(
    'keeps what was in memory, whatever was published, followed and read (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const trial = new JournalTrial({ segmentBytes: 4096 });
      const usage = new Usage(random, RETENTIONS);
      let limits: Limits = { maxTopics: 3 + random.below(4), maxHistoryBytes: 500 + random.below(8_000) };
      let backplane = await trial.open(limits);
      for (let generation = 0; generation < 6; generation += 1) {
        await usage.use(backplane, true);
        expect(backplane.stats().historyBytes).toBeLessThanOrEqual(limits.maxHistoryBytes);
        const before = histories(backplane);
        if (random.below(2) === 0) await trial.kill();
        else await backplane.close();
        usage.stop();
        const change = random.below(4);
        if (change === 0) limits = { ...limits, maxHistoryBytes: Math.ceil(limits.maxHistoryBytes / 2) };
        if (change === 1) limits = { ...limits, maxTopics: Math.max(2, limits.maxTopics - 1) };
        if (change === 2) limits = { maxTopics: 20, maxHistoryBytes: limits.maxHistoryBytes * 2 };
        backplane = await trial.open(limits);
        expect(backplane.stats().historyBytes).toBeLessThanOrEqual(limits.maxHistoryBytes);
        expect(backplane.stats().topics).toBeLessThanOrEqual(limits.maxTopics);
        expectKept(histories(backplane), before, change < 2);
      }
    },
  );

  it.each(numbers(20).map((seed) => [seed] as const))(
    'loses nothing to a kill unless there was no room (seed %i)',
    async (seed) => {
      const random = new SeededRandom(1000 + seed);
      const limits = { maxTopics: 3 + random.below(8), maxHistoryBytes: 2_000 + random.below(200_000) };
      const trial = new JournalTrial({ segmentBytes: 4096, ...limits });
      const usage = new Usage(random, [SETTINGS]);
      for (let generation = 0; generation < 6; generation += 1) {
        const backplane = await trial.open();
        const bytes = await usage.use(backplane, false);
        const before = histories(backplane);
        const deleting = new Set(usage.deleting);
        await trial.kill();
        usage.stop();
        const again = await trial.open();
        const { historyBytes, topics } = again.stats();
        // What was being written may have taken the place of the oldest.
        const isFull = historyBytes + bytes > limits.maxHistoryBytes || topics >= limits.maxTopics;
        expectKept(histories(again), before, isFull, deleting);
        await again.close();
      }
    },
  );
});
