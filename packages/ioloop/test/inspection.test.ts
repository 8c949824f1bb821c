import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { InlineExecutor, ThreadPoolExecutor } from '../src/executors/index.ts';
import {
  BoundedSemaphore,
  Condition,
  Event,
  Future,
  IOLoop,
  LifoQueue,
  Lock,
  PeriodicCallback,
  Queue,
  Semaphore,
  WaitIterator,
} from '../src/index.ts';
import { ProcessSupervisor } from '../src/processes/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

const shown = (value: unknown) => inspect(value, { breakLength: Number.POSITIVE_INFINITY });

describe('util.inspect', () => {
  it('shows of a queue what is in it and who waits', async () => {
    const queue = new Queue<number>(1);
    await queue.put(1);
    void queue.put(2);
    expect(shown(queue)).toBe('Queue { size: 1, maxSize: 1, waitingGets: 0, waitingPuts: 1, unfinished: 1 }');
    expect(shown(new LifoQueue())).toMatch(/^LifoQueue { size: 0, maxSize: 0,/);
  });

  it('shows of locks and events whether they are taken or set, and who waits', async () => {
    const lock = new Lock();
    const guard = await lock.acquire();
    void lock.acquire();
    expect(shown(lock)).toBe('Lock { isLocked: true, waiting: 1 }');
    expect(shown(guard)).toBe('SemaphoreGuard { isHeld: true }');
    const event = new Event();
    void event.wait();
    expect(shown(event)).toBe('Event { isSet: false, waiting: 1 }');
    expect(shown(new Semaphore(2))).toBe('Semaphore { value: 2, waiting: 0 }');
    expect(shown(new BoundedSemaphore())).toBe('BoundedSemaphore { value: 1, waiting: 0 }');
    expect(shown(new Condition())).toBe('Condition { waiting: 0 }');
  });

  it('shows of a future its state and outcome', async () => {
    const future = new Future<number>();
    expect(shown(future)).toBe("Future { state: 'pending' }");
    future.setResult(7);
    expect(shown(future)).toBe("Future { state: 'result', value: 7 }");
    const failed = new Future<number>();
    failed.addDoneCallback(() => {});
    failed.setException('no');
    expect(shown(failed)).toBe("Future { state: 'exception', error: 'no' }");
    await expect(failed).rejects.toBe('no');
  });

  it('shows of a loop the backend and what waits, also when it is closed', async () => {
    const loop = new IOLoop({ clock: new VirtualClock() });
    const timeout = loop.callLater(1000, function tick() {});
    expect(shown(timeout)).toBe('LoopTimer { callback: [Function: tick], isPending: true }');
    expect(shown(loop)).toContain(`IOLoop { backend: '${loop.backend}', backendReason: `);
    expect(shown(loop)).toMatch(/isRunning: false, isClosed: false, callbacks: 0, timers: 1 }$/);
    await loop.close();
    expect(shown(loop)).toMatch(/isClosed: true, callbacks: 0, timers: 0 }$/);
  });

  it('shows of the others how they stand', () => {
    expect(shown(new VirtualClock())).toBe('VirtualClock { pending: 0, now: 0 }');
    expect(shown(new PeriodicCallback(() => {}, 500))).toBe(
      'PeriodicCallback { isRunning: false, periodMs: 500, jitter: 0 }',
    );
    expect(shown(new InlineExecutor())).toBe('InlineExecutor { running: 0, isClosed: false }');
    expect(shown(new ThreadPoolExecutor({ maxWorkers: 2 }))).toBe(
      'ThreadPoolExecutor { maxWorkers: 2, running: 0, waiting: 0, isClosed: false }',
    );
    expect(shown(new WaitIterator([1, 2]))).toBe('WaitIterator { items: 2, completed: 0, taken: 0 }');
    expect(shown(new ProcessSupervisor({ program: import.meta.filename, count: 1 }))).toBe(
      "ProcessSupervisor { children: [ { taskId: 0, pid: undefined, restarts: 0 } ], restarts: 0, state: 'new' }",
    );
  });
});
