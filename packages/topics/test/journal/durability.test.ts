import { type FileHandle, open } from 'node:fs/promises';
import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { append, JournalTrial, kept, numbers, RUN_SETTINGS, SETTINGS } from './journal-trial.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('durability', () => {
  let restore = () => {};
  afterEach(() => restore());

  /** Counts the calls of Node's `fdatasync` and `write`. They are made all the same. */
  async function countCalls(): Promise<{ datasync: number; write: number }> {
    const counts = { datasync: 0, write: 0 };
    const handle = await open('/dev/null');
    const files = Object.getPrototypeOf(handle) as Record<
      keyof typeof counts,
      (...args: unknown[]) => unknown
    >;
    await handle.close();
    const { datasync, write } = files;
    restore = () => Object.assign(files, { datasync, write });
    files.datasync = function (this: FileHandle) {
      counts.datasync += 1;
      return datasync.call(this);
    };
    files.write = function (this: FileHandle, ...args: unknown[]) {
      counts.write += 1;
      return write.apply(this, args);
    };
    return counts;
  }

  it('process: publishes after a write that all records of a turn share, without a sync', async () => {
    const backplane = await new JournalTrial().open();
    await append(backplane, 'news', 'first');
    const counts = await countCalls();
    await Promise.all(numbers(100).map((n) => append(backplane, `topic ${n % 7}`, n)));
    expect(counts).toEqual({ write: 1, datasync: 0 });
  });

  it('each: publishes after a sync; records that come while it runs share the next', async () => {
    const backplane = await new JournalTrial({ durability: 'each' }).open();
    await append(backplane, 'news', 'first');
    const counts = await countCalls();
    await append(backplane, 'news', 'second');
    expect(counts).toEqual({ write: 1, datasync: 1 });
    await Promise.all(numbers(50).map((n) => append(backplane, 'news', n)));
    expect(counts).toEqual({ write: 2, datasync: 2 });
  });

  it('batched: collects the records of syncMs, and then publishes them after one sync', async () => {
    const clock = new VirtualClock();
    const backplane = await new JournalTrial({ durability: 'batched', syncMs: 30, clock }).open();
    const settled: number[] = [];
    const publish = (n: number) => append(backplane, 'news', n).then(() => settled.push(n));
    const all = [publish(0)];
    await clock.advance(20);
    all.push(publish(1));
    await clock.advance(9);
    for (const _ of numbers(20)) await turn();
    expect(settled).toEqual([]);
    const counts = await countCalls();
    await clock.advance(1);
    await Promise.all(all);
    expect(settled).toEqual([0, 1]);
    // The first write of a process makes its segment, too.
    expect(counts.write).toBeLessThanOrEqual(2);
    expect(counts.datasync).toBeLessThanOrEqual(2);
  });

  it('batched: does not wait for more if a batch is full, or if it is closed', async () => {
    const clock = new VirtualClock();
    const trial = new JournalTrial({ durability: 'batched', clock });
    const backplane = await trial.open();
    await Promise.all(numbers(1000).map((n) => append(backplane, 'news', n)));
    const last = append(backplane, 'news', 'last');
    await backplane.close();
    await last;
    expect(kept(await trial.open(), 'news').data).toEqual([...numbers(1000), 'last']);
  });
});

describe('calls that wait for the journal', () => {
  it('are refused when there are too many, and nothing of them was done', async () => {
    const backplane = await new JournalTrial({ maxPending: 3 }).open();
    const results = await Promise.allSettled(numbers(5).map((n) => append(backplane, 'news', n)));
    const codes = results.map((result) => (result.status === 'fulfilled' ? 'done' : result.reason.code));
    expect(codes).toEqual(['done', 'done', 'done', 'ERR_TOPICS_BUSY', 'ERR_TOPICS_BUSY']);
    expect(kept(backplane, 'news').data).toEqual([0, 1, 2]);
    await append(backplane, 'news', 'again');
  });

  it('are refused when they are too large together, but one alone is not', async () => {
    const backplane = await new JournalTrial({ maxPendingBytes: 10_000 }).open();
    const large = 'x'.repeat(20_000);
    const [first, second] = await Promise.allSettled([
      append(backplane, 'a', large),
      append(backplane, 'b', 1),
    ]);
    expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected']);
    await append(backplane, 'b', 2);
    expect(kept(backplane, 'b').data).toEqual([2]);
  });

  it('are applied in their order for each log, in however many batches', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    const order: string[] = [];
    const note = (name: string) => () => void order.push(name);
    const claim = backplane.claimRun({ id: 'run', owner: 'o', input: undefined, settings: RUN_SETTINGS });
    const again = backplane.claimRun({ id: 'run', owner: 'o', input: undefined, settings: RUN_SETTINGS });
    await Promise.all([
      append(backplane, 'a', 1).then(note('a1')),
      backplane.delete('a').then(note('delete a')),
      append(backplane, 'a', 2).then(note('a2')),
      append(backplane, 'b', 1).then(note('b1')),
      backplane.delete('a').then(note('delete a again')),
      append(backplane, 'a', 3).then(note('a3')),
      claim.then(note('claim')),
      again.then(note('claim again')),
    ]);
    const ofA = order.filter((name) => name.includes('a') && !name.includes('claim'));
    expect(ofA).toEqual(['a1', 'delete a', 'a2', 'delete a again', 'a3']);
    // What has nothing to wait for does not wait.
    expect(order.indexOf('b1')).toBeLessThan(order.indexOf('delete a'));
    expect([(await claim).token, (await again).token]).toEqual([1, undefined]);
    await backplane.close();
    expect(kept(await trial.open(), 'a').data).toEqual([3]);
  });

  it('take the place of topics that were used least recently, and never of one another', async () => {
    const trial = new JournalTrial({ maxTopics: 3 });
    const backplane = await trial.open();
    for (const topic of ['x', 'y', 'z']) await append(backplane, topic, 'old');
    const cursors = await Promise.all(
      ['z', 'a', 'z', 'b', 'a', 'b', 'z'].map(async (topic, index) => [
        topic,
        await append(backplane, topic, index),
      ]),
    );
    expect(backplane.stats().topics).toBe(3);
    for (const [topic, cursor] of cursors) expect(kept(backplane, topic as string).cursors).toContain(cursor);
    // Five at once, where only three have room: each has it for its record.
    const more = await Promise.all(['c', 'd', 'e', 'f', 'g'].map((topic) => append(backplane, topic, topic)));
    expect(new Set(more).size).toBe(5);
    expect(backplane.stats().topics).toBe(3);
    await backplane.close();
    const again = await trial.open();
    expect(again.stats().topics).toBe(3);
  });

  it('share the result of an id that one of them has first', async () => {
    const backplane = await new JournalTrial().open();
    const record = { payload: '1', id: 'same' };
    const cursors = await Promise.all(numbers(10).map(() => backplane.append('news', record, SETTINGS)));
    expect(new Set(cursors).size).toBe(1);
    expect(kept(backplane, 'news').data).toEqual([1]);
  });

  it('are done before it is closed, and refused afterwards', async () => {
    const trial = new JournalTrial();
    const backplane = await trial.open();
    const before = numbers(10).map((n) => append(backplane, 'news', n));
    const closed = backplane.close();
    await expect(append(backplane, 'news', 'late')).rejects.toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
    await closed;
    expect(await Promise.all(before)).toHaveLength(10);
    await backplane.close();
    expect(kept(await trial.open(), 'news').data).toEqual(numbers(10));
  });
});
