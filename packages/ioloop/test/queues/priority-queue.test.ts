import { describe, expect, it } from 'vitest';
import { PriorityQueue } from '../../src/index.ts';

function drain<T>(queue: PriorityQueue<T>): T[] {
  const items: T[] = [];
  while (!queue.isEmpty) items.push(queue.getNowait());
  return items;
}

/** Numbers that look random and are the same in every run. */
function numbers(count: number, below: number): number[] {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state % below;
  });
}

describe('PriorityQueue', () => {
  it('hands the lowest item out first [Q-03]', () => {
    for (let size = 0; size < 40; size += 1) {
      const items = numbers(size, 25);
      const queue = new PriorityQueue<number>();
      for (const item of items) queue.putNowait(item);
      expect(drain(queue), `${size} items`).toEqual([...items].sort((a, b) => a - b));
    }
  });

  it('hands equal items out in the order in which they came, puts and gets mixed [Q-03]', () => {
    type Job = { readonly priority: number; readonly name: number };
    const queue = new PriorityQueue<Job>(0, { compare: (a, b) => a.priority - b.priority });
    const waiting: Job[] = [];
    for (const [name, priority] of numbers(600, 5).entries()) {
      const job = { priority, name };
      queue.putNowait(job);
      waiting.push(job);
      if (name % 3 !== 2) continue;
      waiting.sort((a, b) => a.priority - b.priority || a.name - b.name);
      expect(queue.getNowait()).toBe(waiting.shift());
    }
    waiting.sort((a, b) => a.priority - b.priority || a.name - b.name);
    expect(drain(queue)).toEqual(waiting);
  });

  it('orders strings, big numbers, and arrays element by element [Q-03]', () => {
    const put = (...items: unknown[]) => {
      const queue = new PriorityQueue<unknown>();
      for (const item of items) queue.putNowait(item);
      return drain(queue);
    };
    expect(put('b', 'a', 'ab')).toEqual(['a', 'ab', 'b']);
    expect(put(3n, 2, 10n)).toEqual([2, 3n, 10n]);
    expect(put([10, 'a'], [9, 'b'], [9, 'a', 1], [9, 'a'])).toEqual([
      [9, 'a'],
      [9, 'a', 1],
      [9, 'b'],
      [10, 'a'],
    ]);
  });

  it('lets the item of a waiting putter go before those that are in [Q-03]', async () => {
    const queue = new PriorityQueue<number>(1);
    queue.putNowait(5);
    const putting = queue.put(1);
    expect(queue.getNowait()).toBe(1);
    await putting;
    expect(queue.getNowait()).toBe(5);
  });

  it('gives a waiting getter the lowest item of the turn [Q-03]', async () => {
    const queue = new PriorityQueue<number>();
    const getting = queue.get();
    queue.putNowait(5);
    queue.putNowait(1);
    expect(await getting).toBe(1);
    expect(queue.getNowait()).toBe(5);
  });

  it.each([[Number.NaN], [{ priority: 1 }], [null], [undefined], [[1, {}]]])(
    'refuses the item %j, even as the first, without a compare option [Q-03]',
    async (item) => {
      const queue = new PriorityQueue<unknown>();
      const refused = { name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' };
      expect(() => queue.putNowait(item)).toThrow(expect.objectContaining(refused));
      await expect(queue.put(item)).rejects.toMatchObject(refused);
      expect(queue.size).toBe(0);
      await queue.join({ timeoutMs: 0 });
    },
  );

  it('stays as it was when an item cannot be compared with those that are in [Q-03]', () => {
    const queue = new PriorityQueue<unknown>();
    for (const item of [3, 1, 2]) queue.putNowait(item);
    expect(() => queue.putNowait('a')).toThrow(expect.objectContaining({ code: 'ERR_LOOP_USAGE' }));
    expect(drain(queue)).toEqual([1, 2, 3]);
  });

  it('rejects a waiting put whose item cannot be compared, and lets the next one in [Q-03]', async () => {
    const queue = new PriorityQueue<unknown>(1);
    queue.putNowait(2);
    const unfit = expect(queue.put('a')).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
    const fit = queue.put(1);
    expect(queue.getNowait()).toBe(1);
    await unfit;
    await fit;
    expect(drain(queue)).toEqual([2]);
  });

  it('keeps its items when a comparison fails at a get [Q-03]', async () => {
    const queue = new PriorityQueue<unknown>();
    // Neither of the last two was ever compared with the other.
    for (const item of [[1], [2, 'x'], [2, 3]]) queue.putNowait(item);
    const failing = { code: 'ERR_LOOP_USAGE' };
    expect(() => queue.getNowait()).toThrow(expect.objectContaining(failing));
    await expect(queue.get()).rejects.toMatchObject(failing);
    expect(queue.size).toBe(3);
  });

  it('refuses a compare that is no function or gives no number [Q-03]', () => {
    const refused = expect.objectContaining({ code: 'ERR_LOOP_USAGE' });
    expect(() => new PriorityQueue(0, { compare: 'name' as never })).toThrow(refused);
    const queue = new PriorityQueue<number>(0, { compare: () => Number.NaN });
    expect(() => queue.putNowait(1)).toThrow(refused);
    expect(queue.size).toBe(0);
  });

  it('does work that grows as n log n: 100,000 items [Q-03]', () => {
    const items = numbers(100_000, 1_000_000);
    let comparisons = 0;
    const queue = new PriorityQueue<number>(0, {
      compare(a, b) {
        comparisons += 1;
        return a - b;
      },
    });
    for (const item of items) queue.putNowait(item);
    expect(drain(queue)).toEqual(items.sort((a, b) => a - b));
    expect(comparisons).toBeLessThan(3 * items.length * Math.log2(items.length));
  });
});
