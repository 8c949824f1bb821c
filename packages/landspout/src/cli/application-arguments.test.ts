import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  DEV_HELP,
  parseDevArguments,
  parseRoutesArguments,
  parseServeArguments,
  ROUTES_HELP,
  SERVE_HELP,
} from './application-arguments.ts';

const CWD = fileURLToPath(new URL('.', import.meta.url)).slice(0, -1);
const FILE = 'main.ts';
const entry = `${CWD}/${FILE}`;

describe('parseDevArguments', () => {
  it('has defaults for a machine that only its user reaches [AR-01]', () => {
    expect(parseDevArguments([FILE], CWD)).toEqual({
      ...{ entry, rest: [], port: 8888, host: '127.0.0.1', hasAddress: false },
      ...{ watch: [], watchModules: false, stopTimeoutMs: 2000 },
    });
  });

  it('takes options, and the arguments of the module after "--"', () => {
    const options = ['--port=0', '--host', '::1', '--watch', 'a', '--watch', '/b', '--watch-modules'];
    expect(parseDevArguments([...options, '--stop-timeout', '.5', FILE, '--', '--port', 'x'], CWD)).toEqual({
      ...{ entry, rest: ['--port', 'x'], port: 0, host: '::1', hasAddress: true },
      ...{ watch: [`${CWD}/a`, '/b'], watchModules: true, stopTimeoutMs: 500 },
    });
  });

  it.each([
    [[], 'the module of the application is missing'],
    [[FILE, 'x'], 'one module was expected, got 2 arguments; arguments for the module follow "--"'],
    [['nothing.ts'], 'there is no file "nothing.ts"'],
    [['.'], 'the module must be a file, and "." is none'],
    [['--frob', FILE], 'unknown option "--frob"'],
    [['--port', '65536', FILE], '--port must be a whole number from 0 to 65535, got "65536"'],
    [['--port', '0x1', FILE], '--port must be a whole number'],
    [['--host=', FILE], '--host must not be empty'],
    [['--stop-timeout', '-1', FILE], 'stop-timeout'],
    [
      ['--stop-timeout', '3601', FILE],
      '--stop-timeout must be a number of seconds from 0 to 3600, got "3601"',
    ],
    [['--watch-modules=1', FILE], 'option "--watch-modules" does not take an argument'],
    [[FILE, '--watch'], /watch/],
  ])('refuses %j', (args, problem) => {
    expect(() => parseDevArguments(args, CWD)).toThrow(problem);
    expect(() => parseDevArguments(args, CWD)).toThrow(expect.objectContaining({ name: 'WrongUsage' }));
  });
});

describe('parseServeArguments', () => {
  it('serves all addresses in one process by default', () => {
    const defaults = { entry, rest: [], port: 8888, host: undefined, processes: undefined };
    expect(parseServeArguments([FILE], CWD)).toEqual(defaults);
  });

  it.each([
    ['cpus', 'cpus'],
    ['1', 1],
    ['1024', 1024],
  ])('takes --processes %s', (text, processes) => {
    expect(parseServeArguments(['--processes', text, FILE], CWD)).toMatchObject({ processes });
  });

  it.each(['0', '1025', '1.5', 'all'])('refuses --processes %s', (text) => {
    expect(() => parseServeArguments(['--processes', text, FILE], CWD)).toThrow(/^--processes must be /);
  });

  it('does not watch', () => {
    expect(() => parseServeArguments(['--watch', 'a', FILE], CWD)).toThrow('unknown option "--watch"');
  });
});

describe('parseRoutesArguments', () => {
  it('takes its options', () => {
    expect(parseRoutesArguments([FILE], CWD)).toEqual({ entry, rest: [], json: false, load: false });
    expect(parseRoutesArguments(['--json', '--load', FILE], CWD)).toMatchObject({ json: true, load: true });
  });
});

describe('help', () => {
  it('is wanted also without a module, and is no wider than a page', () => {
    for (const parse of [parseDevArguments, parseServeArguments, parseRoutesArguments]) {
      expect(parse(['-h'], CWD)).toBeUndefined();
    }
    for (const help of [DEV_HELP, SERVE_HELP, ROUTES_HELP]) {
      expect(help.split('\n').filter((line) => line.length > 110)).toEqual([]);
    }
  });
});
