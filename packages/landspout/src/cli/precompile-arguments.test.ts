import { describe, expect, it } from 'vitest';
import { PRECOMPILE_HELP, parsePrecompileArguments } from './precompile-arguments.ts';

const parse = (...args: string[]) => parsePrecompileArguments([...args, 'views']);

describe('parsePrecompileArguments', () => {
  it('prints the module by default', () => {
    expect(parse()).toEqual({
      views: 'views',
      output: undefined,
      extension: undefined,
      functions: [],
      plainText: [],
      whitespace: undefined,
    });
    expect(parse('-o', '-')).toMatchObject({ output: undefined });
  });

  it('takes the options of precompileTemplates', () => {
    const options = ['-o', 'a/views.mjs', '--extension', '.html', '--function', 'money', '--function=date'];
    expect(parse(...options, '--plain-text', '.txt.eta', '--whitespace', 'single')).toEqual({
      views: 'views',
      output: 'a/views.mjs',
      extension: '.html',
      functions: ['money', 'date'],
      plainText: ['.txt.eta'],
      whitespace: 'single',
    });
  });

  it('returns nothing if help is wanted, also without a folder', () => {
    expect(parsePrecompileArguments(['-h'])).toBeUndefined();
    expect(PRECOMPILE_HELP.split('\n').every((line) => line.length <= 110)).toBe(true);
  });

  it.each([
    [['--outptu', 'x'], 'unknown option "--outptu"'],
    [['-o', 'views.ts'], '--output must end with .js or .mjs, got "views.ts"'],
    [['--output='], '--output must not be empty'],
    [['--whitespace', 'none'], '--whitespace must be all, single or oneline, got "none"'],
    [['other'], 'one folder was expected, got 2 arguments'],
  ])('refuses %j', (args, problem) => {
    expect(() => parse(...args)).toThrow(expect.objectContaining({ name: 'WrongUsage' }));
    expect(() => parse(...args)).toThrow(problem);
  });

  it('refuses a command line without a folder', () => {
    expect(() => parsePrecompileArguments([])).toThrow('the folder of the templates is missing');
  });
});
