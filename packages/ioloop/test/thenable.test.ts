import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Future, IOLoop, PeriodicCallback } from '../src/index.ts';
import { callReporting, Deadline, DeadlineWheel, isThenable, reportRejection } from '../src/reactor/index.ts';
import { VirtualClock } from '../src/testing/index.ts';
import { recordLogger, turn } from './coroutines/waits.ts';
import { nativeIt } from './fixtures/native-case.ts';

const failure = new Error('a bug');

/** Each way in which an asynchronous callback can fail. */
const FAILURES: readonly [string, () => unknown][] = [
  ['a promise', () => Promise.reject(failure)],
  [
    'a Future',
    () => {
      const future = new Future<void>();
      setImmediate(() => future.setException(failure));
      return future;
    },
  ],
  ['a thenable that calls back twice', () => thenable((fail) => [fail(failure), fail(failure)])],
  [
    'a thenable that is a function',
    () =>
      Object.assign(
        () => {},
        thenable((fail) => fail(failure)),
      ),
  ],
  [
    'a thenable whose then throws',
    () =>
      thenable(() => {
        throw failure;
      }),
  ],
  [
    'an object whose then cannot be read',
    () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw failure;
        },
      }),
  ],
];

function thenable(settle: (fail: (error: unknown) => void) => unknown): object {
  // biome-ignore lint/suspicious/noThenProperty: a thenable of another library is the subject.
  return { then: (_: unknown, fail: (error: unknown) => void) => void settle(fail) };
}

/** A loop, and the errors that it logs. */
function setUp() {
  const { logger, errors } = recordLogger();
  const clock = new VirtualClock();
  return { clock, errors, logger, loop: new IOLoop({ clock, logger }) };
}

async function turns(): Promise<void> {
  for (let left = 5; left > 0; left -= 1) await turn();
}

describe('callReporting', () => {
  it.each(FAILURES)('reports once what %s fails with', async (_what, callback) => {
    const errors: unknown[] = [];
    callReporting(callback, undefined, (error) => errors.push(error));
    await turns();
    expect(errors).toEqual([failure]);
  });

  it('reports what is thrown, and nothing for what succeeds', async () => {
    const errors: unknown[] = [];
    const report = (error: unknown): void => void errors.push(error);
    callReporting(
      () => {
        throw failure;
      },
      undefined,
      report,
    );
    for (const result of [undefined, 5, {}, Promise.resolve(), new Error('a value')])
      callReporting((value: unknown) => value, [result], report);
    await turns();
    expect(errors).toEqual([failure]);
  });
});

describe('reportRejection', () => {
  it('reads then of what is an object or a function only', () => {
    Object.defineProperty(Number.prototype, 'then', { configurable: true, value: () => {} });
    try {
      expect(isThenable(5)).toBe(false);
      expect(() => reportRejection(5, () => {})).not.toThrow();
    } finally {
      delete (Number.prototype as { then?: unknown }).then;
    }
  });
});

describe('an asynchronous callback that fails is logged like one that throws', () => {
  it.each(FAILURES)('addCallback, callLater, callAt and addFuture: %s [LOOP-08]', async (_what, callback) => {
    const { clock, loop, errors } = setUp();
    loop.addCallback(callback);
    loop.callLater(10, callback);
    loop.callAt(10, callback);
    loop.addFuture(Promise.resolve(), callback);
    await clock.advance(10);
    await turns();
    expect(errors).toEqual([failure, failure, failure, failure]);
  });

  it.each(FAILURES)(
    'PeriodicCallback, which runs again afterwards: %s [LOOP-10]',
    async (_what, callback) => {
      const { clock, loop, errors } = setUp();
      const periodic = new PeriodicCallback(callback, 10, { loop });
      periodic.start();
      for (let runs = 0; runs < 2; runs += 1) {
        await clock.advance(10);
        await turns();
      }
      periodic.stop();
      expect(errors).toEqual([failure, failure]);
    },
  );

  it.each(FAILURES)('Deadline and scheduleFlush: %s', async (_what, callback) => {
    const { clock, loop, logger, errors } = setUp();
    const wheel = new DeadlineWheel(clock, logger, 10);
    new Deadline(wheel, { deadlinePassed: callback }).set(10);
    await clock.advance(100);
    await turns();
    expect(errors).toEqual([failure]);

    // The flushes of a thread belong to its loop, and so does their log.
    const logged: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => logged.push(text) > 0) as typeof write;
    try {
      loop.scheduleFlush({ flush: callback });
      await turns();
    } finally {
      process.stderr.write = write;
    }
    expect(logged).toEqual([expect.stringContaining('a flush threw or rejected')]);
  });

  for (const [what, callback] of FAILURES) {
    nativeIt(
      `addHandler: ${what} [LOOP-08]`,
      async () => {
        const { loop, errors } = setUp();
        await onWritable(loop, callback);
        await turns();
        expect(errors).toEqual([failure]);
      },
      () => new IOLoop().addHandler(0, IOLoop.WRITE, () => {}),
    );
  }
});

describe('AsyncLocalStorage.enterWith', () => {
  it('in a periodic callback does not reach its next run, which has the context of the start [LOOP-10]', async () => {
    const { clock, loop } = setUp();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const run = async () => {
      seen.push(storage.getStore());
      storage.enterWith('a run');
      if (seen.length % 2 === 0) await turn();
    };
    const periodic = new PeriodicCallback(run, 10, { loop });
    storage.run('the start', () => periodic.start());
    for (let runs = 0; runs < 5; runs += 1) {
      await storage.run('whoever lets time pass', () => clock.advance(10));
      await turns();
    }
    periodic.stop();
    expect(seen).toEqual(Array(5).fill('the start'));
  });

  it('in a deadline does not reach the next one of the same turn', async () => {
    const { clock, logger } = setUp();
    const storage = new AsyncLocalStorage<string>();
    const wheel = new DeadlineWheel(clock, logger, 10);
    const seen: unknown[] = [];
    const deadlinePassed = () => {
      seen.push(storage.getStore());
      storage.enterWith('a deadline');
    };
    for (let left = 3; left > 0; left -= 1) new Deadline(wheel, { deadlinePassed }).set(10);
    await clock.advance(100);
    expect(seen).toEqual([undefined, undefined, undefined]);
  });

  nativeIt(
    'in a handler of addHandler does not reach its next event',
    async () => {
      const { loop } = setUp();
      const storage = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      const handler = () => {
        seen.push(storage.getStore());
        storage.enterWith('an event');
      };
      await storage.run('the registration', () => onWritable(loop, handler, 3));
      expect(seen).toEqual(Array(3).fill('the registration'));
    },
    () => new IOLoop().addHandler(0, IOLoop.WRITE, () => {}),
  );
});

/** Calls `handler` for as many events of a descriptor that is always ready. */
async function onWritable(loop: IOLoop, handler: () => unknown, events = 1): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const fd = openSync(join(folder, 'fifo'), constants.O_RDWR | constants.O_NONBLOCK);
  let left = events;
  await new Promise<void>((resolve) => {
    loop.addHandler(fd, IOLoop.WRITE, () => {
      left -= 1;
      if (left === 0) {
        loop.removeHandler(fd);
        resolve();
      }
      return handler();
    });
  });
  closeSync(fd);
  rmSync(folder, { recursive: true });
}
