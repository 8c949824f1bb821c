import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../compliance/seeded-random.ts';
import { newEpoch } from '../cursor.ts';
import { EndedRuns } from './ended-runs.ts';
import { Log } from './log.ts';
import { RunState } from './run-state.ts';

const SETTINGS = { maxRecords: 1, maxBytes: 1, leaseMs: 1, ttlMs: 1, maxDurationMs: 1 };

function runUntil(forgetAt: number): RunState {
  const id = String(forgetAt);
  const run = new RunState(
    {
      type: 'claim',
      id,
      epoch: newEpoch(),
      past: [],
      isEpochOver: false,
      attempt: 0,
      owner: 'o',
      input: undefined,
      settings: SETTINGS,
      time: 0,
    },
    new Log({ kind: 'run', name: id }, newEpoch()),
  );
  run.forgetAt = forgetAt;
  return run;
}

describe('EndedRuns', () => {
  it('is empty at first', () => {
    const runs = new EndedRuns();
    expect([runs.size, runs.first, runs.take()]).toEqual([0, undefined, undefined]);
  });

  it('yields what is over first, whatever the order in which it was added', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const random = new SeededRandom(seed);
      const runs = new EndedRuns();
      const times: number[] = [];
      for (let step = 0; step < 400; step += 1) {
        if (random.below(3) > 0) {
          const time = random.below(100);
          times.push(time);
          runs.add(runUntil(time));
        } else {
          times.sort((a, b) => a - b);
          expect(runs.first?.forgetAt).toBe(times[0]);
          expect(runs.take()?.forgetAt).toBe(times.shift());
        }
        expect(runs.size).toBe(times.length);
      }
      const rest: (number | undefined)[] = [];
      while (runs.size > 0) rest.push(runs.take()?.forgetAt);
      expect(rest).toEqual([...times].sort((a, b) => a - b));
    }
  });
});
