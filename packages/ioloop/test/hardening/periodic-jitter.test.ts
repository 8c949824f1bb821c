import { describe, expect, it } from 'vitest';
import { IOLoop, type Logger, PeriodicCallback } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** Runs ten periods of 100 ms. @returns when it was called, and what was logged. */
async function runWith(random: () => number): Promise<{ times: number[]; errors: unknown[] }> {
  const clock = new VirtualClock();
  const errors: unknown[] = [];
  const error: Logger['error'] = (details) => void errors.push((details as { error: unknown }).error);
  const loop = new IOLoop({ clock, logger: { debug() {}, info() {}, warn() {}, error } });
  const times: number[] = [];
  const periodic = new PeriodicCallback(() => times.push(clock.now()), 100, { jitter: 1, random, loop });
  periodic.start();
  await clock.advance(1000);
  periodic.stop();
  return { times, errors };
}

describe('the jitter of a PeriodicCallback', () => {
  for (const nonsense of [Number.NaN, -100, 7, Number.POSITIVE_INFINITY, '1' as unknown as number]) {
    it(`does without a random that answers ${String(nonsense)} (${typeof nonsense}), and says so`, async () => {
      const { times, errors } = await runWith(() => nonsense);
      expect(times).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
      expect(errors[0]).toMatchObject({ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' });
    });
  }

  it('does without a random that throws, and says so', async () => {
    const fault = new Error('no entropy');
    const { times, errors } = await runWith(() => {
      throw fault;
    });
    expect(times).toHaveLength(10);
    expect(errors[0]).toBe(fault);
  });

  it('is centred on the period', async () => {
    expect((await runWith(() => 0)).times.slice(0, 3)).toEqual([50, 100, 150]);
    expect((await runWith(() => 1)).times.slice(0, 3)).toEqual([150, 300, 450]);
  });
});
