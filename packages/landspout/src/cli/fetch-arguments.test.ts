import { describe, expect, it } from 'vitest';
import { FETCH_HELP, parseFetchArguments } from './fetch-arguments.ts';

const URL = 'http://a/';
const parse = (...args: string[]) => parseFetchArguments([...args, URL]);

describe('parseFetchArguments', () => {
  it('has the defaults of Tornado for what is printed, followed and verified [HC-07]', () => {
    expect(parse()).toEqual({
      ...{ url: URL, method: undefined, headers: [], data: undefined, isJson: false },
      ...{ user: undefined, isDigest: false, proxy: undefined, socketPath: undefined },
      ...{ validateCert: true, caFile: undefined, timeoutMs: undefined, maxBytes: undefined },
      ...{ output: undefined, followRedirects: true, printHeaders: false, printBody: true },
      ...{ decompress: true, raiseError: true, timings: false },
    });
  });

  it.each([
    ['--no-print-body', 'printBody', false],
    ['--no-follow-redirects', 'followRedirects', false],
    ['--no-validate-cert', 'validateCert', false],
    ['--no-raise-error', 'raiseError', false],
    ['--no-decompress', 'decompress', false],
    ['--print-headers', 'printHeaders', true],
    ['--timings', 'timings', true],
    ['--no-proxy', 'proxy', false],
  ])('%s sets %s [HC-07]', (option, name, value) => {
    expect(parse(option)).toMatchObject({ [name]: value });
  });

  it('takes the last of two opposite switches', () => {
    expect(parse('--no-print-body', '--print-body')).toMatchObject({ printBody: true });
    expect(parse('--print-body', '--no-print-body')).toMatchObject({ printBody: false });
  });

  it('takes short options as curl has them, also with the value attached', () => {
    const given = parse(
      '-XPUT',
      '-H',
      'A: b:c ',
      '-H',
      'D:',
      '-d',
      'x=1',
      '-d',
      'y=2',
      '-u',
      'me:a:b',
      '-o',
      'f',
    );
    expect(given).toMatchObject({
      method: 'PUT',
      headers: [
        ['A', 'b:c'],
        ['D', ''],
      ],
      data: { kind: 'text', text: 'x=1&y=2' },
      user: { username: 'me', password: 'a:b' },
      output: 'f',
    });
  });

  it('reads data from a file, from standard input, or as JSON', () => {
    expect(parse('-d', '@a/b')).toMatchObject({ data: { kind: 'file', path: 'a/b' } });
    expect(parse('-d', '@-')).toMatchObject({ data: { kind: 'stdin' } });
    expect(parse('-d', '')).toMatchObject({ data: { kind: 'text', text: '' }, isJson: false });
    expect(parse('--json', '{}')).toMatchObject({ data: { kind: 'text', text: '{}' }, isJson: true });
  });

  it('takes "-" as the file for standard output', () => {
    expect(parse('-o', '-')).toMatchObject({ output: undefined });
  });

  it.each([
    ['0', 0],
    ['.5', 500],
    ['2.0001', 2001],
    ['2147483', 2_147_483_000],
  ])('takes a timeout of %s s', (text, timeoutMs) => {
    expect(parse('--timeout', text)).toMatchObject({ timeoutMs });
  });

  it.each(['', '1s', '1e3', '0x1', 'Infinity', '2147484', '1.'])('refuses the timeout %j', (text) => {
    expect(() => parse('--timeout', text)).toThrow(/^--timeout must /);
  });

  it('returns nothing if help is wanted, also without a URL', () => {
    expect(parseFetchArguments(['-h'])).toBeUndefined();
    expect(FETCH_HELP.split('\n').every((line) => line.length <= 110)).toBe(true);
  });

  it.each([
    [['--frob'], 'unknown option "--frob"'],
    [['-z'], 'unknown option "-z"'],
    [['--timings=1'], 'option "--timings" does not take an argument'],
    [['-H', 'no colon'], '--header must have the form "NAME: VALUE"'],
    [['-H', ': b'], '--header must have the form "NAME: VALUE"'],
    [['-u', 'me'], '--user must have the form NAME:PASSWORD'],
    [['--digest'], '--digest needs --user NAME:PASSWORD'],
    [['-d', 'a', '--json', '1'], '--data and --json: give one of them'],
    [['-d', 'a', '-d', '@b'], '--data @FILE cannot be combined with other data'],
    [['-d', '@'], '--data @FILE: the name of the file is missing'],
    [['--proxy', 'http://p', '--no-proxy'], '--proxy and --no-proxy: give one of them'],
    [['--proxy', 'http://p', '--unix-socket', 's'], '--proxy and --unix-socket: give one of them'],
    [['--output='], '--output must not be empty'],
    [['--max-bytes', '-1'], /max-bytes/],
    [['--max-bytes', '1.5'], '--max-bytes must be a whole number, got "1.5"'],
    [['http://b/'], 'one URL was expected, got 2 arguments'],
  ])('refuses %j', (args, problem) => {
    expect(() => parse(...args)).toThrow(expect.objectContaining({ name: 'WrongUsage' }));
    expect(() => parse(...args)).toThrow(problem);
  });

  it('refuses a header that cannot be sent, without showing its value', () => {
    for (const value of ['se\ncret', 'se\0cret', 'secret €']) {
      expect(() => parse('-H', `Authorization: ${value}`)).toThrow(
        /^--header must not contain control characters or characters above U\+00FF$/,
      );
    }
  });

  it('refuses a command line without a URL', () => {
    expect(() => parseFetchArguments([])).toThrow('the URL is missing');
  });
});
