import { describe, expect, it } from 'vitest';
import { BoundedSemaphore, Lock, Semaphore } from '../../src/index.ts';

/** How many can be had at once without waiting, found out by taking them, and giving them back. */
async function permitsFree(waitable: Semaphore | Lock): Promise<number> {
  using stack = new Guards();
  for (;;) {
    try {
      stack.add(await waitable.acquire({ timeoutMs: 0 }));
    } catch {
      return stack.size;
    }
  }
}

/** Node 20 has no `DisposableStack`. */
class Guards {
  readonly #guards: Disposable[] = [];

  get size(): number {
    return this.#guards.length;
  }

  add(guard: Disposable): void {
    this.#guards.push(guard);
  }

  [Symbol.dispose](): void {
    for (const guard of this.#guards) guard[Symbol.dispose]();
  }
}

describe.each([
  ['Semaphore', () => new Semaphore(1), '[LOCK-03]'],
  ['BoundedSemaphore', () => new BoundedSemaphore(1), '[LOCK-03]'],
  ['Lock', () => new Lock(), '[LOCK-04]'],
] as const)('a scope of a %s', (_, make, id) => {
  it(`holds it to the end of the block, by using ${id}`, async () => {
    const waitable = make();
    {
      using guard = await waitable.acquire();
      expect(await permitsFree(waitable)).toBe(0);
      expect(guard).toBeDefined();
    }
    expect(await permitsFree(waitable)).toBe(1);
  });

  it(`holds it to the end of the block, by await using ${id}`, async () => {
    const waitable = make();
    {
      await using guard = await waitable.acquire();
      expect(await permitsFree(waitable)).toBe(0);
      expect(guard).toBeDefined();
    }
    expect(await permitsFree(waitable)).toBe(1);
  });

  it(`gives it back after a throw and a return, and once where release was called before ${id}`, async () => {
    const waitable = make();
    async function leave(how: 'throw' | 'return' | 'release'): Promise<void> {
      using guard = await waitable.acquire();
      if (how === 'throw') throw new Error('inside');
      if (how === 'return') return;
      guard.release();
    }
    await expect(leave('throw')).rejects.toThrow('inside');
    await leave('return');
    await leave('release');
    expect(await permitsFree(waitable)).toBe(1);
  });

  it(`lets the next in when it ends, first come, first served ${id}`, async () => {
    const waitable = make();
    const log: string[] = [];
    async function visit(name: string): Promise<void> {
      using _guard = await waitable.acquire();
      log.push(`${name} in`);
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} out`);
    }
    await Promise.all([visit('a'), visit('b'), visit('c')]);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  it(`is a TypeError for itself, in both forms, and takes nothing ${id}`, async () => {
    const waitable = make();
    const sync = async () => {
      // @ts-expect-error a type error too: it is no resource, the guard is one.
      using held = waitable;
      return held;
    };
    const asynchronous = async () => {
      // @ts-expect-error as above.
      await using held = waitable;
      return held;
    };
    await expect(sync()).rejects.toBeInstanceOf(TypeError);
    await expect(asynchronous()).rejects.toBeInstanceOf(TypeError);
    expect(await permitsFree(waitable)).toBe(1);
  });

  it(`is a TypeError for an acquire that is not awaited, in both forms ${id}`, async () => {
    const entered: string[] = [];
    const sync = async () => {
      // @ts-expect-error a type error too: a promise is no resource.
      using held = make().acquire();
      entered.push('sync');
      return held;
    };
    const asynchronous = async () => {
      // @ts-expect-error as above; `await using` waits at the end of the block, not for what it is given.
      await using held = make().acquire();
      entered.push('async');
      return held;
    };
    await expect(sync()).rejects.toBeInstanceOf(TypeError);
    await expect(asynchronous()).rejects.toBeInstanceOf(TypeError);
    expect(entered).toEqual([]);
  });
});
