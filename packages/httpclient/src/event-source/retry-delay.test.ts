import { describe, expect, it } from 'vitest';
import { retryDelay } from './retry-delay.ts';

describe('retryDelay', () => {
  it('is never shorter than the reconnection time', () => {
    for (const failures of [1, 2, 50]) expect(retryDelay(failures, 3_000, 60_000, 0)).toBe(3_000);
  });

  it('adds a random part whose limit doubles with each failure, up to the maximum', () => {
    const longest = [1, 2, 3, 4, 5, 6, 2_000].map((failures) => retryDelay(failures, 3_000, 60_000, 1));
    expect(longest).toEqual([6_000, 9_000, 15_000, 27_000, 51_000, 60_000, 60_000]);
    expect(retryDelay(1, 3_000, 60_000, 0.5)).toBe(4_500);
  });

  it('backs off although the server asks for no wait', () => {
    expect([1, 2, 3].map((failures) => retryDelay(failures, 0, 60_000, 1))).toEqual([500, 1_000, 2_000]);
  });

  it('reduces a longer reconnection time to the maximum', () => {
    expect(retryDelay(1, 2 ** 31 - 1, 60_000, 0.9)).toBe(60_000);
    expect(retryDelay(3, 3_000, 0, 0.9)).toBe(0);
  });
});
