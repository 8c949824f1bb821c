import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { Future } from '../src/coroutines/future.ts';
import {
  Condition,
  coroutine,
  Event,
  IOLoop,
  Lock,
  multi,
  Queue,
  Semaphore,
  sleep,
  WaitIterator,
  withTimeout,
} from '../src/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

const storage = new AsyncLocalStorage<string>();

/** A wait, and what ends it. */
interface Wait {
  readonly wait: (signal: AbortSignal) => PromiseLike<unknown>;
  readonly end: () => unknown;
}

const WAITS: Readonly<Record<string, (clock: VirtualClock) => Wait>> = {
  'sleep [FUT-06]': (clock) => ({
    wait: (signal) => sleep(1, { clock, signal }),
    end: () => clock.advance(1),
  }),
  'withTimeout whose work ends [FUT-05]'() {
    const work = new Future<string>();
    return { wait: (signal) => withTimeout(work, { signal }), end: () => work.setResult('there') };
  },
  'withTimeout whose time passes [FUT-05]': (clock) => ({
    wait: (signal) => withTimeout(new Promise(() => {}), { clock, signal, timeoutMs: 1 }),
    end: () => clock.advance(1),
  }),
  'multi [FUT-04]'() {
    const item = new Future<string>();
    return { wait: (signal) => multi([item], { signal }), end: () => item.setResult('there') };
  },
  'WaitIterator [FUT-06]'() {
    const item = new Future<string>();
    return {
      wait: (signal) => new WaitIterator([item], { signal }).next(),
      end: () => item.setResult('there'),
    };
  },
  'Future [FUT-01]'() {
    const future = new Future<string>();
    return { wait: () => future, end: () => future.setResult('there') };
  },
  'a generator coroutine [FUT-03]'(clock) {
    const steps = coroutine(function* (signal: AbortSignal) {
      yield [sleep(1, { clock, signal })];
      return storage.getStore();
    });
    return {
      wait: async (signal) => expect(await steps(signal)).toBe('caller'),
      end: () => clock.advance(1),
    };
  },
  'Condition.wait [LOCK-01]'() {
    const condition = new Condition();
    return { wait: (signal) => condition.wait({ signal }), end: () => condition.notify() };
  },
  'Condition.wait whose time passes [LOCK-01]'(clock) {
    const condition = new Condition({ clock });
    return { wait: (signal) => condition.wait({ signal, timeoutMs: 1 }), end: () => clock.advance(1) };
  },
  'Event.wait [LOCK-02]'() {
    const event = new Event();
    return { wait: (signal) => event.wait({ signal }), end: () => event.set() };
  },
  'Semaphore.acquire [LOCK-03]'() {
    const semaphore = new Semaphore(0);
    return { wait: (signal) => semaphore.acquire({ signal }), end: () => semaphore.release() };
  },
  'Lock.run [LOCK-04]'() {
    const lock = new Lock();
    void lock.acquire(); // taken before it returns
    const inside = () => expect(storage.getStore()).toBe('caller');
    return { wait: (signal) => lock.run(inside, { signal }), end: () => lock.release() };
  },
  'Queue.get [Q-01]'() {
    const queue = new Queue<number>();
    return { wait: (signal) => queue.get({ signal }), end: () => queue.putNowait(1) };
  },
  'Queue.put [Q-01]'() {
    const queue = new Queue<number>(1);
    queue.putNowait(1);
    return { wait: (signal) => queue.put(2, { signal }), end: () => queue.getNowait() };
  },
  'Queue.join [Q-02]'() {
    const queue = new Queue<number>();
    queue.putNowait(1);
    return { wait: (signal) => queue.join({ signal }), end: () => queue.taskDone() };
  },
};

/** Begins a wait in the caller's context. @returns what it sees when that has ended, well or not. */
function seenBehind(wait: Wait['wait'], signal: AbortSignal): Promise<string | undefined> {
  return storage.run('caller', async () => {
    try {
      await wait(signal);
    } catch (error) {
      // A failed expectation of a wait is none of its ends.
      if (error instanceof Error && error.name === 'AssertionError') throw error;
    }
    return storage.getStore();
  });
}

describe('the async context behind a wait', () => {
  it.each(Object.entries(WAITS))('is the caller’s, whatever ends it: %s', async (_, make) => {
    const { wait, end } = make(new VirtualClock());
    const seen = seenBehind(wait, new AbortController().signal);
    await storage.run('other', async () => end());
    expect(await seen).toBe('caller');
  });

  it.each(Object.entries(WAITS).filter(([name]) => !name.startsWith('Future')))(
    'is the caller’s, whatever aborts it: %s',
    async (_, make) => {
      const { wait } = make(new VirtualClock());
      const stop = new AbortController();
      const seen = seenBehind(wait, stop.signal);
      storage.run('other', () => stop.abort());
      expect(await seen).toBe('caller');
    },
  );

  it('is the caller’s in callbacks of the loop too [LOOP-04] [LOOP-05] [LOOP-07]', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    const future = new Future<string>();
    const seen: (string | undefined)[] = [];
    const record = () => void seen.push(storage.getStore());
    storage.run('callback', () => loop.addCallback(record));
    storage.run('timer', () => loop.callLater(1, record));
    storage.run('future', () => loop.addFuture(future, record));
    await storage.run('other', async () => {
      await clock.advance(1);
      future.setResult('there');
    });
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(seen.sort()).toEqual(['callback', 'future', 'timer']);
  });
});
