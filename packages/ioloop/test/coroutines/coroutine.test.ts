import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { coroutine, sleep } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { recordLogger, USAGE } from './waits.ts';

describe('coroutine', () => {
  it('waits for a promise at each yield, and resolves with what the body returns [FUT-03]', async () => {
    const clock = new VirtualClock();
    const add = coroutine(function* (left: number, right: number) {
      yield sleep(10, { clock });
      const sum: number = yield Promise.resolve(left + right);
      return { sum };
    });
    expectTypeOf(add).parameters.toEqualTypeOf<[number, number]>();
    const result = add(2, 3);
    expectTypeOf(result).toEqualTypeOf<Promise<{ sum: number }>>();
    await clock.advance(10);
    expect(await result).toEqual({ sum: 5 });
    expect(clock.pending).toBe(0);
  });

  it('waits for the items of arrays and objects [FUT-03]', async () => {
    const both = coroutine(function* () {
      const list: unknown = yield [Promise.resolve(1), 2];
      const record: unknown = yield { a: Promise.resolve('a'), b: 'b' };
      const nothing: unknown = yield [];
      return [list, record, nothing];
    });
    expect(await both()).toEqual([[1, 2], { a: 'a', b: 'b' }, []]);
  });

  it('waits for awaitables of others [FUT-03]', async () => {
    const foreign = coroutine(function* () {
      // biome-ignore lint/suspicious/noThenProperty: an awaitable of somebody else is the subject.
      const value: string = yield { then: (onValue: (value: string) => void) => onValue('foreign') };
      return value;
    });
    expect(await foreign()).toBe('foreign');
  });

  it('passes `this`, and keeps the name [FUT-03]', async () => {
    const counter = {
      count: 1,
      next: coroutine(function* next(this: { count: number }, by: number) {
        this.count += yield Promise.resolve(by);
        return this.count;
      }),
    };
    expect(await counter.next(2)).toBe(3);
    expect(counter.next.name).toBe('next');
  });

  it('throws a failure at the yield, where the body can catch it and go on [FUT-03]', async () => {
    const careful = coroutine(function* () {
      const caught: unknown[] = [];
      try {
        yield Promise.reject('one');
      } catch (error) {
        caught.push(error);
      }
      try {
        yield [Promise.resolve(), Promise.reject('two')];
      } catch (error) {
        caught.push(error);
      }
      return caught;
    });
    expect(await careful()).toEqual(['one', 'two']);
  });

  it('rejects with what the body does not catch, after its finally blocks [FUT-03]', async () => {
    const steps: string[] = [];
    const failing = coroutine(function* () {
      try {
        yield Promise.reject(new Error('broken'));
      } finally {
        yield Promise.resolve();
        steps.push('cleaned up');
      }
    });
    await expect(failing()).rejects.toThrow('broken');
    expect(steps).toEqual(['cleaned up']);
  });

  it('logs the second error of one yield [FUT-03]', async () => {
    const { logger, errors } = recordLogger();
    const failing = coroutine(
      function* () {
        yield [Promise.reject('one'), Promise.reject('two')];
      },
      { logger },
    );
    await expect(failing()).rejects.toBe('one');
    expect(errors).toEqual(['two']);
  });

  it('resolves a promise that the body returns [FUT-03]', async () => {
    const late = coroutine(function* () {
      yield Promise.resolve();
      return Promise.resolve('late');
    });
    expectTypeOf(late()).toEqualTypeOf<Promise<string>>();
    expect(await late()).toBe('late');
  });

  it.each([undefined, null, 5, 'text', new Map(), () => {}])(
    'throws at a yield of %s, and goes on when that is caught [FUT-03]',
    async (yielded) => {
      const wrong = coroutine(function* () {
        try {
          yield yielded;
        } catch (error) {
          return error;
        }
        return 'nothing thrown';
      });
      expect(await wrong()).toEqual(USAGE);
    },
  );

  it('keeps the async context of its caller at every step [FUT-03]', async () => {
    const storage = new AsyncLocalStorage<string>();
    const clock = new VirtualClock();
    const traced = coroutine(function* () {
      const seen = [storage.getStore()];
      yield sleep(1, { clock });
      seen.push(storage.getStore());
      yield [sleep(1, { clock }), Promise.resolve()];
      seen.push(storage.getStore());
      // biome-ignore lint/suspicious/noThenProperty: it calls back in a context of its own.
      yield { then: (onValue: () => void) => storage.run('foreign', () => setImmediate(onValue)) };
      seen.push(storage.getStore());
      try {
        yield storage.run('inner', () => Promise.reject('broken'));
      } catch {
        seen.push(storage.getStore());
      }
      return seen;
    });
    const first = storage.run('first', () => traced());
    const second = storage.run('second', () => traced());
    await storage.run('clock', () => clock.advance(5));
    expect(await first).toEqual(Array(5).fill('first'));
    expect(await second).toEqual(Array(5).fill('second'));
    expect(storage.getStore()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('refuses what is not a function [FUT-03]', () => {
    expect(() => coroutine({} as never)).toThrow(USAGE);
  });

  it.each([
    ['a plain function', () => 5],
    ['an async function', async () => 5],
    ['an async generator function', async function* () {}],
  ])('refuses %s when it is called [FUT-03]', async (_, body) => {
    await expect(coroutine(body as never)()).rejects.toEqual(USAGE);
  });
});
