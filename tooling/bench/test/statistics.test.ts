import { describe, expect, it } from 'vitest';
import { selfTimes, sumByGroup } from '../profile.mjs';
import { aim, cheaperThan, column, formatTable, judge, over } from '../report.mjs';
import { interval, median, summarize } from '../statistics.mjs';

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

describe('formatTable', () => {
  it('aligns numbers to the right and names to the left', () => {
    const table = formatTable(['', 'n', 'note'], [['a', '10', 'x'], ['bcd', '9', 'y']]); // biome-ignore format: rows
    expect(table).toBe(['      n  note', '---  --  ----', 'a    10  x', 'bcd   9  y'].join('\n'));
  });
});

describe('selfTimes', () => {
  const frame = (functionName: string, url: string) => ({
    functionName,
    url,
    lineNumber: 4,
    columnNumber: 2,
  });
  const nodes = [
    { id: 1, callFrame: frame('(idle)', '') },
    { id: 2, callFrame: frame('parse', 'file:///repo/packages/http1/dist/gone.js') },
    { id: 3, callFrame: frame('parse', 'file:///repo/packages/http1/dist/gone.js') },
    { id: 4, callFrame: frame('onread', 'node:internal/streams') },
    { id: 5, callFrame: frame('send', 'file:///repo/node_modules/.pnpm/x@1/node_modules/@scope/x/y.js') },
  ];
  const timeDeltas = [100, 100, 100, 100, 100, 100];
  const profile = { startTime: 1_000, nodes, samples: [1, 2, 3, 4, 5, 1], timeDeltas };

  it('adds up one function however it was called, by package and by what is of node', () => {
    const all = selfTimes(profile, { fromUs: 0, toUs: 9_000 });
    const where = 'packages/http1/dist/gone.js:5';
    expect(all[0]).toEqual({ group: 'packages/http1', name: 'parse', where, us: 200 });
    expect(sumByGroup(all).map(([group]) => group)).toEqual([
      'packages/http1',
      '(idle)',
      'node itself',
      '@scope/x',
    ]);
  });

  it('leaves out what lies outside of the window', () => {
    expect(selfTimes(profile, { fromUs: 1_350, toUs: 1_450 }).map(({ name }) => name)).toEqual(['onread']);
  });
});
