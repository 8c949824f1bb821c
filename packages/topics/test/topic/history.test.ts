import { describe, expect, it } from 'vitest';
import { MemoryBackplane, Runs, Topics } from '../../src/index.ts';
import { numbers } from './support/reading.ts';

describe('the history of a topic', () => {
  it('is read at once, from the start, from a cursor, and from the end', async () => {
    await using topics = new Topics();
    const room = topics.topic<number>('room');
    expect(await room.history()).toMatchObject({ records: [], more: false, gap: undefined });
    const cursors: string[] = [];
    for (const number of numbers(600)) cursors.push(await room.publish(number));
    const dataOf = async (...options: Parameters<typeof room.history>) => {
      const { records, ...others } = await room.history(...options);
      return { ...others, data: records.map(({ data }) => data) };
    };
    const [whole, end] = [numbers(600), cursors.at(-1)];
    expect(await dataOf()).toEqual({ data: whole, cursor: end, more: false });
    expect(await dataOf({ after: cursors[9] as string })).toMatchObject({ data: whole.slice(10) });
    expect(await dataOf({ last: 3 })).toMatchObject({ data: whole.slice(-3), cursor: end });
    const some = await dataOf({ maxRecords: 300 });
    expect(some).toMatchObject({ data: whole.slice(0, 300), cursor: cursors[299], more: true });
    expect(await dataOf({ after: some.cursor })).toMatchObject({ data: whole.slice(300), more: false });
    expect(topics.stats()).toMatchObject({ subscriptions: 0, topics: 0 });
  });

  it('says that records are missing', async () => {
    await using topics = new Topics({ maxRecords: 2 });
    const room = topics.topic<number>('room');
    const first = await room.publish(0);
    for (const number of [1, 2, 3]) await room.publish(number);
    const { records, gap } = await room.history({ after: first });
    expect(gap).toMatchObject({ reason: 'trimmed' });
    expect(records.map(({ data }) => data)).toEqual([2, 3]);
    await expect(room.history({ after: 'no cursor' })).rejects.toMatchObject({ code: 'ERR_TOPICS_CURSOR' });
    await expect(room.history({ after: first, last: 1 })).rejects.toMatchObject({ code: 'ERR_TOPICS_USAGE' });
  });

  it('is that of a run too, with its end', async () => {
    await using backplane = new MemoryBackplane();
    await using runs = new Runs({ backplane });
    const handle = await runs.start('a', { owner: 'ann' }, async (run) => {
      for (const number of numbers(3)) await run.write(number);
      return 'done';
    });
    await handle.ended;
    const { records, end } = await runs.history<number>('a');
    expect(records.map(({ data }) => data)).toEqual(numbers(3));
    expect(end).toMatchObject({ how: 'finished', result: 'done' });
    await expect(runs.history('b')).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
  });
});
