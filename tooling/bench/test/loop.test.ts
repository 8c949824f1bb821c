import { describe, expect, it } from 'vitest';
import { absentDoors, chooseLoopRows, loopBackend } from '../loop/rows.mjs';
import { judgeLoop, summarizeLoop } from '../loop/summary.mjs';
import { loopOptions } from '../options.mjs';

type Backend = 'native' | 'portable';
const OPTIONS = { files: 20_000, timers: 100_000, warmupMs: 1, measureMs: 1 };
const rowsOf = (backend: Backend, change: object = {}) => chooseLoopRows({ ...OPTIONS, backend, ...change });
const wakeUps = (files: number) => rowsOf('native', { files, only: ['wake-ups'] });

/** Results of one round in which each call of a row takes what `nsOf` says. */
const resultsOf = (rows: ReturnType<typeof rowsOf>, nsOf: (row: (typeof rows)[number]) => number) =>
  rows.map((row) => summarizeLoop(row, [{ cpuNs: nsOf(row) * 10, count: 10 }]));

describe('loopOptions', () => {
  it('has a default for everything', () => {
    expect(loopOptions([])).toEqual({
      rounds: 5,
      measureMs: 1000,
      warmupMs: 500,
      timers: 100_000,
      build: true,
      only: undefined,
    });
  });

  it('refuses an odd number of timers, of which no half can be cancelled', () => {
    expect(() => loopOptions(['--timers=3'])).toThrow('even number');
  });
});

describe('loopBackend', () => {
  it('is native unless the environment wishes otherwise', () => {
    expect([loopBackend(undefined), loopBackend('portable')]).toEqual(['native', 'portable']);
  });

  it('refuses a backend that there is not', () => {
    expect(() => loopBackend('epoll')).toThrow('not epoll');
  });
});

describe('chooseLoopRows', () => {
  it('measures each way of calling back in bursts and chains, with a context and without', () => {
    const ways = rowsOf('native', { only: ['callbacks'] }).map(({ title, how }) => `${title}: ${how}`);
    expect(new Set(ways).size).toBe(12);
  });

  it('measures the ready descriptors among the registered ones that were asked for', () => {
    const floors = wakeUps(20_000).filter(({ backend }) => backend === 'c');
    expect(floors.map(({ settings }) => [settings.registered, settings.ready])).toEqual([
      [10_000, 1],
      [10_000, 64],
      [10_000, 1024],
      [1_000, 64],
      [5_000, 64],
      [15_000, 64],
    ]);
  });

  it('registers no more descriptors than a process may open', () => {
    const most = wakeUps(4096).map(({ settings }) => settings.registered + settings.ready);
    expect(Math.max(...most)).toBeLessThan(4096);
  });

  it('refuses a limit that leaves fewer descriptors than shall be ready', () => {
    expect(() => wakeUps(1024)).toThrow('1024 descriptors: too few');
  });

  it('has no wake-ups on the portable backend, where nothing wakes by readiness', () => {
    expect(new Set(rowsOf('portable').map(({ section }) => section))).toEqual(
      new Set(['callbacks', 'timers']),
    );
  });

  it('names the sections there are when one is unknown', () => {
    expect(() => rowsOf('native', { only: ['timer'] })).toThrow('no section timer; there are callbacks,');
  });
});

describe('absentDoors', () => {
  it('asks both doors why they are not there on the portable backend', () => {
    const doors = absentDoors({ backend: 'portable', only: undefined });
    expect(doors.map(({ title }) => title)).toEqual(['reactor.register', 'addHandler']);
  });

  it('asks nothing on the native backend, or where wake-ups were not chosen', () => {
    expect(absentDoors({ backend: 'native', only: undefined })).toEqual([]);
    expect(absentDoors({ backend: 'portable', only: ['timers'] })).toEqual([]);
  });
});

describe('summarizeLoop', () => {
  it('divides the time of a round by what it counted', () => {
    const [row] = rowsOf('native', { only: ['callbacks'] });
    const samples = [
      { cpuNs: 100, count: 10 },
      { cpuNs: 90, count: 3 },
      { cpuNs: 40, count: 2 },
    ];
    expect(summarizeLoop(row, samples).ns).toEqual({ median: 20, min: 10, max: 30 });
  });

  it('takes a timer as added, and then cancelled by half and fired by half', () => {
    const [row] = rowsOf('native', { only: ['timers'] });
    const result = summarizeLoop(row, [{ addNs: 100, cancelNs: 20, fireNs: 60, heapBytes: 300 }]);
    expect([result.ns.median, result.heapBytes]).toEqual([140, 300]);
  });
});

describe('judgeLoop', () => {
  it('asks three times the rate of setImmediate without a context, and the same rate with one', () => {
    const callbacks = rowsOf('native', { only: ['callbacks'] });
    const nsOf = (addCallback: number) => (row: (typeof callbacks)[number]) =>
      row.title === 'addCallback' ? addCallback : 60;
    const met = (addCallback: number) =>
      judgeLoop(resultsOf(callbacks, nsOf(addCallback))).map((verdict) => verdict.met);
    expect([met(20), met(21), met(61)]).toEqual([
      [true, true],
      [false, true],
      [false, false],
    ]);
  });

  it('asks of each door that more idle descriptors cost no event more than 1.3 times as much', () => {
    const slow = (row: ReturnType<typeof wakeUps>[number]) =>
      row.title === 'addHandler' && row.settings.registered === 15_000 ? 131 : 100;
    const verdicts = judgeLoop(resultsOf(wakeUps(20_000), slow));
    expect(verdicts.map(({ met, text }) => [met, text.slice(0, 10)])).toEqual([
      [false, 'addHandler'],
      [true, 'reactor.re'],
    ]);
  });

  it('does not take the price of few ready descriptors for one of many idle ones', () => {
    const dear = (row: ReturnType<typeof wakeUps>[number]) => (row.settings.ready === 1 ? 900 : 100);
    expect(judgeLoop(resultsOf(wakeUps(20_000), dear)).map(({ met }) => met)).toEqual([true, true]);
  });

  it('judges only what was measured', () => {
    const timers = rowsOf('native', { only: ['timers'] }).slice(0, 0);
    expect(judgeLoop(resultsOf(timers, () => 1))).toEqual([]);
  });
});
