import { describe, expect, it } from 'vitest';
import {
  RestartPolicy,
  type RestartPolicyOptions,
} from '../../../src/processes/supervisor/restart-policy.ts';

/** Lets one task die again and again, each child living `livedMs`. */
function delays(count: number, options: RestartPolicyOptions = {}, livedMs = 0): (number | undefined)[] {
  const policy = new RestartPolicy(options);
  let nowMs = 0;
  return Array.from({ length: count }, () => {
    nowMs += livedMs;
    const delay = policy.afterDeath({ taskId: 0, nowMs, livedMs });
    nowMs += delay ?? 0;
    return delay;
  });
}

describe('RestartPolicy', () => {
  it('waits twice as long after each death, up to a limit [PROC-01]', () => {
    expect(delays(9)).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    expect(delays(4, { restartDelayMs: 30, maxRestartDelayMs: 100 })).toEqual([30, 60, 100, 100]);
  });

  it('never waits for less than it began with', () => {
    expect(delays(3, { restartDelayMs: 500, maxRestartDelayMs: 100 })).toEqual([500, 500, 500]);
  });

  it('waits for nothing where that is wished', () => {
    expect(delays(3, { restartDelayMs: 0 })).toEqual([0, 0, 0]);
  });

  it('begins anew with a child that has lived for a while', () => {
    expect(delays(3, { steadyMs: 1000 }, 999)).toEqual([100, 200, 400]);
    expect(delays(3, { steadyMs: 1000 }, 1000)).toEqual([100, 100, 100]);
  });

  it('doubles for each task on its own', () => {
    const policy = new RestartPolicy();
    const die = (taskId: number) => policy.afterDeath({ taskId, nowMs: 0, livedMs: 0 });
    expect([die(0), die(0), die(1), die(0)]).toEqual([100, 200, 100, 400]);
  });

  it('grants so many restarts to all tasks together [PROC-01]', () => {
    const policy = new RestartPolicy({ maxRestarts: 3 });
    const die = (taskId: number) => policy.afterDeath({ taskId, nowMs: 0, livedMs: 0 }) !== undefined;
    expect([die(0), die(1), die(2), die(3), die(0)]).toEqual([true, true, true, false, false]);
    expect(delays(1, { maxRestarts: 0 })).toEqual([undefined]);
    expect(delays(101).slice(-2)).toEqual([10_000, undefined]);
  });

  it('forgets restarts that are long ago', () => {
    const policy = new RestartPolicy({ maxRestarts: 2, restartWindowMs: 1000 });
    const die = (nowMs: number) => policy.afterDeath({ taskId: 0, nowMs, livedMs: 0 }) !== undefined;
    expect([die(0), die(500), die(999), die(1000), die(1499), die(1500)]).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it.each([
    { maxRestarts: -1 },
    { maxRestarts: 1.5 },
    { maxRestarts: 10_001 },
    { restartWindowMs: 0 },
    { restartDelayMs: Number.NaN },
    { maxRestartDelayMs: 2 ** 31 },
    { steadyMs: '1' as unknown as number },
  ])('refuses %j', (options) => {
    expect(() => new RestartPolicy(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_PROCESS_USAGE',
        message: expect.stringContaining(Object.keys(options)[0] as string),
      }),
    );
  });
});
