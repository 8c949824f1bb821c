import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  BoundedSemaphore,
  Condition,
  Event,
  LifoQueue,
  Lock,
  multi,
  PriorityQueue,
  Queue,
  Semaphore,
  sleep,
  WaitIterator,
  withTimeout,
} from '../src/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

/** One kind of wait: how one begins, and what lets all that have begun end well. */
interface Wait {
  begin(signal: AbortSignal): Promise<unknown>;
  finish(): void | Promise<void>;
  /** Lets the one that has waited longest end, where such a thing is handed from one to the next. */
  wakeOne?(): void;
}

/** Makes an item that settles when `finish` is called, and the `finish`. */
function openItem() {
  let settle!: (value: string) => void;
  const promise = new Promise<string>((resolve) => {
    settle = resolve;
  });
  return { promise, finish: () => settle('there') };
}

/** Full of one item, so that every put waits. */
function fullQueue<Q extends Queue<number>>(queue: Q): Q {
  queue.putNowait(0);
  return queue;
}

function permitsTaken(semaphore: Semaphore): Wait {
  return {
    begin: async (signal) => (await semaphore.acquire({ signal })).release(),
    finish: () => semaphore.release(),
    wakeOne: () => semaphore.release(),
  };
}

function waitsToGet(queue: Queue<number>): Wait {
  let waiting = 0;
  return {
    begin(signal) {
      waiting += 1;
      return queue.get({ signal });
    },
    finish() {
      for (let item = 0; item < waiting; item += 1) queue.putNowait(item);
    },
    wakeOne: () => queue.putNowait(0),
  };
}

const WAITS: Readonly<Record<string, () => Wait>> = {
  'sleep [FUT-06]'() {
    const clock = new VirtualClock();
    return { begin: (signal) => sleep(1, { signal, clock }), finish: () => clock.advance(1) };
  },
  'withTimeout of a promise [FUT-05]'() {
    const { promise, finish } = openItem();
    return { begin: (signal) => withTimeout(promise, { signal, timeoutMs: 60_000 }), finish };
  },
  'withTimeout of a function [FUT-05]'() {
    const { promise, finish } = openItem();
    return { begin: (signal) => withTimeout(() => promise, { signal }), finish };
  },
  'multi [FUT-04]'() {
    const { promise, finish } = openItem();
    return { begin: (signal) => multi([promise], { signal }), finish };
  },
  'WaitIterator [FUT-06]'() {
    const { promise, finish } = openItem();
    return { begin: (signal) => new WaitIterator([promise], { signal }).next(), finish };
  },
  'Condition.wait [LOCK-01]'() {
    const condition = new Condition();
    return {
      begin: (signal) => condition.wait({ signal }),
      finish: () => condition.notifyAll(),
      wakeOne: () => condition.notify(),
    };
  },
  'Event.wait [LOCK-02]'() {
    const event = new Event();
    return { begin: (signal) => event.wait({ signal }), finish: () => event.set() };
  },
  'Semaphore.acquire [LOCK-03]': () => permitsTaken(new Semaphore(0)),
  'BoundedSemaphore.acquire [LOCK-03]'() {
    const semaphore = new BoundedSemaphore(1);
    void semaphore.acquire(); // taken before it returns
    return permitsTaken(semaphore);
  },
  'Lock.acquire [LOCK-04]'() {
    const lock = new Lock();
    void lock.acquire();
    return {
      begin: async (signal) => (await lock.acquire({ signal })).release(),
      finish: () => lock.release(),
      wakeOne: () => lock.release(),
    };
  },
  'Lock.run [LOCK-04]'() {
    const lock = new Lock();
    void lock.acquire();
    return {
      begin: (signal) => lock.run(() => {}, { signal }),
      finish: () => lock.release(),
      wakeOne: () => lock.release(),
    };
  },
  'Queue.get [Q-01]': () => waitsToGet(new Queue()),
  'LifoQueue.get [Q-03]': () => waitsToGet(new LifoQueue()),
  'PriorityQueue.get [Q-03]': () => waitsToGet(new PriorityQueue()),
  'Queue.put [Q-01]'() {
    const queue = fullQueue(new Queue<number>(1));
    return {
      begin: (signal) => queue.put(1, { signal }),
      finish() {
        while (!queue.isEmpty) queue.getNowait();
      },
    };
  },
  'Queue.join [Q-02]'() {
    const queue = fullQueue(new Queue<number>());
    return { begin: (signal) => queue.join({ signal }), finish: () => queue.taskDone() };
  },
};

const AT_ONCE = 1000;

/** The warnings of Node while `work` runs. */
async function warningsDuring(work: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const record = (warning: Error) => void warnings.push(warning.name);
  process.on('warning', record);
  try {
    await work();
    // Node emits a warning in a tick, and has done so after a turn.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('warning', record);
  }
  return warnings;
}

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('the listeners of a signal', () => {
  it.each(Object.entries(WAITS))(
    'is one for 1,000 waits, and none when they end well, without a warning: %s',
    async (_, makeWait) => {
      const { begin, finish } = makeWait();
      const { signal } = new AbortController();
      const warnings = await warningsDuring(async () => {
        const waiting = Array.from({ length: AT_ONCE }, () => begin(signal));
        expect(listeners(signal)).toBe(1);
        await finish();
        await Promise.all(waiting);
      });
      expect(listeners(signal)).toBe(0);
      expect(warnings).toEqual([]);
    },
  );

  it.each(Object.entries(WAITS))(
    'is one for 1,000 waits, and none when they are aborted, without a warning: %s',
    async (_, makeWait) => {
      const { begin } = makeWait();
      const stop = new AbortController();
      const reason = new Error('enough');
      const warnings = await warningsDuring(async () => {
        const waiting = Array.from({ length: AT_ONCE }, () => begin(stop.signal));
        const outcomes = Promise.allSettled(waiting);
        stop.abort(reason);
        expect(listeners(stop.signal)).toBe(0);
        const reasons = new Set((await outcomes).map((outcome) => 'reason' in outcome && outcome.reason));
        expect([...reasons]).toEqual([reason]);
      });
      expect(warnings).toEqual([]);
    },
  );

  it.each(Object.entries(WAITS))(
    'leaves what one waits for to the next when it is aborted: %s',
    async (_, makeWait) => {
      const { begin, finish } = makeWait();
      const stop = new AbortController();
      const { signal } = new AbortController();
      const aborted = expect(begin(stop.signal)).rejects.toBe('enough');
      const next = begin(signal);
      stop.abort('enough');
      await aborted;
      await finish();
      await next;
      expect([listeners(stop.signal), listeners(signal)]).toEqual([0, 0]);
    },
  );

  it.each(Object.entries(WAITS).filter(([, makeWait]) => makeWait().wakeOne !== undefined))(
    'passes a wake-up on that races with the abort of one: %s',
    async (_, makeWait) => {
      const { begin, wakeOne } = makeWait();
      const stop = new AbortController();
      const aborted = expect(begin(stop.signal)).rejects.toBe('enough');
      const next = begin(new AbortController().signal);
      wakeOne?.();
      stop.abort('enough');
      await aborted;
      await next;
    },
  );

  it.each(Object.entries(WAITS).filter(([, makeWait]) => makeWait().wakeOne !== undefined))(
    'passes a wake-up on past all who are aborted by the same signal: %s',
    async (_, makeWait) => {
      const { begin, wakeOne } = makeWait();
      const stop = new AbortController();
      const aborted = Promise.allSettled([begin(stop.signal), begin(stop.signal), begin(stop.signal)]);
      const next = begin(new AbortController().signal);
      wakeOne?.();
      stop.abort('enough');
      expect((await aborted).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
      await next;
    },
  );
});
