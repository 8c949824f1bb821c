import { describe, expect, it } from 'vitest';
import { type Clock, consoleLogger } from '../../src/index.ts';
import { Deadline, DeadlineWheel } from '../../src/reactor/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

function setUp(tickMs = 100) {
  const clock = new VirtualClock();
  const wheel = new DeadlineWheel(clock, consoleLogger, tickMs);
  const passed: [string, number][] = [];
  const deadline = (name: string) =>
    new Deadline(wheel, { deadlinePassed: () => void passed.push([name, clock.now()]) });
  return { clock, wheel, passed, deadline };
}

describe('DeadlineWheel', () => {
  it('passes a deadline not before its time, and at most two ticks after it', async () => {
    const { clock, passed, deadline } = setUp();
    deadline('a').set(250);
    deadline('b').set(1000);
    await clock.advance(249);
    expect(passed).toEqual([]);
    await clock.advance(2000);
    expect(passed.map(([name]) => name)).toEqual(['a', 'b']);
    expect(passed[0]?.[1]).toBeLessThanOrEqual(450);
    expect(passed[1]?.[1]).toBeLessThanOrEqual(1200);
  });

  it('lets others have a turn while thousands pass, and still moves and clears what waits', async () => {
    const clock = new VirtualClock();
    const wheel = new DeadlineWheel(clock, consoleLogger, 100);
    const order: string[] = [];
    const all: Deadline[] = [];
    for (let i = 0; i < 1000; i += 1) {
      const deadlinePassed = (): void => {
        order.push('passed');
        if (i !== 0) return;
        clock.setTimeout(() => order.push('other'), 0);
        all[998]?.clear();
        all[999]?.set(5000);
      };
      const deadline = new Deadline(wheel, { deadlinePassed });
      deadline.set(1000);
      all.push(deadline);
    }
    await clock.advance(1300);
    expect(order.indexOf('other')).toBe(16);
    expect(order.filter((what) => what === 'passed')).toHaveLength(998);
    expect(wheel.size).toBe(1);
    await clock.advance(5300);
    expect(order.filter((what) => what === 'passed')).toHaveLength(999);
    expect(wheel.size).toBe(0);
  });

  it('needs fewer turns for deadlines that were only moved than for those that pass', async () => {
    const turnsFor = async (moved: boolean): Promise<number> => {
      const clock = new VirtualClock();
      let turns = 0;
      const counting: Clock = {
        now: () => clock.now(),
        wallTime: () => clock.wallTime(),
        setTimeout(callback, delayMs) {
          if (delayMs === 0) turns += 1;
          return clock.setTimeout(callback, delayMs);
        },
      };
      const wheel = new DeadlineWheel(counting, consoleLogger, 100);
      for (let i = 0; i < 1024; i += 1) {
        const deadline = new Deadline(wheel, { deadlinePassed() {} });
        deadline.set(1000);
        if (moved) deadline.set(5000);
      }
      await clock.advance(1300);
      expect(wheel.size).toBe(moved ? 1024 : 0);
      return turns;
    };
    expect(await turnsFor(true)).toBe(3);
    expect(await turnsFor(false)).toBe(63);
  });

  it('moves a deadline later and earlier', async () => {
    const { clock, passed, deadline } = setUp();
    const later = deadline('later');
    later.set(200);
    const earlier = deadline('earlier');
    earlier.set(5000);
    await clock.advance(100);
    later.set(1000);
    earlier.set(100);
    await clock.advance(500);
    expect(passed.map(([name]) => name)).toEqual(['earlier']);
    await clock.advance(1000);
    expect(passed.map(([name]) => name)).toEqual(['earlier', 'later']);
  });

  it('keeps deadlines that are further away than one turn of the wheel', async () => {
    const { clock, passed, deadline } = setUp(1);
    deadline('far').set(5000);
    await clock.advance(4999);
    expect(passed).toEqual([]);
    await clock.advance(10);
    expect(passed).toHaveLength(1);
  });

  it('forgets a cleared deadline, and rests its timer when it is empty', async () => {
    const { clock, wheel, passed, deadline } = setUp();
    const cleared = deadline('cleared');
    cleared.set(100);
    cleared.clear();
    const closed = deadline('closed');
    closed.set(100);
    closed.close();
    await clock.advance(1000);
    expect(passed).toEqual([]);
    expect(wheel.size).toBe(0);
    expect(clock.pending).toBe(0);
    const again = deadline('again');
    again.set(100);
    await clock.advance(300);
    expect(passed.map(([name]) => name)).toEqual(['again']);
  });

  it('lets a deadline be set again from its own passing', async () => {
    const { clock, wheel } = setUp();
    let passes = 0;
    const deadline: Deadline = new Deadline(wheel, {
      deadlinePassed() {
        passes += 1;
        if (passes < 3) deadline.set(100);
      },
    });
    deadline.set(100);
    await clock.advance(2000);
    expect(passes).toBe(3);
    expect(wheel.size).toBe(0);
  });

  it('passes thousands in time although each sets another one as it passes', async () => {
    const { clock, wheel, passed } = setUp();
    const first: number[] = [];
    for (let i = 0; i < 2000; i += 1) {
      const deadline: Deadline = new Deadline(wheel, {
        deadlinePassed() {
          first.push(clock.now());
          new Deadline(wheel, { deadlinePassed: () => void passed.push([String(i), clock.now()]) }).set(1000);
        },
      });
      deadline.set(1000);
    }
    await clock.advance(5000);
    expect(first).toHaveLength(2000);
    expect(Math.max(...first)).toBeLessThanOrEqual(1200);
    expect(passed).toHaveLength(2000);
    expect(Math.max(...passed.map(([, at]) => at))).toBeLessThanOrEqual(2400);
    expect(wheel.size).toBe(0);
  });
});
