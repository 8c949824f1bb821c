import { describe, expect, it } from 'vitest';
import { aim, cheaperThan, column, judge, over } from '../report.mjs';
import { interval, isSteady, median, summarize } from '../statistics.mjs';

describe('summarize', () => {
  it('divides time by what was done, and takes medians and extremes of the rounds', () => {
    const sample = { count: 10, cpuNs: 1e9, systemNs: 4e8, wallNs: 2e9, p99Us: 30, backend: 'c' };
    const samples = [sample, { ...sample, count: 20, p99Us: 10 }, { ...sample, count: 40, p99Us: 20 }];
    expect(summarize(samples)).toEqual({
      ns: { median: 5e7, min: 2.5e7, max: 1e8 },
      systemNs: 2e7,
      perSecond: { median: 10, min: 5, max: 20 },
      coreShare: { median: 0.5, min: 0.5, max: 0.5 },
      p99Us: 20,
      backend: 'c',
    });
  });
});

describe('median and interval', () => {
  it('are the middle, and the mean of ratios with the quantile of Student', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
    const { ratio, low, high } = interval(Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? 2 : 0.5)));
    expect(ratio).toBeCloseTo(1);
    // 2.093 is the quantile for 19 degrees of freedom.
    expect(Math.log(high)).toBeCloseTo(2.093 * (Math.LN2 / Math.sqrt(19)), 3);
    expect(low * high).toBeCloseTo(1);
  });
});

describe('isSteady', () => {
  it('compares the last two costs, within 3 %', () => {
    expect([[5], [5, 2, 2.05], [2, 2.07], [2, 2, 1.9]].map(isSteady)).toEqual([false, true, false, false]);
  });
});

describe('judge', () => {
  const row = (id: string, ns: number) => ({ section: 's', how: 'h', id, title: id, ns: { median: ns } });
  const rows = [row('floor', 10), row('web', 20), row('node', 50)];

  it('compares rows of one scene with the bound, and says how the floor does', () => {
    const aims = [
      aim('s', 'web', over('floor'), { atMost: 2 }),
      aim('s', ['web'], over('floor'), { under: 2 }),
      aim('s', 'web', cheaperThan('node'), { atLeast: 3 }),
    ];
    expect(judge(aims, rows)).toEqual([
      { met: true, text: 'web, s, h: x floor 2.00 (at most 2)' },
      { met: false, text: 'web, s, h: x floor 2.00 (under 2)' },
      { met: false, text: 'web, s, h: x cheaper than node 2.50 (at least 3; the floor: 5.00)' },
    ]);
  });

  it('judges only what was measured', () => {
    const missing = aim('s', 'web', over('bun'), { atMost: 1 });
    const elsewhere = aim(
      's',
      'web',
      column('n', () => 1),
      { atMost: 1 },
      ['another scene'],
    );
    expect(judge([missing, elsewhere], rows)).toEqual([]);
  });
});
