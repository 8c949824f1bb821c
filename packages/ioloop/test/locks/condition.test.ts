import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Condition } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { growth } from '../fixtures/growth.ts';

function setUp() {
  const clock = new VirtualClock();
  const condition = new Condition({ clock });
  const woken: string[] = [];
  const waiter = async (name: string, options = {}) => {
    const notified = await condition.wait(options);
    woken.push(notified ? name : `${name} timed out`);
  };
  return { clock, condition, woken, waiter };
}

describe('Condition', () => {
  it('wakes one waiter for a notification, first come, first served [LOCK-01]', async () => {
    const { clock, condition, woken, waiter } = setUp();
    const all = [waiter('a'), waiter('b'), waiter('c')];
    condition.notify();
    await clock.advance(0);
    await all[0];
    expect(woken).toEqual(['a']);
    condition.notify(2);
    await Promise.all(all);
    expect(woken).toEqual(['a', 'b', 'c']);
  });

  it('wakes no waiter inside of notify [LOCK-01]', async () => {
    const { condition, woken, waiter } = setUp();
    const waiting = waiter('a');
    condition.notify();
    expect(woken).toEqual([]);
    await waiting;
    expect(woken).toEqual(['a']);
  });

  it('wakes all who wait, and none who come later, on notifyAll [LOCK-01]', async () => {
    const { clock, condition, woken, waiter } = setUp();
    const now = [waiter('a'), waiter('b')];
    condition.notifyAll();
    const later = waiter('late', { timeoutMs: 10 });
    await Promise.all(now);
    expect(woken).toEqual(['a', 'b']);
    await clock.advance(10);
    await later;
    expect(woken).toEqual(['a', 'b', 'late timed out']);
  });

  it('keeps no notification for those who come later [LOCK-01]', async () => {
    const { condition } = setUp();
    condition.notify(5);
    expect(await condition.wait({ timeoutMs: 0 })).toBe(false);
  });

  it('resolves false when the time has passed, and that waiter takes no notification [LOCK-01]', async () => {
    const { clock, condition, woken, waiter } = setUp();
    const first = waiter('a', { timeoutMs: 100 });
    const second = waiter('b', { timeoutMs: 300 });
    await clock.advance(99);
    expect(woken).toEqual([]);
    await clock.advance(1);
    await first;
    expect(woken).toEqual(['a timed out']);
    condition.notify();
    await second;
    expect(woken).toEqual(['a timed out', 'b']);
    expect(clock.pending).toBe(0);
  });

  it('gives up at once, without a timer, for a timeout of 0 [LOCK-01]', async () => {
    const { clock, condition } = setUp();
    const waiting = condition.wait({ timeoutMs: 0 });
    expect(clock.pending).toBe(0);
    expect(await waiting).toBe(false);
  });

  it('rejects with the reason of the signal and cancels its timer [LOCK-01]', async () => {
    const { clock, condition } = setUp();
    const stop = new AbortController();
    const waiting = condition.wait({ timeoutMs: 100, signal: stop.signal });
    expect(clock.pending).toBe(1);
    stop.abort(new Error('enough'));
    expect(clock.pending).toBe(0);
    await expect(waiting).rejects.toThrow('enough');
    await expect(condition.wait({ signal: stop.signal })).rejects.toThrow('enough');
  });

  it('passes a notification on when its waiter is aborted in the same turn [LOCK-01]', async () => {
    const { condition, woken, waiter } = setUp();
    const stop = new AbortController();
    const aborted = condition.wait({ signal: stop.signal });
    const aborted2 = condition.wait({ signal: stop.signal });
    const next = waiter('next');
    condition.notify();
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(aborted2).rejects.toThrow('enough');
    await next;
    expect(woken).toEqual(['next']);
  });

  it('passes nothing on to newcomers when a waiter of notifyAll is aborted [LOCK-01]', async () => {
    const { clock, condition, woken, waiter } = setUp();
    const stop = new AbortController();
    const aborted = condition.wait({ signal: stop.signal });
    condition.notifyAll();
    const newcomer = waiter('newcomer', { timeoutMs: 5 });
    stop.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await clock.advance(5);
    await newcomer;
    expect(woken).toEqual(['newcomer timed out']);
  });

  it('aborts 20,000 waits of one signal in linear time, with one listener [LOCK-01]', async () => {
    const { condition } = setUp();
    const stop = new AbortController();
    const waiting = Array.from({ length: 20_000 }, () => condition.wait({ signal: stop.signal }));
    const settling = Promise.allSettled(waiting);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
    stop.abort();
    const rejected = (await settling).filter(({ status }) => status === 'rejected');
    expect(rejected).toHaveLength(20_000);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });

  it('leaves no listener on a signal after a notification, a timeout or an abort [LOCK-01]', async () => {
    const { clock, condition } = setUp();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners += 1;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners -= 1;
      removeEventListener.apply(signal, args);
    };
    const notified = condition.wait({ signal });
    const late = condition.wait({ signal, timeoutMs: 5 });
    expect(listeners).toBe(1);
    condition.notify();
    await clock.advance(5);
    expect(await Promise.all([notified, late])).toEqual([true, false]);
    expect(listeners).toBe(0);
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1'])(
    'refuses a count of %j [LOCK-01]',
    (count) => {
      const { condition } = setUp();
      expect(() => condition.notify(count as number)).toThrow(
        expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' }),
      );
    },
  );

  it.each([
    null,
    5,
    { timeoutMs: -1 },
    { timeoutMs: Number.NaN },
    { timeoutMs: 2 ** 31 },
    { timeoutMs: '5' },
    { signal: {} },
    { signal: null },
  ])('refuses the options %j [LOCK-01]', async (options) => {
    const { clock, condition } = setUp();
    await expect(condition.wait(options as never)).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
    expect(clock.pending).toBe(0);
  });

  it('frees waiters one by one in linear time, from either end [LOCK-01]', async () => {
    async function free(count: number): Promise<void> {
      const condition = new Condition();
      const stops = Array.from({ length: count }, () => new AbortController());
      const settling = Promise.allSettled(stops.map(({ signal }) => condition.wait({ signal })));
      for (const stop of stops.slice(0, count / 4)) stop.abort();
      for (const stop of stops.slice(count / 2).reverse()) stop.abort();
      for (let left = count / 4; left > 0; left -= 1) condition.notify();
      const rejected = (await settling).filter(({ status }) => status === 'rejected');
      expect(rejected).toHaveLength(count * 0.75);
    }
    expect(await growth(free, 20_000, 6)).toBeLessThan(6);
  });
});
