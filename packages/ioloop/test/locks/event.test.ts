import { describe, expect, it } from 'vitest';
import { Event } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

describe('Event', () => {
  it('lets every waiter pass once it is set, and none after it is cleared [LOCK-02]', async () => {
    const event = new Event();
    expect(event.isSet).toBe(false);
    const waiting = Promise.all([event.wait(), event.wait()]);
    event.set();
    expect(event.isSet).toBe(true);
    await waiting;
    await event.wait({ timeoutMs: 0 });
    event.clear();
    expect(event.isSet).toBe(false);
    await expect(event.wait({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_LOOP_TIMEOUT' });
  });

  it('wakes those who waited though it is cleared in the same turn, and never inside of set [LOCK-02]', async () => {
    const event = new Event();
    let woken = false;
    const waiting = event.wait().then(() => {
      woken = true;
    });
    event.set();
    event.clear();
    expect(woken).toBe(false);
    await waiting;
    expect(woken).toBe(true);
  });

  it('throws when the time has passed, and drops the waiter [LOCK-02]', async () => {
    const clock = new VirtualClock();
    const event = new Event({ clock });
    const late = event.wait({ timeoutMs: 100 });
    const outcome = expect(late).rejects.toMatchObject({
      name: 'LoopTimeoutError',
      code: 'ERR_LOOP_TIMEOUT',
    });
    await clock.advance(100);
    await outcome;
    expect(clock.pending).toBe(0);
    event.set();
    await event.wait();
  });

  it('cancels the timer of a wait that ends early, by set or by abort [LOCK-02]', async () => {
    const clock = new VirtualClock();
    const event = new Event({ clock });
    const stop = new AbortController();
    const aborted = event.wait({ timeoutMs: 100, signal: stop.signal });
    const inTime = event.wait({ timeoutMs: 100 });
    expect(clock.pending).toBe(2);
    stop.abort(new Error('enough'));
    event.set();
    expect(clock.pending).toBe(0);
    await expect(aborted).rejects.toThrow('enough');
    await inTime;
  });

  it('rejects for a signal that is aborted already, even when it is set [LOCK-02]', async () => {
    const event = new Event();
    event.set();
    await expect(event.wait({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
  });

  it('refuses wrong options, even when it is set [LOCK-02]', async () => {
    const event = new Event();
    event.set();
    await expect(event.wait({ timeoutMs: -5 })).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
  });
});
