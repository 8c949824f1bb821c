import { describe, expect, it } from 'vitest';
import type { MetricFamily, MetricPoint } from '../registry/snapshot.ts';
import { EndedTotals, keepUnread, mergeSnapshots } from './merge.ts';
import { ShownSeries } from './shown-series.ts';

const shownSeries = (): ShownSeries => new ShownSeries(() => {});

const point = (labels: readonly string[], ...values: number[]): MetricPoint => ({ labels, values });

function family(
  name: string,
  points: readonly MetricPoint[],
  others: Partial<MetricFamily> = {},
): MetricFamily {
  const labelNames = ['a', 'b'].slice(0, points[0]?.labels.length ?? 0);
  const common = { type: 'counter', help: 'Help.', across: 'sum', buckets: [], maxSeries: 10 } as const;
  return { ...common, name, labelNames, points, ...others };
}

const of = (process: string, ...families: MetricFamily[]) => ({ process, families, isStale: false });

/** The points of one metric of a merged page, as `labels=values`. */
function pointsOf(families: readonly MetricFamily[], name: string): readonly string[] {
  const points = families.find((one) => one.name === name)?.points ?? [];
  return points.map(({ labels, values }) => `${labels.join(',')}=${values.join(',')}`);
}

describe('mergeSnapshots', () => {
  it('adds up counters and histograms by their labels, and of ended processes', () => {
    const buckets = [1, 2];
    const { families } = mergeSnapshots(
      [
        of(
          '1',
          family('c', [point(['x'], 1)]),
          family('h', [point([], 1, 2, 3, 10)], { type: 'histogram', buckets }),
        ),
        of('0', family('c', [point(['x'], 2), point(['y'], 5)])),
      ],
      [
        family('c', [point(['x'], 100)]),
        family('h', [point([], 1, 0, 0, 0.5)], { type: 'histogram', buckets }),
      ],
      shownSeries(),
    );
    expect(pointsOf(families, 'c')).toEqual(['x=103', 'y=5']);
    expect(pointsOf(families, 'h')).toEqual(['=2,2,3,10.5']);
  });

  it('combines gauges as each says', () => {
    const gauges = (value: number) =>
      (['sum', 'min', 'max', 'process'] as const).map((across) =>
        family(across, [point(['x'], value)], { type: 'gauge', across }),
      );
    const { families } = mergeSnapshots(
      [of('1', ...gauges(7)), of('parent', ...gauges(3))],
      [],
      shownSeries(),
    );
    expect(['sum', 'min', 'max', 'process'].map((name) => pointsOf(families, name))).toEqual([
      ['x=10'],
      ['x=3'],
      ['x=7'],
      ['x,1=7', 'x,parent=3'],
    ]);
    expect(families.find(({ name }) => name === 'process')?.labelNames).toEqual(['a', 'process']);
  });

  it('has the totals of a silent process, and not its gauges', () => {
    const silent = {
      ...of('1', family('c', [point([], 4)]), family('g', [point([], 4)], { type: 'gauge' })),
      isStale: true,
    };
    const { families } = mergeSnapshots([silent, of('0', family('c', [point([], 1)]))], [], shownSeries());
    expect([pointsOf(families, 'c'), pointsOf(families, 'g')]).toEqual([['=5'], []]);
  });

  it('has one value by process of two processes of one task', () => {
    const memory = (value: number) => family('m', [point([], value)], { type: 'gauge', across: 'process' });
    const { families } = mergeSnapshots([of('0', memory(2)), of('0', memory(1))], [], shownSeries());
    expect(pointsOf(families, 'm')).toEqual(['0=2']);
  });

  it.each([
    ['type', { type: 'gauge' }],
    ['labels', { labelNames: ['b'] }],
    ['buckets', { buckets: [1] }],
    ['way to combine', { across: 'max' }],
  ] as const)('leaves out older definitions with another %s, and names them', (_, others) => {
    const { families, conflicts } = mergeSnapshots(
      [of('1', family('c', [point(['x'], 1)])), of('0', family('c', [point(['x'], 2)], others))],
      [],
      shownSeries(),
    );
    expect(pointsOf(families, 'c')).toEqual(['x=1']);
    expect([...conflicts]).toEqual(['c']);
  });

  it('adds series above the limit to one, so that nothing is lost', () => {
    const many = (from: number) =>
      family(
        'c',
        Array.from({ length: 4 }, (_, at) => point([`${from + at}`], 1)),
        { maxSeries: 3 },
      );
    const { families } = mergeSnapshots([of('1', many(0)), of('0', many(2))], [], shownSeries());
    expect(pointsOf(families, 'c')).toEqual(['0=1', '1=1', '2=2', 'other=4']);
  });
});

describe('EndedTotals', () => {
  it('keeps the totals of processes that have ended, and no gauges', () => {
    const ended = new EndedTotals(shownSeries());
    ended.add([family('c', [point(['x'], 1)]), family('g', [point([], 1)], { type: 'gauge' })], 1);
    ended.add([family('c', [point(['x'], 2), point(['y'], 3)])], 2);
    expect(ended.families().map(({ name }) => name)).toEqual(['c']);
    expect(pointsOf(ended.families(), 'c')).toEqual(['x=3', 'y=3']);
  });

  it('does not grow with the processes that end', () => {
    const ended = new EndedTotals(shownSeries());
    for (let at = 0; at < 100; at += 1) ended.add([family('c', [point([`${at}`], 1)], { maxSeries: 3 })], at);
    expect(pointsOf(ended.families(), 'c')).toEqual(['0=1', '1=1', '2=1', 'other=97']);
  });

  it('forgets metrics of processes that ended long ago, if later ones have others', () => {
    const ended = new EndedTotals(shownSeries());
    for (let at = 0; at < 1_001; at += 1)
      ended.add([family('kept', [point([], 1)]), family(`c${at}`, [point([], 1)])], at);
    const names = ended.families().map(({ name }) => name);
    expect(names.length).toBe(1_000);
    expect([names.includes('c0'), names.includes('c1000')]).toEqual([false, true]);
    expect(pointsOf(ended.families(), 'kept')).toEqual(['=1001']);
  });

  it('goes on with a new definition of a metric', () => {
    const ended = new EndedTotals(shownSeries());
    ended.add([family('c', [point(['x'], 1)])], 1);
    ended.add([family('c', [point(['x', 'y'], 2)])], 2);
    expect(pointsOf(ended.families(), 'c')).toEqual(['x,y=2']);
  });

  it('keeps the totals of a new definition when a process with the older one ends later', () => {
    const ended = new EndedTotals(shownSeries());
    ended.add([family('c', [point(['x', 'y'], 100)])], 2);
    ended.add([family('c', [point(['x'], 5)])], 1);
    expect(pointsOf(ended.families(), 'c')).toEqual(['x,y=100']);
  });
});

describe('ShownSeries', () => {
  const labelled = (...labels: string[]) =>
    family(
      'c',
      labels.map((label) => point([label], 1000)),
      { maxSeries: 3 },
    );

  it('lets series keep their lines while other processes come and go', () => {
    const shown = shownSeries();
    const old = of('0', labelled('a', 'b', 'c'));
    const page = (...processes: ReturnType<typeof of>[]) =>
      pointsOf(mergeSnapshots(processes, [], shown).families, 'c').toSorted();
    expect(page(old)).toEqual(['a=1000', 'b=1000', 'c=1000']);
    expect(page(of('1', labelled('x', 'y')), old)).toEqual(['a=1000', 'b=1000', 'c=1000', 'other=2000']);
    expect(page(old)).toEqual(['a=1000', 'b=1000', 'c=1000']);
    // What was once a part of `other` does not get a line when there is room.
    expect(page(of('1', labelled('x', 'y')))).toEqual(['other=2000']);
  });

  it('names the metric whose series do not get lines, and no metric for values that processes call `other`', () => {
    const overflowed: string[] = [];
    const shown = new ShownSeries((metric) => overflowed.push(metric));
    mergeSnapshots([of('0', labelled('a', 'b', 'c', 'other'))], [], shown);
    expect(overflowed).toEqual([]);
    mergeSnapshots([of('0', labelled('d'))], [], shown);
    expect(overflowed).toEqual(['c']);
  });

  it('counts the values of gauges for each page alone', () => {
    const shown = shownSeries();
    const gauge = (label: string) => ({ ...labelled(label), type: 'gauge' }) as const;
    for (const label of ['a', 'b', 'c', 'd', 'e'])
      expect(pointsOf(mergeSnapshots([of('0', gauge(label))], [], shown).families, 'c')).toEqual([
        `${label}=1000`,
      ]);
  });
});

describe('keepUnread', () => {
  it('keeps the total of a metric that could not be read, and no gauge', () => {
    const before = [family('c', [point([], 1000)]), family('g', [point([], 1)], { type: 'gauge' })];
    const failed = { hasFailed: true, points: [] };
    const now = keepUnread(before, [
      family('c', [], failed),
      family('g', [], { ...failed, type: 'gauge' }),
      family('d', [], failed),
    ]);
    expect(['c', 'g', 'd'].map((name) => pointsOf(now, name))).toEqual([['=1000'], [], []]);
  });
});
