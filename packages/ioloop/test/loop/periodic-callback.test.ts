import { describe, expect, it } from 'vitest';
import { IOLoop, PeriodicCallback } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

function setUp() {
  const clock = new VirtualClock();
  const errors: unknown[] = [];
  const record = (details: object) => void errors.push((details as { error: unknown }).error);
  const loop = new IOLoop({ clock, logger: { debug: record, info: record, warn: record, error: record } });
  return { clock, loop, errors };
}

describe('PeriodicCallback', () => {
  it('runs once each period, measured from start to start [LOOP-10]', async () => {
    const { clock, loop } = setUp();
    const times: number[] = [];
    const periodic = new PeriodicCallback(() => void times.push(clock.now()), 100, { loop });
    expect(periodic.isRunning).toBe(false);
    periodic.start();
    expect(periodic.isRunning).toBe(true);
    await clock.advance(350);
    expect(times).toEqual([100, 200, 300]);
    periodic.stop();
    await clock.advance(1000);
    expect(times).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  it('skips the slots that a long asynchronous run missed [LOOP-10]', async () => {
    const { clock, loop } = setUp();
    const starts: number[] = [];
    const finish: (() => void)[] = [];
    const periodic = new PeriodicCallback(
      () => {
        starts.push(clock.now());
        return new Promise<void>((resolve) => void finish.push(resolve));
      },
      100,
      { loop },
    );
    periodic.start();
    await clock.advance(100);
    await clock.advance(250);
    finish[0]?.();
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(50);
    expect(starts).toEqual([100, 400]);
    periodic.stop();
  });

  it('logs an error and keeps its schedule [LOOP-10]', async () => {
    const { clock, loop, errors } = setUp();
    const failure = new Error('a bug');
    const periodic = new PeriodicCallback(
      () => {
        throw failure;
      },
      10,
      { loop },
    );
    periodic.start();
    await clock.advance(20);
    periodic.stop();
    expect(errors).toEqual([failure, failure]);
  });

  it('varies each delay by the jitter, centred on the period [LOOP-10]', async () => {
    const { clock, loop } = setUp();
    const times: number[] = [];
    const numbers = [0, 1, 0.5];
    const periodic = new PeriodicCallback(() => void times.push(clock.now()), 100, {
      loop,
      jitter: 0.5,
      random: () => numbers.shift() ?? 0.5,
    });
    periodic.start();
    await clock.advance(300);
    periodic.stop();
    expect(times).toEqual([75, 200, 300]);
  });

  it('does not run again when it is stopped in its own run', async () => {
    const { clock, loop } = setUp();
    let runs = 0;
    const periodic = new PeriodicCallback(
      () => {
        runs += 1;
        periodic.stop();
      },
      10,
      { loop },
    );
    periodic.start();
    await clock.advance(100);
    expect(runs).toBe(1);
  });

  it.each([0, -1, Number.NaN])('refuses a period of %d [LOOP-10]', (period) => {
    expect(() => new PeriodicCallback(() => {}, period)).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
    );
  });
});
