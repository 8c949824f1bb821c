import { describe, expect, it } from 'vitest';
import { ReportLimit } from '../../src/watchdog/report-limit.ts';

describe('ReportLimit', () => {
  it('lets so many pass in any minute, and tells the next one how many it held back', () => {
    const limit = new ReportLimit(2);
    expect([0, 30_000, 40_000, 59_999].map((at) => limit.take(at))).toEqual([0, 0, undefined, undefined]);
    expect([60_000, 60_001, 90_000].map((at) => limit.take(at))).toEqual([2, undefined, 1]);
  });
});
