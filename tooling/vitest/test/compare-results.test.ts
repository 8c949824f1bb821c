import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { compareResults, resultsOf } from '../compare-results.mjs';
import { countsLine, readResults } from '../results.mjs';

const run = (passed: string[], failed: string[] = [], skipped: string[] = []) => ({
  passed,
  failed,
  skipped,
});

type Results = ReturnType<typeof run>;
const compared = (native: Results, portable: Results) =>
  compareResults({ name: 'native', results: native }, { name: 'portable', results: portable });

describe('compareResults', () => {
  it('finds nothing when both runs ran the same tests, in any order', () => {
    expect(compared(run(['a', 'b']), run(['b', 'a']))).toEqual([]);
  });

  it('names a test that only one run ran', () => {
    expect(compared(run(['a', 'b']), run(['a', 'c']))).toEqual([
      'ran on native only: b',
      'ran on portable only: c',
    ]);
  });

  it('counts a name as often as it ran', () => {
    expect(compared(run(['a', 'a']), run(['a']))).toEqual(['ran on native only: a']);
  });

  it('takes a failed test as one that ran', () => {
    expect(compared(run(['a']), run([], ['a']))).toEqual([]);
  });

  it('refuses a skipped test', () => {
    expect(compared(run([], [], ['a']), run([]))).toEqual(['skipped on native: a']);
  });
});

describe('resultsOf', () => {
  it('takes the tests of the files that a shorter run repeats', () => {
    const results = run(['a.test.ts > one', 'b.test.ts > two'], ['a.test.ts'], ['b.test.ts > three']);
    expect(resultsOf(results, ['a.test.ts'])).toEqual(run(['a.test.ts > one'], ['a.test.ts']));
  });
});

describe('readResults', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'landspout-results-'));
  const file = path.join(folder, 'report.json');
  const report = (testResults: unknown) => {
    writeFileSync(file, JSON.stringify({ testResults }));
    return readResults(file, '/repository');
  };
  afterEach(() => rmSync(file, { force: true }));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('names each test by its file and its titles', () => {
    const test = { status: 'passed', title: 'reads', ancestorTitles: ['IOStream', 'readUntil'] };
    const results = report([{ name: '/repository/a.test.ts', status: 'passed', assertionResults: [test] }]);
    expect(results?.passed).toEqual(['a.test.ts > IOStream > readUntil > reads']);
  });

  it('counts a file that does not load as a failure', () => {
    const results = report([{ name: '/repository/a.test.ts', status: 'failed', assertionResults: [] }]);
    expect(results && countsLine(results)).toBe('0 passed, 1 failed');
  });

  it.each(['skipped', 'pending', 'todo'])('counts a test of status %s as skipped', (status) => {
    const test = { status, title: 'reads', ancestorTitles: [] };
    const results = report([{ name: '/repository/a.test.ts', status: 'passed', assertionResults: [test] }]);
    expect(results?.skipped).toEqual(['a.test.ts > reads']);
  });

  it('has nothing when there is no report', () => {
    expect(readResults(file)).toBeUndefined();
  });
});
