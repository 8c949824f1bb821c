import assert from 'node:assert/strict';
import type { LogName, ReadFrom, TopicSettings } from '../backplane/backplane.ts';
import type { TopicGap, TopicRecord } from '../record.ts';
import type { BackplaneSuite } from './backplane-suite.ts';
import { numbers, type Trial, topicLog, until, WHOLE } from './backplane-trial.ts';
import { RecordingFollower } from './recording-follower.ts';
import type { SeededRandom } from './seeded-random.ts';

/** Reads a log from any position, and goes on with what is appended, as a subscription does. */
class AttachedReader {
  readonly records: TopicRecord[] = [];
  /** For each gap, how many records came before it. */
  readonly gaps: { readonly at: number; readonly gap: TopicGap }[] = [];
  #isLive = false;
  #position = '';

  static async attach(
    trial: Trial,
    log: LogName,
    from: ReadFrom,
    random: SeededRandom,
    node: number,
  ): Promise<AttachedReader> {
    const reader = new AttachedReader();
    const follower = new RecordingFollower();
    // What comes before the history was read waits. A follower that has missed something is notified of a gap too.
    const waiting: (() => void)[] = [];
    const later = (add: () => void): void => {
      if (reader.#isLive) add();
      else waiting.push(add);
    };
    follower.onRecord = (record) => later(() => reader.#addLater(trial, record));
    follower.onGap = (gap) => later(() => reader.#addGap(trial, gap));
    await trial.follow(log, { node, follower });
    for (let next = from; ; ) {
      await random.pause();
      const page = await trial.node(node).read(log, next, { ...WHOLE, maxRecords: 1 + random.below(20) });
      if (page.gap !== undefined) reader.gaps.push({ at: reader.records.length, gap: page.gap });
      reader.records.push(...page.records);
      reader.#position = page.cursor;
      if (!page.more) break;
      next = { after: page.cursor };
    }
    for (const add of waiting) add();
    reader.#isLive = true;
    return reader;
  }

  /** Adds a gap, unless what it leaves out was read before. */
  #addGap(trial: Trial, gap: TopicGap): void {
    if (trial.node().compare(gap.cursor, this.#position) <= 0) return;
    this.gaps.push({ at: this.records.length, gap });
    this.#position = gap.cursor;
  }

  #addLater(trial: Trial, record: TopicRecord): void {
    if (trial.node().compare(record.cursor, this.#position) <= 0) return;
    this.#position = record.cursor;
    this.records.push(record);
  }
}

/** Publishes from several nodes while readers attach at random moments and positions. */
async function attachWhilePublishing(
  trial: Trial,
  random: SeededRandom,
  settings: Partial<TopicSettings>,
): Promise<{ all: readonly string[]; readers: readonly AttachedReader[] }> {
  const log = topicLog('busy');
  const witness = await trial.follow('busy');
  // The cursors of all records: a witness may have a gap itself.
  const all: string[] = [];
  const publish = async (publisher: number): Promise<void> => {
    for (const number of numbers(40)) {
      await random.pause();
      all.push(await trial.append('busy', `${publisher}:${number}`, { node: publisher, ...settings }));
    }
  };
  const readers: AttachedReader[] = [];
  const attach = async (reader: number): Promise<void> => {
    for (let pauses = random.below(40); pauses > 0; pauses -= 1) await random.pause();
    const known = witness.records;
    const starts: ReadFrom[] = [{ start: true }, { last: random.below(50) }, { after: witness.cursor }];
    if (known.length > 0) starts.push({ after: random.pick(known).cursor });
    readers.push(await AttachedReader.attach(trial, log, random.pick(starts), random, reader));
  };
  await Promise.all([...numbers(5).map(publish), ...numbers(30).map(attach)]);
  const last = await trial.append('busy', 'last', settings);
  all.push(last);
  await until(() => [witness, ...readers].every(({ records }) => records.at(-1)?.cursor === last));
  return { all: all.toSorted((one, other) => trial.node().compare(one, other)), readers };
}

/** Cases of attaching at the seam between history and live records. */
export function attaching(suite: BackplaneSuite): void {
  suite.checkRandomly(
    'loses and doubles nothing between the history and what is appended',
    async (trial, random) => {
      const { all, readers } = await attachWhilePublishing(trial, random, {});
      assert.equal(all.length, 201);
      for (const { records, gaps } of readers) {
        assert.deepEqual(gaps, []);
        const seen = records.map(({ cursor }) => cursor);
        assert.ok(seen.length > 0);
        assert.deepEqual(seen, all.slice(-seen.length));
      }
    },
  );

  suite.checkRandomly(
    'reports a gap wherever records were trimmed before they were read',
    async (trial, random) => {
      const { all, readers } = await attachWhilePublishing(trial, random, { maxRecords: 10 });
      const places = new Map(all.map((cursor, place) => [cursor, place]));
      for (const { records, gaps } of readers) {
        for (const [index, { cursor }] of records.entries()) {
          const place = places.get(cursor) as number;
          const gap = gaps.findLast(({ at }) => at === index)?.gap;
          if (gap !== undefined) {
            assert.equal(gap.reason, 'trimmed');
            assert.equal(
              places.get(gap.cursor),
              place - 1,
              'the cursor of a gap is that before the next record',
            );
          } else if (index > 0) {
            assert.equal(place, (places.get(records[index - 1]?.cursor as string) as number) + 1);
          }
        }
      }
    },
  );

  suite.checkRandomly('notifies a follower of exactly what comes after its cursor', async (trial, random) => {
    const witness = await trial.follow('busy');
    const publish = async (publisher: number): Promise<void> => {
      for (const number of numbers(30)) {
        await random.pause();
        await trial.append('busy', number, { node: publisher });
      }
    };
    const followers: RecordingFollower[] = [];
    const follow = async (node: number): Promise<void> => {
      for (let pauses = random.below(30); pauses > 0; pauses -= 1) await random.pause();
      followers.push(await trial.follow('busy', { node }));
    };
    await Promise.all([...numbers(4).map(publish), ...numbers(30).map(follow)]);
    await trial.barrier('busy', [witness, ...followers]);
    const all = witness.records.map(({ cursor }) => cursor);
    for (const follower of followers) {
      const seen = follower.records.map(({ cursor }) => cursor);
      assert.deepEqual(seen, all.slice(all.indexOf(follower.cursor) + 1));
    }
  });
}
