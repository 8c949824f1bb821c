import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { VirtualClock } from '@landspout/ioloop/testing';
import { LogRecorder } from '@landspout/web/testing';
import { describe, expect, it } from 'vitest';
import {
  exponentialBuckets,
  linearBuckets,
  Metrics,
  type MetricsFormat,
  MetricsUsageError,
} from '../../src/index.ts';
import { parsePage, sampleOf } from './support/parse-page.ts';

const FORMATS: readonly MetricsFormat[] = ['prometheus', 'openmetrics'];

const refusal = (code: string) => expect.objectContaining({ name: 'MetricsUsageError', code });

async function parsed(metrics: Metrics, format: MetricsFormat = 'prometheus') {
  return parsePage(await metrics.text({ format }), format);
}

describe('Metrics', () => {
  describe.each(FORMATS)('a page as %s', (format) => {
    it('has counters, gauges and histograms with their labels', async () => {
      const metrics = new Metrics({ prefix: 'shop_' });
      metrics.counter('orders_total', { help: 'Orders.', labels: ['kind', 'paid'] });
      const orders = metrics.counter('sales_total', { help: 'Sales.', labels: ['kind', 'paid'] });
      orders.inc({ kind: 'book', paid: true });
      orders.inc({ paid: true, kind: 'book' }, 2.5);
      const gauge = metrics.gauge('queue_length', { help: 'Jobs.' });
      gauge.set(7);
      gauge.inc();
      gauge.dec(3);
      const sizes = metrics.histogram('size_bytes', { help: 'Sizes.', buckets: [1, 10, 1e6] });
      for (const size of [0, 1, 1.5, 10, 11, 5e6]) sizes.observe(size);
      const page = await parsed(metrics, format);
      expect(sampleOf(page, 'shop_sales_total', { kind: 'book', paid: 'true' })).toBe(3.5);
      expect(sampleOf(page, 'shop_queue_length')).toBe(5);
      const one = format === 'openmetrics' ? '1.0' : '1';
      expect(sampleOf(page, 'shop_size_bytes_bucket', { le: one })).toBe(2);
      expect(sampleOf(page, 'shop_size_bytes_bucket', { le: '1e+06' })).toBe(5);
      expect(sampleOf(page, 'shop_size_bytes_bucket', { le: '+Inf' })).toBe(6);
      expect(sampleOf(page, 'shop_size_bytes_sum')).toBe(5_000_023.5);
      expect([...page.values()].find(({ help }) => help === 'Orders.')?.samples.size).toBe(0);
    });

    it('keeps hostile label values and help texts within their quotation marks and lines', async () => {
      const metrics = new Metrics();
      const help = 'A "help"\nwith \\n and \\';
      const hits = metrics.counter('hits_total', { help, labels: ['path'] });
      const values = [
        '"} 1\nevil_total 5\n# EOF',
        '\\',
        '\\"',
        '\\n',
        '\n',
        '',
        'é\u2028\u0000\r',
        'a,b="c"',
        '\u{1f600}',
      ];
      for (const path of values) hits.inc({ path });
      const page = await parsed(metrics, format);
      for (const path of values) expect(sampleOf(page, 'hits_total', { path }), path).toBe(1);
      expect(page.get(format === 'openmetrics' ? 'hits' : 'hits_total')?.help).toBe(help);
    });

    it('writes numbers that are not finite as the format does', async () => {
      const metrics = new Metrics();
      const gauge = metrics.gauge('limit', { help: 'A limit.', labels: ['of'] });
      gauge.set({ of: 'a' }, Infinity);
      gauge.set({ of: 'b' }, -Infinity);
      gauge.set({ of: 'c' }, 1e-9);
      gauge.set({ of: 'd' }, 1e30);
      const text = await metrics.text({ format });
      expect(text).toContain('limit{of="a"} +Inf\nlimit{of="b"} -Inf\n');
      expect(sampleOf(parsePage(text, format), 'limit', { of: 'd' })).toBe(1e30);
    });
  });

  it('makes no two equal lines of texts that are equal as UTF-8', async () => {
    const metrics = new Metrics();
    const hits = metrics.counter('hits_total', { help: 'Hits.', labels: ['path'] });
    for (const path of ['\ud800', '\udc00', '\ufffd']) hits.inc({ path });
    const page = parsePage(Buffer.from(await metrics.text()).toString());
    expect(sampleOf(page, 'hits_total', { path: '\ufffd' })).toBe(3);
  });

  it('clips long label values, not within a character', async () => {
    const metrics = new Metrics({ maxLabelChars: 8 });
    const hits = metrics.counter('hits_total', { help: 'Hits.', labels: ['path'] });
    hits.inc({ path: '1234567\u{1f600}' });
    hits.inc({ path: '123456789' });
    const page = await parsed(metrics);
    expect(sampleOf(page, 'hits_total', { path: '1234567' })).toBe(1);
    expect(sampleOf(page, 'hits_total', { path: '12345678' })).toBe(1);
  });

  it('distinguishes label values whose texts together are equal', async () => {
    const metrics = new Metrics();
    const hits = metrics.counter('hits_total', { help: 'Hits.', labels: ['a', 'b'] });
    hits.inc({ a: '1:x', b: '' });
    hits.inc({ a: '', b: '1:x' });
    hits.inc({ a: '1', b: ':x' });
    expect((await parsed(metrics)).get('hits_total')?.samples.size).toBe(3);
  });

  it('counts further series of a metric as other, and warns once', async () => {
    const log = new LogRecorder();
    const metrics = new Metrics({ maxSeriesPerMetric: 2, logger: log });
    const hits = metrics.counter('hits_total', { help: 'Hits.', labels: ['path', 'method'] });
    for (let at = 0; at < 100; at += 1) hits.inc({ path: `/${at}`, method: 'GET' });
    hits.inc({ path: '/0', method: 'GET' });
    const page = await parsed(metrics);
    expect(page.get('hits_total')?.samples.size).toBe(3);
    expect(sampleOf(page, 'hits_total', { path: '/0', method: 'GET' })).toBe(2);
    expect(sampleOf(page, 'hits_total', { path: 'other', method: 'other' })).toBe(98);
    expect(sampleOf(page, 'metrics_other_observations_total', { metric: 'hits_total' })).toBe(98);
    expect(log.records.map(({ level, message }) => [level, /other/.test(message)])).toEqual([['warn', true]]);
  });

  it('has a limit for the series of all metrics, and of one metric', async () => {
    const metrics = new Metrics({ maxSeries: 3, logger: new LogRecorder() });
    const small = metrics.gauge('small', { help: 'Small.', labels: ['at'], maxSeries: 1 });
    const large = metrics.histogram('large', { help: 'Large.', labels: ['at'] });
    for (const at of [1, 2, 3, 4]) {
      small.set({ at }, at);
      large.observe({ at }, at);
    }
    const page = await parsed(metrics);
    expect(sampleOf(page, 'small', { at: '1' })).toBe(1);
    expect(sampleOf(page, 'small', { at: 'other' })).toBe(4);
    expect(sampleOf(page, 'large_count', { at: 'other' })).toBeGreaterThan(1);
    const all = [...page.values()].flatMap(({ samples }) => [...samples.keys()]);
    expect(all.filter((series) => /^(small|large_count)/.test(series) && !/other/.test(series)).length).toBe(
      3,
    );
  });

  it('names the metrics that have too many series when no room is left for series', async () => {
    const metrics = new Metrics({ maxSeries: 5, maxSeriesPerMetric: 5, logger: new LogRecorder() });
    const users = metrics.counter('users_total', { help: 'Users.', labels: ['user'] });
    for (let user = 0; user < 20; user += 1) users.inc({ user });
    const plain = metrics.counter('plain_total', { help: 'It has no labels.' });
    plain.inc();
    const page = await parsed(metrics);
    expect(sampleOf(page, 'metrics_other_observations_total', { metric: 'users_total' })).toBe(15);
    expect(sampleOf(page, 'plain_total')).toBe(1);
  });

  it('gives the room of a removed series to another', async () => {
    const metrics = new Metrics({ maxSeriesPerMetric: 1, logger: new LogRecorder() });
    const users = metrics.gauge('users', { help: 'Users.', labels: ['room'] });
    users.set({ room: 'a' }, 1);
    expect(users.remove({ room: 'b' })).toBe(false);
    expect(users.remove({ room: 'a' })).toBe(true);
    users.set({ room: 'c' }, 2);
    const page = await parsed(metrics);
    expect([...(page.get('users')?.samples.values() ?? [])]).toEqual([2]);
    expect(sampleOf(page, 'users', { room: 'c' })).toBe(2);
  });

  it('lets a timer observe seconds of its clock', async () => {
    const clock = new VirtualClock();
    const metrics = new Metrics({ clock });
    const charges = metrics.histogram('charge_duration_seconds', { help: 'Charges.', labels: ['by'] });
    const stop = charges.startTimer();
    clock.advance(1_500);
    expect(stop({ by: 'acme' })).toBe(1.5);
    const page = await parsed(metrics);
    expect(sampleOf(page, 'charge_duration_seconds_sum', { by: 'acme' })).toBe(1.5);
    expect(sampleOf(page, 'charge_duration_seconds_bucket', { by: 'acme', le: '1' })).toBe(0);
    expect(sampleOf(page, 'charge_duration_seconds_bucket', { by: 'acme', le: '2.5' })).toBe(1);
  });

  it('lets other work run while it writes a long page', async () => {
    const metrics = new Metrics();
    const sizes = metrics.histogram('size_bytes', { help: 'Sizes.', labels: ['at'] });
    for (let at = 0; at < 1_000; at += 1) sizes.observe({ at }, at);
    let turns = 0;
    const writing = metrics.text();
    const count = (): void => {
      turns += 1;
      if (turns < 1_000) setImmediate(count);
    };
    setImmediate(count);
    const page = await writing;
    expect(turns).toBeGreaterThanOrEqual(3);
    turns = 1_000;
    expect(parsePage(page).get('size_bytes')?.samples.size).toBe(14_000);
  });

  it('unregisters a metric, whose name is free then', async () => {
    const metrics = new Metrics({ prefix: 'app_' });
    metrics.counter('hits_total', { help: 'Hits.' }).inc();
    expect(metrics.unregister('hits_total')).toBe(false);
    expect(metrics.unregister('app_hits_total')).toBe(true);
    metrics.histogram('hits', { help: 'Hits.' });
    expect([...(await parsed(metrics)).keys()]).toContain('app_hits');
  });
});

describe('a metric with collect', () => {
  it('is read each time that a page is made, and has no series of earlier times', async () => {
    const metrics = new Metrics();
    let rooms = new Map([['a', 1]]);
    let total = 0;
    metrics.gauge('members', {
      help: 'Members.',
      labels: ['room'],
      collect: (report) => {
        for (const [room, count] of rooms) report({ room }, count);
      },
    });
    metrics.counter('reads_total', { help: 'Reads.', collect: async (report) => report(++total) });
    expect(sampleOf(await parsed(metrics), 'members', { room: 'a' })).toBe(1);
    rooms = new Map([['b', 2]]);
    const page = await parsed(metrics);
    expect([...(page.get('members')?.samples.values() ?? [])]).toEqual([2]);
    expect(sampleOf(page, 'reads_total')).toBe(2);
  });

  it('adds up what is reported for the same labels', async () => {
    const metrics = new Metrics();
    metrics.gauge('open', {
      help: 'Open.',
      collect: (report) => {
        report(1);
        report(2);
      },
    });
    expect(sampleOf(await parsed(metrics), 'open')).toBe(3);
  });

  it('is left out if it throws, rejects, or reports what is invalid; the others are there', async () => {
    const log = new LogRecorder();
    const metrics = new Metrics({ logger: log });
    const define = (name: string, collect: () => void | Promise<void>) =>
      metrics.gauge(name, { help: 'A gauge.', collect });
    define('throws', () => {
      throw new Error('no');
    });
    define('rejects', () => Promise.reject(new Error('no')));
    metrics.gauge('invalid', { help: 'A gauge.', collect: (report) => report(Number.NaN) });
    metrics.gauge('works', { help: 'A gauge.', collect: (report) => report(1) });
    const page = await parsed(metrics);
    for (const name of ['throws', 'rejects', 'invalid']) {
      expect(page.get(name)?.samples.size).toBe(0);
      expect(sampleOf(page, 'metrics_collect_failures_total', { metric: name })).toBe(1);
    }
    expect(sampleOf(page, 'works')).toBe(1);
    expect(log.records.filter(({ level }) => level === 'warn').length).toBe(3);
  });

  it('is left out if it takes too long, and what it reports later is ignored', async () => {
    const clock = new VirtualClock();
    const metrics = new Metrics({ clock, collectTimeoutMs: 100, logger: new LogRecorder() });
    let finish = (): void => {};
    metrics.gauge('slow', {
      help: 'Slow.',
      collect: async (report) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        report(1);
      },
    });
    const reading = parsed(metrics);
    clock.advance(100);
    expect((await reading).get('slow')?.samples.size).toBe(0);
    const slow = finish;
    const again = parsed(metrics);
    slow();
    clock.advance(100);
    expect((await again).get('slow')?.samples.size).toBe(0);
  });

  it('is not called again before its last call has settled', async () => {
    const clock = new VirtualClock();
    const metrics = new Metrics({ clock, collectTimeoutMs: 100, logger: new LogRecorder() });
    let [calls, finish] = [0, (): void => {}];
    metrics.gauge('slow', {
      help: 'Slow.',
      collect: async (report) => {
        calls += 1;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        report(calls);
      },
    });
    for (let page = 0; page < 20; page += 1) {
      const reading = parsed(metrics);
      clock.advance(100);
      expect((await reading).get('slow')?.samples.size).toBe(0);
    }
    expect(calls).toBe(1);
    finish();
    await new Promise((resolve) => setImmediate(resolve));
    const reading = parsed(metrics);
    finish();
    expect(sampleOf(await reading, 'slow')).toBe(2);
  });

  it('is read once for pages that are made at the same time', async () => {
    const metrics = new Metrics();
    let reads = 0;
    metrics.gauge('g', {
      help: 'A gauge.',
      collect: async (report) => {
        reads += 1;
        report(reads);
      },
    });
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    expect(reads).toBe(1);
  });
});

describe('what Metrics refuses', () => {
  const help = 'Help.';

  it.each([
    ['a space', 'a b_total'],
    ['a colon', 'a:b_total'],
    ['a digit first', '1a_total'],
    ['nothing', ''],
    ['a line', 'a\nb_total'],
    ['no _total', 'orders'],
    ['only _total', '_total'],
    ['too long a name', `${'a'.repeat(200)}_total`],
  ])('a counter with %s in its name', (_, name) => {
    expect(() => new Metrics().counter(name, { help })).toThrow(refusal('ERR_METRICS_NAME'));
  });

  it('a gauge or histogram with the suffix of counters', () => {
    const metrics = new Metrics();
    expect(() => metrics.gauge('a_total', { help })).toThrow(refusal('ERR_METRICS_NAME'));
    expect(() => metrics.histogram('a_total', { help })).toThrow(refusal('ERR_METRICS_NAME'));
  });

  it('names of which one line would belong to two metrics', () => {
    const metrics = new Metrics();
    metrics.histogram('size', { help });
    metrics.counter('hits_total', { help });
    const duplicate = refusal('ERR_METRICS_DUPLICATE');
    for (const name of ['size', 'size_bucket', 'size_sum', 'size_count', 'hits'])
      expect(() => metrics.gauge(name, { help }), name).toThrow(duplicate);
    expect(() => metrics.counter('hits_total', { help })).toThrow(duplicate);
    metrics.gauge('size_max', { help });
  });

  it.each([['le'], ['quantile'], ['__name__'], ['a-b'], ['1'], ['']])(
    'the label %j of a histogram',
    (label) => {
      expect(() => new Metrics().histogram('h', { help, labels: [label] })).toThrow(
        refusal('ERR_METRICS_NAME'),
      );
    },
  );

  it('labels that are listed twice, too many, and process in a gauge by process', () => {
    const metrics = new Metrics();
    const many = Array.from({ length: 17 }, (_, at) => `l${at}`);
    const wrong = refusal('ERR_METRICS_NAME');
    expect(() => metrics.gauge('g', { help, labels: ['a', 'a'] })).toThrow(wrong);
    expect(() => metrics.gauge('g', { help, labels: many })).toThrow(wrong);
    expect(() => metrics.gauge('g', { help, labels: ['process'], across: 'process' })).toThrow(wrong);
  });

  it('other labels than those of the metric, and then counts nothing', async () => {
    const metrics = new Metrics();
    const hits = metrics.counter('hits_total', { help, labels: ['path', 'method'] });
    const wrong = refusal('ERR_METRICS_LABELS');
    // @ts-expect-error: a label is missing.
    expect(() => hits.inc({ path: '/' })).toThrow(wrong);
    // @ts-expect-error: there is no such label.
    expect(() => hits.inc({ path: '/', method: 'GET', code: 1 })).toThrow(wrong);
    // @ts-expect-error: labels are missing.
    expect(() => hits.inc()).toThrow(wrong);
    // @ts-expect-error: the value has no text.
    expect(() => hits.inc({ path: '/', method: {} })).toThrow(wrong);
    // @ts-expect-error: the value is missing.
    expect(() => hits.inc({ path: '/', method: undefined })).toThrow(wrong);
    // @ts-expect-error: the metric has labels.
    expect(() => hits.inc(1)).toThrow(wrong);
    expect((await parsed(metrics)).get('hits_total')?.samples.size).toBe(0);
  });

  it('values that a metric cannot have, and then counts nothing', async () => {
    const metrics = new Metrics();
    const hits = metrics.counter('hits_total', { help });
    const gauge = metrics.gauge('g', { help });
    const sizes = metrics.histogram('sizes', { help });
    const wrong = refusal('ERR_METRICS_VALUE');
    for (const by of [Number.NaN, -1, Infinity, '1' as unknown as number, null as unknown as number])
      expect(() => hits.inc(by), String(by)).toThrow(wrong);
    for (const value of [Number.NaN, undefined as unknown as number])
      expect(() => gauge.set(value)).toThrow(wrong);
    expect(() => gauge.inc(Infinity)).toThrow(wrong);
    for (const value of [Number.NaN, -1, Infinity]) expect(() => sizes.observe(value)).toThrow(wrong);
    const page = await parsed(metrics);
    expect([sampleOf(page, 'hits_total'), sampleOf(page, 'g'), sampleOf(page, 'sizes_count')]).toEqual([
      0, 0, 0,
    ]);
  });

  it.each([[[]], [[2, 1]], [[1, 1]], [[-1]], [[Number.NaN]], [Array.from({ length: 65 }, (_, at) => at)]])(
    'buckets like %j',
    (buckets) => {
      expect(() => new Metrics().histogram('h', { help, buckets })).toThrow(refusal('ERR_METRICS_USAGE'));
    },
  );

  it('options that are unknown or invalid', () => {
    const usage = refusal('ERR_METRICS_USAGE');
    // @ts-expect-error: there is no such option.
    expect(() => new Metrics({ maxSerie: 1 })).toThrow(/did you mean "maxSeries"/);
    expect(() => new Metrics({ maxSeries: 0 })).toThrow(usage);
    expect(() => new Metrics({ shared: '' })).toThrow(usage);
    expect(() => new Metrics({ prefix: '9' })).toThrow(refusal('ERR_METRICS_NAME'));
    const metrics = new Metrics();
    expect(() => metrics.counter('a_total', { help: ' ' })).toThrow(usage);
    // @ts-expect-error: a counter is always a sum.
    expect(() => metrics.counter('a_total', { help, across: 'max' })).toThrow(usage);
    // @ts-expect-error: there is no such way.
    expect(() => metrics.gauge('a', { help, across: 'average' })).toThrow(usage);
    // @ts-expect-error: options are missing.
    expect(() => metrics.gauge('a')).toThrow(usage);
  });

  it('sharing by a name that is in use in this process, until that ends', () => {
    const first = new Metrics({ shared: 'twice' });
    expect(first.role).toBe('alone');
    expect(() => new Metrics({ shared: 'twice' })).toThrow(refusal('ERR_METRICS_USAGE'));
    new Metrics({ shared: 'another' }).close();
    first.close();
    new Metrics({ shared: 'twice' }).close();
  });

  it('sharing in a worker thread', async () => {
    const url = new URL('fixtures/metrics-worker.mjs', import.meta.url);
    const worker = new Worker(url, { execArgv: [] }); // on the built package
    const [refused] = await once(worker, 'message');
    expect(refused).toEqual({ code: 'ERR_METRICS_USAGE', message: expect.stringMatching(/worker thread/) });
    await worker.terminate();
  });

  it('more than 1,000 metrics', () => {
    const metrics = new Metrics();
    const define = () => {
      for (let at = 0; at < 1_001; at += 1) metrics.gauge(`g${at}`, { help });
    };
    expect(define).toThrow(/use labels/);
  });

  it('unknown formats and scopes', async () => {
    const metrics = new Metrics();
    // @ts-expect-error: there is no such format.
    await expect(metrics.text({ format: 'html' })).rejects.toThrow(MetricsUsageError);
    // @ts-expect-error: there is no such scope.
    await expect(metrics.read({ scope: 'machine' })).rejects.toThrow(MetricsUsageError);
  });
});

describe('buckets', () => {
  it('have equal distances, or equal factors, without errors of binary fractions', () => {
    expect(linearBuckets(0.1, 0.1, 4)).toEqual([0.1, 0.2, 0.3, 0.4]);
    expect(exponentialBuckets(256, 4, 4)).toEqual([256, 1024, 4096, 16384]);
    expect(() => exponentialBuckets(1, 1, 4)).toThrow(MetricsUsageError);
    expect(() => linearBuckets(1, 0, 4)).toThrow(MetricsUsageError);
    expect(() => linearBuckets(1, 1, 65)).toThrow(MetricsUsageError);
  });

  it('may end with +Inf, which is always there', async () => {
    const metrics = new Metrics();
    metrics.histogram('h', { help: 'Help.', buckets: [1, Infinity] }).observe(2);
    expect(sampleOf(await parsed(metrics), 'h_bucket', { le: '+Inf' })).toBe(1);
  });
});
