import { describe, expect, it } from 'vitest';
import { Lock } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

describe('Lock', () => {
  it('lets one in at a time, first come, first served [LOCK-04]', async () => {
    const lock = new Lock();
    const log: string[] = [];
    const visit = (name: string) =>
      lock.run(async () => {
        log.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`${name} out`);
      });
    await Promise.all([visit('a'), visit('b'), visit('c')]);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  });

  it('throws when it is released without being held [LOCK-04]', async () => {
    const lock = new Lock();
    const notHeld = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOCK_NOT_HELD' });
    expect(() => lock.release()).toThrow(notHeld);
    await lock.acquire();
    lock.release();
    expect(() => lock.release()).toThrow(notHeld);
    (await lock.acquire({ timeoutMs: 0 })).release();
  });

  it('gives up when the time has passed or the signal is aborted, and stays usable [LOCK-04]', async () => {
    const clock = new VirtualClock();
    const lock = new Lock({ clock });
    const stop = new AbortController();
    const guard = await lock.acquire();
    const late = expect(lock.acquire({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
    const entered: string[] = [];
    const aborted = lock.run(() => entered.push('aborted'), { signal: stop.signal });
    const next = lock.run(() => entered.push('next'), { timeoutMs: 1000 });
    await clock.advance(10);
    await late;
    guard.release();
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await next;
    expect(entered).toEqual(['next']);
    expect(clock.pending).toBe(0);
  });
});
