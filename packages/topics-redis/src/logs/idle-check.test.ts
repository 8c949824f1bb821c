import { describe, expect, it } from 'vitest';
import { keptMs, roundMs } from './idle-check.ts';

describe('keptMs', () => {
  it('is several rounds of checks, however many logs are followed', () => {
    for (const logs of [0, 1, 1000, 150_000, 2_000_000]) {
      // A check makes a topic live longer when half of the time is over.
      expect(keptMs(logs) / 2).toBeGreaterThanOrEqual(3 * roundMs(logs));
    }
  });
});
