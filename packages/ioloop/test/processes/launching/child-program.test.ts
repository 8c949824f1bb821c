import { describe, expect, it } from 'vitest';
import {
  inspectPortOf,
  resolveProgram,
  usesInspector,
} from '../../../src/processes/launching/child-program.ts';

describe('resolveProgram', () => {
  it('starts what this process runs, unless told otherwise', () => {
    expect(resolveProgram(undefined, {})).toEqual({
      file: process.argv[1],
      args: process.argv.slice(2),
      execArgv: process.execArgv,
      env: {},
    });
    const other = { args: ['a'], execArgv: ['--import', './hook.mjs'], env: { A: '1' } };
    expect(resolveProgram('other.js', other)).toEqual({ file: 'other.js', ...other });
  });

  it.each([undefined, '-'])('refuses a process that runs no file: %s', (file) => {
    const argv = process.argv;
    process.argv = file === undefined ? [process.execPath] : [process.execPath, file];
    try {
      expect(() => resolveProgram(undefined, {})).toThrow(
        expect.objectContaining({ code: 'ERR_PROCESS_USAGE' }),
      );
    } finally {
      process.argv = argv;
    }
  });
});

describe('usesInspector', () => {
  it.each([
    '--inspect',
    '--inspect=0',
    '--inspect-brk=9000',
    '--inspect-port=1',
    '--inspect-wait',
    '--debug-port=1',
  ])('sees %s', (option) => {
    expect(usesInspector(['--import', './a.mjs', option], '')).toBe(true);
    expect(usesInspector([], `--max-old-space-size=100 ${option}`)).toBe(true);
  });

  it('sees nothing in other options', () => {
    expect(usesInspector(['--import', './inspect.mjs', '--enable-source-maps'], '--no-warnings')).toBe(false);
  });
});

describe('inspectPortOf', () => {
  it('gives each child a port of its own above the one of its parent', () => {
    expect([0, 1, 2].map((id) => inspectPortOf(id, 9229))).toEqual([9230, 9231, 9232]);
  });

  it('leaves the choice to the system where there is no such port', () => {
    expect(inspectPortOf(0, 0)).toBe(0);
    expect([inspectPortOf(0, 65_534), inspectPortOf(1, 65_534)]).toEqual([65_535, 0]);
  });
});
