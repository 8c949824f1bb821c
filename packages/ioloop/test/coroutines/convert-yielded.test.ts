import { describe, expect, it } from 'vitest';
import {
  convertYielded,
  coroutine,
  isCoroutineFunction,
  registerYielded,
} from '../../src/coroutines/coroutine.ts';
import { Future } from '../../src/coroutines/future.ts';
import { recordLogger, turn, USAGE } from './waits.ts';

/** Somebody else's task: it has no `then`. */
class Task {
  readonly #outcome: () => unknown;

  constructor(outcome: () => unknown) {
    this.#outcome = outcome;
  }

  finished(): PromiseLike<unknown> {
    return this.#outcome() as PromiseLike<unknown>;
  }
}

class UrgentTask extends Task {}

const done = (value: unknown) => new Task(() => Promise.resolve(value));

/** Registers for the length of `work`. */
async function whileRegistered(work: () => Promise<void>): Promise<void> {
  const unregister = registerYielded(Task, (task) => task.finished());
  try {
    await work();
  } finally {
    unregister();
  }
}

describe('registerYielded', () => {
  it('lets coroutines wait for the objects of a class, by themselves and as items [FUT-07]', async () => {
    await whileRegistered(async () => {
      const all = coroutine(function* () {
        const one: unknown = yield done('one');
        const list: unknown = yield [done(1), Promise.resolve(2), 3];
        const record: unknown = yield { a: done('a'), b: 'b' };
        return [one, list, record];
      });
      expect(await all()).toEqual(['one', [1, 2, 3], { a: 'a', b: 'b' }]);
    });
  });

  it('counts for subclasses, unless they have a converter of their own [FUT-07]', async () => {
    await whileRegistered(async () => {
      const urgent = coroutine(function* () {
        const result: unknown = yield new UrgentTask(() => Promise.resolve('as a task'));
        return result;
      });
      expect(await urgent()).toBe('as a task');
      const unregister = registerYielded(UrgentTask, () => Promise.resolve('as an urgent task'));
      expect(await urgent()).toBe('as an urgent task');
      unregister();
      unregister();
      expect(await urgent()).toBe('as a task');
    });
  });

  it('is taken back by the function that it returns, and only its own [FUT-07]', async () => {
    const unregister = registerYielded(Task, (task) => task.finished());
    unregister();
    expect(() => convertYielded(done(1))).toThrow(USAGE);
    await whileRegistered(async () => {
      unregister();
      expect(await convertYielded(done(1))).toBe(1);
    });
  });

  it('throws at the yield what a converter throws, its promise fails with, or else makes [FUT-07]', async () => {
    await whileRegistered(async () => {
      const broken = () => {
        throw new Error('converter');
      };
      const careful = coroutine(function* () {
        const caught: unknown[] = [];
        for (const outcome of [broken, () => Promise.reject('task'), () => 'no promise']) {
          try {
            yield new Task(outcome);
          } catch (error) {
            caught.push(error);
          }
        }
        return caught;
      });
      expect(await careful()).toEqual([new Error('converter'), 'task', USAGE]);
    });
  });

  it('listens to every item, though the converter of one throws [FUT-07]', async () => {
    await whileRegistered(async () => {
      const { logger, errors } = recordLogger();
      const broken = new Task(() => {
        throw new Error('converter');
      });
      const items = [Promise.reject('first'), broken, Promise.reject('third')];
      await expect(convertYielded(items, { logger })).rejects.toBe('first');
      expect(errors).toEqual([new Error('converter'), 'third']);
      await turn();
    });
  });

  it('refuses a class twice, Object, what is no class, and what is no converter [FUT-07]', async () => {
    await whileRegistered(async () => {
      const convert = () => Promise.resolve();
      for (const type of [Task, Object, {}, () => {}, undefined, null, 'Task']) {
        expect(() => registerYielded(type as typeof Task, convert)).toThrow(USAGE);
      }
      expect(() => registerYielded(UrgentTask, undefined as never)).toThrow(USAGE);
    });
  });
});

describe('convertYielded', () => {
  it('gives what can be awaited back as it is, and waits for the items of others [FUT-07]', async () => {
    const future = new Future<number>();
    expect(convertYielded(future)).toBe(future);
    future.setResult(1);
    expect(await convertYielded([future, 2])).toEqual([1, 2]);
    expect(await convertYielded({ one: future })).toEqual({ one: 1 });
  });

  it('keeps a key named __proto__ a key [FUT-07]', async () => {
    const result = await convertYielded(JSON.parse('{"__proto__": {"admin": true}}'));
    expect(Object.keys(result as object)).toEqual(['__proto__']);
  });

  it.each([undefined, null, 5, 'text', new Map(), () => {}, done(1), (function* () {})()])(
    'refuses %s [FUT-07]',
    (yielded) => {
      expect(() => convertYielded(yielded)).toThrow(USAGE);
    },
  );
});

describe('isCoroutineFunction', () => {
  it('knows the functions that coroutine made [FUT-03]', () => {
    expect(isCoroutineFunction(coroutine(function* () {}))).toBe(true);
    for (const value of [function* () {}, async () => {}, () => {}, undefined, null, {}]) {
      expect(isCoroutineFunction(value)).toBe(false);
    }
  });
});
