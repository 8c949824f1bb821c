import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { chainFuture, Future } from '../../src/coroutines/future.ts';
import { isFuture } from '../../src/index.ts';
import { deferred, recordLogger, turn, USAGE } from './waits.ts';

/** What becomes unhandled while `work` runs, and in the turns behind it. */
async function unhandledDuring(work: () => void): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const record = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', record);
  try {
    work();
    await turn();
    await turn();
  } finally {
    process.off('unhandledRejection', record);
  }
  return unhandled;
}

describe('Future', () => {
  it('is pending until it has a result, which it gives to who asks and who waits [FUT-01]', async () => {
    const future = new Future<number>();
    expect([future.isDone, future.hasFailed, future.isCancelled]).toEqual([false, false, false]);
    expect(() => future.result()).toThrow(USAGE);
    expect(() => future.exception()).toThrow(USAGE);
    expect(future.setResult(5)).toBe(true);
    expect([future.isDone, future.hasFailed, future.isCancelled]).toEqual([true, false, false]);
    expect(future.result()).toBe(5);
    expect(future.exception()).toBeUndefined();
    expect(await future).toBe(5);
    expect(await future.promise).toBe(5);
  });

  it('throws its exception at who asks and who waits [FUT-01]', async () => {
    const future = new Future<number>();
    const error = new Error('broken');
    expect(future.setException(error)).toBe(true);
    expect([future.isDone, future.hasFailed, future.isCancelled]).toEqual([true, true, false]);
    expect(() => future.result()).toThrow(error);
    expect(future.exception()).toBe(error);
    await expect(future).rejects.toBe(error);
  });

  it('settles once, and says whether it did [FUT-01]', async () => {
    const { logger, errors } = recordLogger();
    const future = new Future<string>({ logger });
    future.setResult('first');
    expect(future.setResult('second')).toBe(false);
    expect(future.cancel()).toBe(false);
    expect(await future).toBe('first');
    expect(errors).toEqual([]);
  });

  it.each([
    ['a result', (future: Future<string>) => future.setResult('there')],
    ['an exception', (future: Future<string>) => future.setException('first')],
    ['a cancellation', (future: Future<string>) => future.cancel()],
  ])('logs an exception that comes after %s [FUT-01]', async (_, settle) => {
    const { logger, errors } = recordLogger();
    const future = new Future<string>({ logger });
    future.then(undefined, () => {});
    settle(future);
    expect(future.setException('lost')).toBe(false);
    expect(errors).toEqual(['lost']);
  });

  it('does not log a late exception that is quiet, or only says that the work was stopped [FUT-01]', () => {
    const { logger, errors } = recordLogger();
    const quiet = new Future<string>({ logger, quiet: (error) => error === 'expected' });
    quiet.setResult('there');
    quiet.setException('expected');
    quiet.setException(new DOMException('stopped', 'AbortError'));
    const cancelled = new Future<string>({ logger });
    cancelled.cancel('enough');
    cancelled.setException('enough');
    cancelled.setException(new Error('stopped', { cause: 'enough' }));
    expect(errors).toEqual([]);
    cancelled.setException(undefined);
    expect(errors).toEqual([undefined]);
  });

  it('rejects with the reason of its cancellation, by default an AbortError [FUT-01]', async () => {
    const future = new Future<string>();
    const waiting = expect(future).rejects.toMatchObject({ name: 'AbortError' });
    expect(future.cancel()).toBe(true);
    expect([future.isDone, future.hasFailed, future.isCancelled]).toEqual([true, false, true]);
    await waiting;
    expect(future.exception()).toMatchObject({ name: 'AbortError' });
    const other = new Future<string>();
    other.cancel('enough');
    await expect(other).rejects.toBe('enough');
    expect(() => other.result()).toThrow('enough');
  });

  it('leaves an unhandled exception to Node, as a promise does [FUT-01]', async () => {
    expect(await unhandledDuring(() => new Future().setException('lost'))).toEqual(['lost']);
  });

  it.each([
    ['a cancellation', (future: Future<string>) => future.cancel()],
    [
      'an exception that was looked at',
      (future: Future<string>) => {
        future.setException('seen');
        future.exception();
      },
    ],
    [
      'an exception that was thrown at who asked',
      (future: Future<string>) => {
        future.setException('seen');
        expect(() => future.result()).toThrow('seen');
      },
    ],
    [
      'an exception for a callback that waited',
      (future: Future<string>) => {
        future.addDoneCallback(() => {});
        future.setException('seen');
      },
    ],
    [
      'an exception for a callback that came later',
      (future: Future<string>) => {
        future.setException('seen');
        future.addDoneCallback(() => {});
      },
    ],
  ])('leaves nothing unhandled of %s [FUT-01]', async (_, settle) => {
    expect(await unhandledDuring(() => settle(new Future<string>()))).toEqual([]);
  });

  it('calls a callback inline when it is done, and never inside of what settles it [FUT-01]', async () => {
    const future = new Future<string>();
    const calls: string[] = [];
    future.addDoneCallback((done) => calls.push(`waited: ${done.result()}`));
    future.setResult('there');
    expect(calls).toEqual([]);
    future.addDoneCallback((done) => calls.push(`came late: ${done.result()}`));
    expect(calls).toEqual(['came late: there']);
    await turn();
    expect(calls).toEqual(['came late: there', 'waited: there']);
  });

  it('calls a callback in the async context that it was added in [FUT-01]', async () => {
    const storage = new AsyncLocalStorage<string>();
    const future = new Future<string>();
    let seen: string | undefined;
    storage.run('caller', () =>
      future.addDoneCallback(() => {
        seen = storage.getStore();
      }),
    );
    storage.run('other', () => future.setResult('there'));
    await turn();
    expect(seen).toBe('caller');
  });

  it('logs what a callback throws or rejects with, except a cancellation, and calls the others [FUT-01]', async () => {
    const { logger, errors } = recordLogger();
    const future = new Future<string>({ logger });
    let calls = 0;
    const add = () => {
      future.addDoneCallback(() => {
        throw new Error('thrown');
      });
      future.addDoneCallback(() => Promise.reject(new Error('rejected')));
      future.addDoneCallback(() => Promise.reject(new DOMException('stopped', 'AbortError')));
      future.addDoneCallback(() => {
        calls += 1;
      });
    };
    add();
    future.setException('broken');
    add();
    await turn();
    expect(calls).toBe(2);
    const both = [new Error('thrown'), new Error('rejected')];
    expect(errors).toHaveLength(4);
    expect(errors).toEqual(expect.arrayContaining(both));
  });

  it('refuses a promise as its result, and what is not a callback, and stays pending [FUT-01]', () => {
    const future = new Future<unknown>();
    expect(() => future.setResult(Promise.resolve(5))).toThrow(USAGE);
    expect(() => future.setResult(new Future())).toThrow(USAGE);
    expect(() => future.addDoneCallback(undefined as never)).toThrow(USAGE);
    expect(future.isDone).toBe(false);
  });

  it.each([null, 5, { logger: {} }, { logger: null }, { quiet: 'yes' }])(
    'refuses %j as its report [FUT-01]',
    (report) => {
      expect(() => new Future(report as never)).toThrow(USAGE);
    },
  );
});

describe('chainFuture', () => {
  it('passes a value, an exception and a cancellation on [FUT-01]', async () => {
    const [value, exception, cancellation] = [
      new Future<string>(),
      new Future<string>(),
      new Future<string>(),
    ];
    const targets = [value, exception, cancellation].map((source) => {
      const target = new Future<string>();
      chainFuture(source, target);
      return target;
    });
    const outcomes = Promise.allSettled(targets);
    value.setResult('there');
    exception.setException('broken');
    cancellation.cancel('enough');
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 'there' },
      { status: 'rejected', reason: 'broken' },
      { status: 'rejected', reason: 'enough' },
    ]);
    expect(targets.map((target) => target.isCancelled)).toEqual([false, false, true]);
  });

  it('copies a future that is done at once [FUT-01]', () => {
    const [source, target] = [new Future<string>(), new Future<string>()];
    source.setResult('there');
    chainFuture(source, target);
    expect(target.result()).toBe('there');
  });

  it('settles with the first of several promises, and logs an exception that comes later [FUT-01]', async () => {
    const { logger, errors } = recordLogger();
    const target = new Future<string>({ logger });
    const [first, second, third] = [deferred<string>(), deferred<string>(), deferred<string>()];
    for (const { promise } of [first, second, third]) chainFuture(promise, target);
    second.resolve('second');
    expect(await target).toBe('second');
    first.resolve('first');
    third.reject('third');
    await turn();
    expect(target.result()).toBe('second');
    expect(errors).toEqual(['third']);
  });

  it('takes awaitables of others, and settles with what their promises come to [FUT-01]', async () => {
    const target = new Future<string>();
    // biome-ignore lint/suspicious/noThenProperty: an awaitable of somebody else is the subject.
    const foreign = { then: (onValue: (value: unknown) => void) => onValue(Promise.resolve('inner')) };
    chainFuture(foreign as PromiseLike<string>, target);
    expect(await target).toBe('inner');
  });

  it('does not stop the source when the target is cancelled [FUT-01]', async () => {
    const [source, target] = [new Future<string>(), new Future<string>()];
    chainFuture(source, target);
    target.cancel();
    expect(source.isDone).toBe(false);
    source.setResult('there');
    await turn();
    expect([source.isCancelled, target.isCancelled]).toEqual([false, true]);
  });

  it('refuses a value that is no thenable, a target that is no future, and itself [FUT-01]', () => {
    const target = new Future<unknown>();
    for (const source of [undefined, null, 5, {}, () => {}]) {
      expect(() => chainFuture(source as never, target)).toThrow(USAGE);
    }
    expect(() => chainFuture(Promise.resolve(), Promise.resolve() as never)).toThrow(USAGE);
    expect(() => chainFuture(target, target)).toThrow(USAGE);
    expect(target.isDone).toBe(false);
  });
});

describe('isFuture', () => {
  it('knows what await would wait for [FUT-01]', () => {
    // biome-ignore lint/suspicious/noThenProperty: an awaitable of somebody else is the subject.
    const foreign = [{ then() {} }, Object.assign(() => {}, { then() {} })];
    for (const value of [Promise.resolve(), new Future(), ...foreign]) expect(isFuture(value)).toBe(true);
    // biome-ignore lint/suspicious/noThenProperty: this one is no method, so nobody waits for it.
    for (const value of [undefined, null, 5, 'text', {}, [], () => {}, { then: 5 }]) {
      expect(isFuture(value)).toBe(false);
    }
  });
});
