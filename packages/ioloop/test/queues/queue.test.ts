import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type ItemOrder, LifoQueue, PriorityQueue, Queue } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

describe('Queue', () => {
  it('hands items out in the order of arrival, and counts what it holds [Q-01]', async () => {
    const queue = new Queue<number>();
    expect([queue.maxSize, queue.size, queue.isEmpty, queue.isFull]).toEqual([0, 0, true, false]);
    for (let item = 0; item < 1000; item += 1) await queue.put(item);
    expect([queue.size, queue.isEmpty, queue.isFull]).toEqual([1000, false, false]);
    for (let item = 0; item < 500; item += 1) expect(await queue.get()).toBe(item);
    queue.putNowait(1000);
    for (let item = 500; item <= 1000; item += 1) expect(queue.getNowait()).toBe(item);
    expect(queue.isEmpty).toBe(true);
  });

  it('throws instead of waiting in putNowait and getNowait [Q-01]', () => {
    const queue = new Queue<string>(1);
    expect(() => queue.getNowait()).toThrow(
      expect.objectContaining({ name: 'QueueEmptyError', code: 'ERR_QUEUE_EMPTY' }),
    );
    queue.putNowait('a');
    expect(queue.isFull).toBe(true);
    expect(() => queue.putNowait('b')).toThrow(
      expect.objectContaining({ name: 'QueueFullError', code: 'ERR_QUEUE_FULL' }),
    );
    expect(queue.getNowait()).toBe('a');
  });

  it('holds putters back while it is full, first come, first served [Q-01]', async () => {
    const queue = new Queue<string>(1);
    const accepted: string[] = [];
    const putting = ['a', 'b', 'c'].map((item) => queue.put(item).then(() => accepted.push(item)));
    await putting[0];
    expect([accepted, queue.size]).toEqual([['a'], 1]);
    expect(queue.getNowait()).toBe('a');
    expect(accepted).toEqual(['a']);
    expect(queue.size).toBe(1);
    await putting[1];
    expect([accepted, queue.size]).toEqual([['a', 'b'], 1]);
    expect([await queue.get(), await queue.get()]).toEqual(['b', 'c']);
    await Promise.all(putting);
    expect(queue.isEmpty).toBe(true);
  });

  it('serves waiting getters first come, first served, and not inside of the put [Q-03]', async () => {
    const queue = new Queue<number>();
    const got: string[] = [];
    const getting = ['a', 'b'].map((name) => queue.get().then((item) => got.push(`${name}${item}`)));
    queue.putNowait(1);
    queue.putNowait(2);
    expect(got).toEqual([]);
    expect(queue.isEmpty).toBe(true);
    expect(() => queue.getNowait()).toThrow(expect.objectContaining({ code: 'ERR_QUEUE_EMPTY' }));
    await Promise.all(getting);
    expect(got).toEqual(['a1', 'b2']);
  });

  it('throws when the time of a put or get has passed, and keeps no trace of it [Q-01] [Q-03]', async () => {
    const clock = new VirtualClock();
    const queue = new Queue<string>(1, { clock });
    const timedOut = { name: 'LoopTimeoutError', code: 'ERR_LOOP_TIMEOUT' };
    const lateGet = expect(queue.get({ timeoutMs: 10 })).rejects.toMatchObject(timedOut);
    const get = queue.get({ timeoutMs: 100 });
    await clock.advance(10);
    await lateGet;
    queue.putNowait('a');
    expect(await get).toBe('a');
    queue.putNowait('b');
    const latePut = expect(queue.put('lost', { timeoutMs: 10 })).rejects.toMatchObject(timedOut);
    const put = queue.put('c', { timeoutMs: 100 });
    await clock.advance(10);
    await latePut;
    expect([await queue.get(), await queue.get()]).toEqual(['b', 'c']);
    await put;
    expect(clock.pending).toBe(0);
    expect(queue.isEmpty).toBe(true);
  });

  it('does not wait, and sets no timer, for a timeout of 0 [Q-01]', async () => {
    const clock = new VirtualClock();
    const queue = new Queue<string>(1, { clock });
    await expect(queue.get({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
    await queue.put('a', { timeoutMs: 0 });
    await expect(queue.put('b', { timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
    expect(await queue.get({ timeoutMs: 0 })).toBe('a');
    expect(clock.pending).toBe(0);
  });

  it('leaves nothing of an aborted put or get [Q-03]', async () => {
    const clock = new VirtualClock();
    const queue = new Queue<string>(1, { clock });
    const stop = new AbortController();
    const wait = { signal: stop.signal, timeoutMs: 100 };
    const get = queue.get(wait);
    stop.abort(new Error('enough'));
    await expect(get).rejects.toThrow('enough');
    queue.putNowait('a');
    expect(queue.size).toBe(1);
    const stopPut = new AbortController();
    const put = queue.put('lost', { signal: stopPut.signal, timeoutMs: 100 });
    stopPut.abort(new Error('enough'));
    await expect(put).rejects.toThrow('enough');
    await expect(queue.put('never', wait)).rejects.toThrow('enough');
    await expect(queue.get(wait)).rejects.toThrow('enough');
    expect(queue.getNowait()).toBe('a');
    expect(queue.isEmpty).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('passes items on in their order when a getter is aborted in the turn of the put [Q-03]', async () => {
    const queue = new Queue<number>();
    const stop = new AbortController();
    const aborted = queue.get({ signal: stop.signal });
    const next = [queue.get(), queue.get()];
    queue.putNowait(1);
    queue.putNowait(2);
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(await Promise.all(next)).toEqual([1, 2]);
  });

  it('keeps the item of an aborted getter in its place, beside what was put meanwhile [Q-03]', async () => {
    const queue = new Queue<number>(1);
    const stop = new AbortController();
    const aborted = queue.get({ signal: stop.signal });
    queue.putNowait(1);
    queue.putNowait(2);
    const waiting = queue.put(3);
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect([queue.size, queue.isFull]).toEqual([2, true]);
    expect(queue.getNowait()).toBe(1);
    expect(queue.size).toBe(1);
    expect([await queue.get(), await queue.get()]).toEqual([2, 3]);
    await waiting;
  });

  it('has accepted an item for good once there was a place, though the signal is aborted later [Q-03]', async () => {
    const queue = new Queue<string>(1);
    const stop = new AbortController();
    queue.putNowait('a');
    const put = queue.put('b', { signal: stop.signal });
    expect(queue.getNowait()).toBe('a');
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    stop.abort();
    await put;
    expect(queue.getNowait()).toBe('b');
  });

  it('is iterated for ever, and a break leaves what is left [Q-01]', async () => {
    const queue = new Queue<number>();
    const seen: number[] = [];
    const producing = (async () => {
      for (let item = 0; item < 5; item += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        queue.putNowait(item);
      }
    })();
    for await (const item of queue) {
      seen.push(item);
      if (item === 2) break;
    }
    await producing;
    expect(seen).toEqual([0, 1, 2]);
    expect([queue.getNowait(), queue.getNowait()]).toEqual([3, 4]);
  });

  it('ends a wait of an iterator that is ended, and loses no item to it [Q-01]', async () => {
    const queue = new Queue<number>();
    const items = queue[Symbol.asyncIterator]();
    expect(items[Symbol.asyncIterator]()).toBe(items);
    const waiting = items.next();
    queue.putNowait(1);
    await items.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(queue.getNowait()).toBe(1);
  });

  it('joins when each item that was put is done, at once when none was [Q-02]', async () => {
    const queue = new Queue<string>();
    await queue.join({ timeoutMs: 0 });
    queue.putNowait('a');
    await queue.put('b');
    let joined = false;
    const joining = queue.join().then(() => {
      joined = true;
    });
    queue.getNowait();
    queue.taskDone();
    await queue.get();
    expect(joined).toBe(false);
    await expect(queue.join({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
    queue.taskDone();
    await joining;
    await queue.join({ timeoutMs: 0 });
  });

  it('gives up joining when the time has passed or the signal is aborted [Q-02]', async () => {
    const clock = new VirtualClock();
    const queue = new Queue<string>(0, { clock });
    const stop = new AbortController();
    queue.putNowait('a');
    const late = expect(queue.join({ timeoutMs: 10 })).rejects.toMatchObject({ name: 'LoopTimeoutError' });
    const aborted = expect(queue.join({ timeoutMs: 50, signal: stop.signal })).rejects.toThrow('enough');
    await clock.advance(10);
    await late;
    stop.abort(new Error('enough'));
    await aborted;
    expect(clock.pending).toBe(0);
  });

  it('counts an item as unfinished from when it has a place, not from when its putter waits [Q-02]', async () => {
    const queue = new Queue<string>(1);
    queue.putNowait('a');
    const putting = queue.put('b');
    queue.taskDone();
    await queue.join({ timeoutMs: 0 });
    queue.getNowait();
    await putting;
    await expect(queue.join({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
  });

  it('refuses more taskDone than puts [Q-02]', () => {
    const queue = new Queue<string>();
    const tooOften = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_QUEUE_TASK_DONE' });
    expect(() => queue.taskDone()).toThrow(tooOften);
    queue.putNowait('a');
    queue.taskDone();
    expect(() => queue.taskDone()).toThrow(tooOften);
  });

  it('takes an order of the caller [Q-03]', async () => {
    const items = new Set<string>();
    const order: ItemOrder<string> = {
      get size() {
        return items.size;
      },
      put: (item) => void items.add(item),
      take() {
        const [item] = items as Iterable<string>;
        items.delete(item as string);
        return item as string;
      },
    };
    const queue = new Queue<string>(0, { order });
    for (const item of ['a', 'b', 'a']) queue.putNowait(item);
    expect(queue.size).toBe(2);
    expect([await queue.get(), await queue.get()]).toEqual(['a', 'b']);
  });

  it('offers an item to the next getter when the order fails to take it for one [Q-03]', async () => {
    const items: number[] = [];
    let failures = 1;
    const order: ItemOrder<number> = {
      get size() {
        return items.length;
      },
      put: (item) => void items.push(item),
      take() {
        failures -= 1;
        if (failures === 0) throw new Error('once');
        return items.shift() as number;
      },
    };
    const queue = new Queue<number>(0, { order });
    const failing = expect(queue.get()).rejects.toThrow('once');
    const next = queue.get();
    queue.putNowait(1);
    await failing;
    expect(await next).toBe(1);
  });

  it('serves 100,000 waiting putters, and then getters, each in order [Q-03]', async () => {
    const count = 100_000;
    const queue = new Queue<number>(1);
    const putting = Array.from({ length: count }, (_, item) => queue.put(item));
    const taken = Array.from({ length: count }, () => queue.getNowait());
    await Promise.all(putting);
    const getting = Array.from({ length: count }, () => queue.get());
    for (let item = 0; item < count; item += 1) queue.putNowait(item);
    const got = await Promise.all(getting);
    const outOfOrder = (items: readonly number[]) => items.findIndex((item, index) => item !== index);
    expect([outOfOrder(taken), outOfOrder(got), got.length]).toEqual([-1, -1, count]);
  });
});

describe.each([
  ['Queue', Queue],
  ['PriorityQueue', PriorityQueue],
  ['LifoQueue', LifoQueue],
] as const)('%s', (_name, Kind) => {
  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, null, '1'])(
    'refuses a maxSize of %j [Q-01]',
    (size) => {
      expect(() => new Kind(size as number)).toThrow(
        expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' }),
      );
    },
  );

  it('refuses wrong options of its waits and changes nothing [Q-01]', async () => {
    const queue = new Kind<number>();
    const refused = { name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' };
    await expect(queue.put(1, { timeoutMs: -1 })).rejects.toMatchObject(refused);
    await expect(queue.get({ timeoutMs: Number.NaN })).rejects.toMatchObject(refused);
    await expect(queue.join({ signal: 'no' as never })).rejects.toMatchObject(refused);
    expect(queue.size).toBe(0);
  });

  it('measures with the clock that it is given, and is a Queue [Q-01]', async () => {
    const clock = new VirtualClock();
    const queue = new Kind<number>(0, { clock });
    expect(queue).toBeInstanceOf(Queue);
    const late = expect(queue.get({ timeoutMs: 5 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
    expect(clock.pending).toBe(1);
    await clock.advance(5);
    await late;
  });
});

describe('LifoQueue', () => {
  it('hands the newest item out first [Q-03]', async () => {
    const queue = new LifoQueue<number>(3);
    for (const item of [1, 2, 3]) queue.putNowait(item);
    const putting = queue.put(4);
    // The waiting item comes in first, and is the newest.
    expect(queue.getNowait()).toBe(4);
    await putting;
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual([3, 2, 1]);
  });
});
