import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { turn, USAGE } from './waits.ts';

describe('sleep', () => {
  it('resolves when the time has passed, and not before [FUT-06]', async () => {
    const clock = new VirtualClock();
    let awake = false;
    const done = sleep(100, { clock }).then(() => {
      awake = true;
    });
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    await done;
    expect(awake).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('passes real time on the clock of the machine [FUT-06]', async () => {
    const start = performance.now();
    await sleep(5);
    // Node's timers count whole milliseconds, and may fire one early by a finer clock.
    expect(performance.now() - start).toBeGreaterThanOrEqual(4);
  });

  it('rejects with the reason of its signal, and leaves no timer and no listener [FUT-06]', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const reason = new Error('closed');
    const sleeping = sleep(100, { clock, signal: controller.signal });
    expect(clock.pending).toBe(1);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('removes its listener when it wakes up by itself [FUT-06]', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    const sleeping = sleep(1, { clock, signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await clock.advance(1);
    await sleeping;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('sets no timer when its signal has aborted before [FUT-06]', async () => {
    const clock = new VirtualClock();
    await expect(sleep(1, { clock, signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    await turn();
    expect(clock.pending).toBe(0);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '5' as never])(
    'refuses a delay of %s [FUT-06]',
    async (ms) => {
      await expect(sleep(ms)).rejects.toEqual(USAGE);
    },
  );
});
