import { describe, expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

const RATE = { perSecond: 10, burst: 3 };

describe('RateLimit', () => {
  it('allows a burst, and then one per interval', () => {
    const limit = new RateLimit();
    expect([0, 0, 0, 0].map((now) => limit.take(RATE, now))).toEqual([0, 0, 0, 100]);
    expect(limit.take(RATE, 60)).toBe(40);
    expect(limit.take(RATE, 100)).toBe(0);
    expect(limit.take(RATE, 100)).toBe(100);
  });

  it('saves up no more than the burst', () => {
    const limit = new RateLimit();
    limit.take(RATE, 0);
    expect([1, 1, 1, 1].map((n) => limit.take(RATE, n * 1_000_000))).toEqual([0, 0, 0, 100]);
  });

  it('does not count what it refuses', () => {
    const limit = new RateLimit();
    for (let n = 0; n < 50; n += 1) limit.take(RATE, 0);
    expect(limit.take(RATE, 100)).toBe(0);
  });

  it('reaches its rate although intervals are not exact', () => {
    const limit = new RateLimit();
    const rate = { perSecond: 3, burst: 1 };
    let taken = 0;
    for (let n = 0; n < 300; n += 1) if (limit.take(rate, (n * 1_000) / 3) === 0) taken += 1;
    expect(taken).toBe(300);
  });
});
