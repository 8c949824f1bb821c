import { describe, expect, it } from 'vitest';
import { TokenBuckets } from './token-buckets.ts';

describe('TokenBuckets', () => {
  it('allow a burst, and then one token per interval', () => {
    const buckets = new TokenBuckets({ msPerToken: 100, capacity: 3 }, 10);
    const waits = [0, 0, 0, 0, 60, 100, 100, 200].map((now) => Math.round(buckets.take('a', now)));
    expect(waits).toEqual([0, 0, 0, 100, 40, 0, 100, 0]);
    expect(buckets.take('b', 200)).toBe(0);
  });

  it('hold no more than their capacity, however long they are unused', () => {
    const buckets = new TokenBuckets({ msPerToken: 10, capacity: 2 }, 10);
    buckets.take('a', 0);
    expect(buckets.tokens('a', 0)).toBe(1);
    expect(buckets.tokens('a', 1e9)).toBe(2);
    expect([1, 2, 3].map(() => buckets.take('a', 1e9) === 0)).toEqual([true, true, false]);
  });

  it('give exactly as many tokens as they hold, with intervals that are no whole numbers', () => {
    for (const capacity of [3, 7, 333, 10_000]) {
      const buckets = new TokenBuckets({ msPerToken: 1_000 / capacity, capacity }, 10);
      const now = 123_456_789.1;
      let taken = 0;
      while (buckets.take('a', now) === 0) taken += 1;
      expect([taken, buckets.tokens('a', now)]).toEqual([capacity, 0]);
      expect(buckets.msUntilFull('a', now)).toBeCloseTo(1_000, 3);
    }
  });

  it('are bounded: the one that was used least recently is forgotten', () => {
    const buckets = new TokenBuckets({ msPerToken: 1_000, capacity: 1 }, 3);
    for (const key of ['a', 'b', 'c', 'a', 'd', 'e']) buckets.take(key, 0);
    expect(buckets.count).toBe(3);
    expect(['a', 'd', 'e'].map((key) => buckets.take(key, 1) > 0)).toEqual([true, true, true]);
    expect([buckets.take('b', 1), buckets.take('c', 1)]).toEqual([0, 0]);
  });

  it('are forgotten when they are full, so that the table shrinks', () => {
    const buckets = new TokenBuckets({ msPerToken: 10, capacity: 1 }, 10_000);
    for (let at = 0; at < 1_000; at += 1) buckets.take(`early ${at}`, 0);
    expect(buckets.count).toBe(1_000);
    for (let at = 0; at < 999; at += 1) buckets.take(`late ${at}`, 10);
    expect(buckets.count).toBe(999);
  });

  it('stay bounded if each request has another key', () => {
    const buckets = new TokenBuckets({ msPerToken: 1e6, capacity: 1 }, 1_000);
    for (let at = 0; at < 50_000; at += 1) buckets.take(String(at), 0);
    expect(buckets.count).toBe(1_000);
  });

  it('tell keys apart that are no valid text', () => {
    const buckets = new TokenBuckets({ msPerToken: 1_000, capacity: 1 }, 10);
    for (const key of ['\ud800', '\udbff', '\ufffd', '__proto__', '']) expect(buckets.take(key, 0)).toBe(0);
    expect(buckets.take('\ud800', 0)).toBe(1_000 - 1);
  });
});
