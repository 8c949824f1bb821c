import { describe, expect, expectTypeOf, it } from 'vitest';
import { multi } from '../../src/index.ts';
import { deferred, recordLogger, turn, USAGE } from './waits.ts';

describe('multi', () => {
  it('keeps the order of a list, whichever item comes first [FUT-04]', async () => {
    const slow = deferred<string>();
    const result = multi([slow.promise, Promise.resolve(2), true]);
    await turn();
    slow.resolve('slow');
    expectTypeOf(await result).toEqualTypeOf<[string, number, true]>();
    expect(await result).toEqual(['slow', 2, true]);
  });

  it('keeps the names of an object [FUT-04]', async () => {
    const result = await multi({ user: Promise.resolve('ann'), age: 7 as number });
    expectTypeOf(result).toEqualTypeOf<{ user: string; age: number }>();
    expect(result).toEqual({ user: 'ann', age: 7 });
    expect(Object.keys(result)).toEqual(['user', 'age']);
  });

  it('keeps a key named __proto__ a key [FUT-04]', async () => {
    const result = await multi(JSON.parse('{"__proto__": {"admin": true}}') as Record<string, unknown>);
    expect(Object.keys(result)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  });

  it('resolves at once for nothing [FUT-04]', async () => {
    expect(await multi([])).toEqual([]);
    expect(await multi({})).toEqual({});
  });

  it('takes the same promise twice, and other awaitables [FUT-04]', async () => {
    const one = Promise.resolve(1);
    // biome-ignore lint/suspicious/noThenProperty: an awaitable of somebody else is the subject.
    const foreign = { then: (onValue: (value: string) => void) => onValue('foreign') };
    expect(await multi([one, one, foreign])).toEqual([1, 1, 'foreign']);
  });

  it('throws the first error in the order of the list, after all have settled [FUT-04]', async () => {
    const { logger, errors } = recordLogger();
    const [early, late, last] = [new Error('early'), new Error('late'), deferred<string>()];
    const first = deferred<string>();
    let settled = false;
    const result = multi([first.promise, Promise.reject(early), last.promise], { logger });
    const outcome = result.catch((error: unknown) => {
      settled = true;
      return error;
    });
    first.reject(late);
    await turn();
    expect(settled).toBe(false);
    expect(errors).toEqual([]);
    last.resolve('last');
    expect(await outcome).toBe(late);
    expect(errors).toEqual([early]);
  });

  it('logs an error once, also when its promise comes twice [FUT-04]', async () => {
    const { logger, errors } = recordLogger();
    const failing = Promise.reject(new Error('one'));
    const other = Promise.reject(new Error('two'));
    await expect(multi([failing, other, failing, other], { logger })).rejects.toThrow('one');
    expect(errors).toEqual([new Error('two')]);
  });

  it('logs none of the other errors when quiet is true, and some when it is a function [FUT-04]', async () => {
    const { logger, errors } = recordLogger();
    const failures = () => ['a', 'b', 'c'].map((name) => Promise.reject(name));
    await expect(multi(failures(), { logger, quiet: true })).rejects.toBe('a');
    expect(errors).toEqual([]);
    await expect(multi(failures(), { logger, quiet: (error) => error === 'b' })).rejects.toBe('a');
    expect(errors).toEqual(['c']);
  });

  it('logs both errors when the quiet function fails itself [FUT-04]', async () => {
    const { logger, errors } = recordLogger();
    const quiet = () => {
      throw new Error('a bug');
    };
    await expect(multi([Promise.reject('a'), Promise.reject('b')], { logger, quiet })).rejects.toBe('a');
    expect(errors).toEqual([new Error('a bug'), 'b']);
  });

  it('stops waiting at an abort, and logs what fails later [FUT-04]', async () => {
    const { logger, errors } = recordLogger();
    const controller = new AbortController();
    const item = deferred<string>();
    const result = multi([item.promise], { signal: controller.signal, logger });
    controller.abort('gone');
    await expect(result).rejects.toBe('gone');
    item.reject('late');
    await turn();
    expect(errors).toEqual(['late']);
  });

  it.each([undefined, null, 5, 'text', new Map(), new Set(), Promise.resolve([])])(
    'refuses %s for items [FUT-04]',
    async (items) => {
      await expect(multi(items as never)).rejects.toEqual(USAGE);
    },
  );
});
