import { describe, expect, it } from 'vitest';
import { BoundedSemaphore, Semaphore } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

describe.each([
  ['Semaphore', Semaphore],
  ['BoundedSemaphore', BoundedSemaphore],
] as const)('%s', (_name, Kind) => {
  it('lets as many in as it has permits, then first come, first served [LOCK-03]', async () => {
    const semaphore = new Kind(2);
    const entered: string[] = [];
    const enter = async (name: string) => {
      const guard = await semaphore.acquire();
      entered.push(name);
      return guard;
    };
    const [a, b, c, d] = [enter('a'), enter('b'), enter('c'), enter('d')];
    const guards = await Promise.all([a, b]);
    expect(entered).toEqual(['a', 'b']);
    expect(semaphore.value).toBe(0);
    guards[1].release();
    expect(entered).toEqual(['a', 'b']);
    (await c).release();
    (await d).release();
    guards[0].release();
    expect(entered).toEqual(['a', 'b', 'c', 'd']);
    expect(semaphore.value).toBe(2);
  });

  it('has one permit unless told otherwise [LOCK-03]', () => {
    expect(new Kind().value).toBe(1);
  });

  it('gives a released permit to who waits, not to a newcomer of the same turn [LOCK-03]', async () => {
    const semaphore = new Kind();
    const held = await semaphore.acquire();
    const waiting = semaphore.acquire();
    held.release();
    await expect(semaphore.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
    (await waiting).release();
    (await semaphore.acquire({ timeoutMs: 0 })).release();
  });

  it('counts the release of a guard once, by call and by dispose [LOCK-03]', async () => {
    const semaphore = new Kind(3);
    const guard = await semaphore.acquire();
    await semaphore.acquire();
    guard.release();
    guard.release();
    guard[Symbol.dispose]();
    expect(semaphore.value).toBe(2);
    const other = await semaphore.acquire();
    other[Symbol.dispose]();
    expect(semaphore.value).toBe(2);
  });

  it('is no resource itself: a scope of it, or of the promise, is refused by the language [LOCK-03]', async () => {
    const semaphore = new Kind();
    const acquiring = semaphore.acquire();
    expect(Symbol.dispose in semaphore).toBe(false);
    expect(Symbol.dispose in acquiring).toBe(false);
    expect(Symbol.dispose in (await acquiring)).toBe(true);
  });

  it('holds a permit while run calls its function, and gives it back after an error too [LOCK-03]', async () => {
    const semaphore = new Kind();
    const inside = () => semaphore.value;
    expect(await semaphore.run(inside)).toBe(0);
    expect(semaphore.value).toBe(1);
    const failing = semaphore.run(async () => {
      throw new Error('inside');
    });
    await expect(failing).rejects.toThrow('inside');
    expect(semaphore.value).toBe(1);
    await expect(semaphore.run('no function' as never)).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
    expect(semaphore.value).toBe(1);
  });

  it('throws when the time has passed, and that waiter takes no permit [LOCK-03]', async () => {
    const clock = new VirtualClock();
    const semaphore = new Kind(1, { clock });
    const guard = await semaphore.acquire({ timeoutMs: 10 });
    const late = expect(semaphore.acquire({ timeoutMs: 10 })).rejects.toMatchObject({
      name: 'LoopTimeoutError',
    });
    await clock.advance(10);
    await late;
    expect(clock.pending).toBe(0);
    guard.release();
    expect(semaphore.value).toBe(1);
  });

  it('keeps a permit that was released before the time passed, though both come in one turn [LOCK-03]', async () => {
    const clock = new VirtualClock();
    const semaphore = new Kind(1, { clock });
    const guard = await semaphore.acquire();
    const waiting = semaphore.acquire({ timeoutMs: 10 });
    guard.release();
    expect(clock.pending).toBe(0);
    await clock.advance(10);
    (await waiting).release();
    expect(semaphore.value).toBe(1);
  });

  it('passes a permit on when its waiter is aborted in the same turn [LOCK-03]', async () => {
    const semaphore = new Kind();
    const stop = new AbortController();
    const held = await semaphore.acquire();
    const aborted = semaphore.acquire({ signal: stop.signal });
    const next = semaphore.acquire();
    held.release();
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    (await next).release();
    expect(semaphore.value).toBe(1);
  });

  it('keeps a permit if no waiter is left to take it [LOCK-03]', async () => {
    const semaphore = new Kind();
    const stop = new AbortController();
    const held = await semaphore.acquire();
    const aborted = semaphore.acquire({ signal: stop.signal });
    held.release();
    expect(semaphore.value).toBe(0);
    stop.abort(new Error('enough'));
    expect(semaphore.value).toBe(1);
    await expect(aborted).rejects.toThrow('enough');
    expect(semaphore.value).toBe(1);
  });

  it('is not changed by a signal that is aborted after the permit was taken [LOCK-03]', async () => {
    const semaphore = new Kind();
    const stop = new AbortController();
    const held = await semaphore.acquire();
    const waiting = semaphore.acquire({ signal: stop.signal });
    held.release();
    const guard = await waiting;
    stop.abort();
    expect(semaphore.value).toBe(0);
    guard.release();
    expect(semaphore.value).toBe(1);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, null, '1'])(
    'refuses %j permits [LOCK-03]',
    (value) => {
      expect(() => new Kind(value as number)).toThrow(expect.objectContaining({ code: 'ERR_LOOP_USAGE' }));
    },
  );

  it('refuses wrong options and takes no permit [LOCK-03]', async () => {
    const semaphore = new Kind();
    await expect(semaphore.acquire({ timeoutMs: Number.NaN })).rejects.toMatchObject({
      code: 'ERR_LOOP_USAGE',
    });
    const signal = AbortSignal.abort(new Error('before'));
    await expect(semaphore.acquire({ signal })).rejects.toThrow('before');
    expect(semaphore.value).toBe(1);
  });
});

describe('Semaphore', () => {
  it('grows by a release without an acquire [LOCK-03]', async () => {
    const semaphore = new Semaphore(0);
    const waiting = semaphore.acquire();
    semaphore.release();
    await waiting;
    semaphore.release();
    semaphore.release();
    expect(semaphore.value).toBe(2);
  });
});

describe('BoundedSemaphore', () => {
  it('throws when released past its initial value, and stays as it was [LOCK-03]', async () => {
    const semaphore = new BoundedSemaphore(2);
    const guard = await semaphore.acquire();
    semaphore.release();
    const tooOften = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOCK_NOT_HELD' });
    expect(() => semaphore.release()).toThrow(tooOften);
    expect(() => guard.release()).toThrow(tooOften);
    expect(semaphore.value).toBe(2);
  });
});
