import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  defineOptions,
  type OptionDefinitions,
  type OptionSettings,
  OptionsUsageError,
} from '../src/index.ts';
import { messagesOf } from './fixtures/problems.ts';

describe('defineOptions', () => {
  it.each<[object, string]>([
    [{ port: { type: 'integer' }, PORT: { type: 'integer' } }, '--port is defined for port and for PORT'],
    [
      { max_size: { type: 'size' }, 'max-size': { type: 'size' } },
      '--max-size is defined for max_size and for max-size',
    ],
    [
      { maxSize: { type: 'size' }, max_size: { type: 'size' } },
      '--max-size is defined for maxSize and for max_size',
    ],
    [
      { cache: { type: 'boolean' }, noCache: { type: 'boolean' } },
      '--no-cache is defined for cache and for noCache',
    ],
    [
      { key: { type: 'string', secret: true }, keyFile: { type: 'string' } },
      '--key-file is defined for key and for keyFile',
    ],
    [{ help: { type: 'boolean' } }, '--help is defined for the help and for help'],
    [{ config: { type: 'string' } }, '--config is defined for files with options and for config'],
    [{ host: { type: 'string', short: 'h' } }, '-h is defined for the help and for host'],
    [
      { a: { type: 'string', short: 'x' }, b: { type: 'string', short: 'x' } },
      '-x is defined for a and for b',
    ],
    [
      { a: { type: 'string', env: 'X' }, b: { type: 'string', env: 'X' } },
      'variable X is defined for a and for b',
    ],
    [
      { a: { type: 'string', env: 'X', secret: true }, b: { type: 'string', env: 'X_FILE' } },
      'variable X_FILE is defined for a and for b',
    ],
  ])('refuses two meanings of one name: %j [OP-01]', (definitions, problem) => {
    expect(() => defineOptions(definitions as OptionDefinitions)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS_USAGE', message: expect.stringContaining(problem) }),
    );
  });

  it.each<[object, string]>([
    [{ type: 'int' }, "type: 'string' or 'integer' or"],
    [{}, "type: 'string' or 'integer' or"],
    [{ type: 'constructor' }, "type: 'string' or 'integer' or"],
    [{ type: 'integer', defualt: 1 }, 'unknown option "defualt": did you mean "default"?'],
    [{ type: 'string', min: 1 }, 'unknown option "min"'],
    [{ type: 'integer', default: '1' }, 'default: a whole number was expected, not "1" (a string)'],
    [{ type: 'integer', default: 1.5 }, 'default: a whole number was expected, not 1.5'],
    [{ type: 'integer', default: null }, 'default: a whole number was expected, not null'],
    [{ type: 'integer', default: 5, max: 4 }, 'default: a whole number of at most 4 was expected, not 5'],
    [{ type: 'number', default: Number.NaN }, 'default: a number was expected, not NaN'],
    [{ type: 'boolean', default: 'false' }, 'default: true or false was expected, not "false"'],
    [{ type: 'string', choices: ['a'], default: 'b' }, 'default: a was expected, not "b"'],
    [{ type: 'string', secret: true, default: 5 }, 'default: a string was expected; the value is not shown'],
    [{ type: 'duration', default: '30' }, 'default: a duration with a unit was expected, not "30"'],
    [{ type: 'size', default: -1 }, 'default: a number of bytes, or its text was expected, not -1'],
    [{ type: 'date', default: new Date(Number.NaN) }, 'default: a date, or its text was expected'],
    [{ type: 'url', default: 'a.example' }, 'default: a URL was expected, not "a.example"'],
    [{ type: 'integer', multiple: true, default: 1 }, 'default: an array was expected, not 1'],
    [{ type: 'integer', multiple: true, default: [1, 'x'] }, 'default: a whole number was expected, not "x"'],
    [{ type: 'integer', default: 1, validate: () => 'is wrong' }, 'default: is wrong'],
    [{ type: 'integer', default: 1, required: true }, 'an option with a default is never required'],
    [{ type: 'integer', min: 2, max: 1 }, 'min must not be larger than max'],
    [{ type: 'integer', min: '1' }, 'min: a whole number was expected'],
    [{ type: 'duration', min: '1x' }, 'min: a number of milliseconds, or its text was expected, not "1x"'],
    [{ type: 'duration', unit: 'y' }, "unit: 'w' or 'd'"],
    [{ type: 'integer', choices: [] }, 'choices: a list of at least one value was expected'],
    [{ type: 'integer', choices: ['1'] }, 'choices: a whole number was expected'],
    [{ type: 'string', pattern: '^a' }, 'pattern: a RegExp was expected'],
    [{ type: 'string', short: 'ab' }, 'short: one letter was expected'],
    [{ type: 'string', env: 'A-B' }, 'env: the name of an environment variable, or false,'],
    [{ type: 'string', maxItems: 5 }, 'maxItems is for options with multiple: true'],
    [{ type: 'string', multiple: true, maxItems: 0 }, 'maxItems: a whole number of 1 to 1000000'],
    [{ type: 'url', protocols: ['https'] }, "protocols: a list such as ['https:'] was expected"],
    [{ type: 'string', help: 5 }, 'help: a string was expected'],
    [{ type: 'string', secret: 'yes' }, 'secret: true or false was expected'],
    [{ type: 'string', validate: 'x' }, 'validate: a function was expected'],
  ])('refuses the definition %j', (definition, problem) => {
    expect(() => defineOptions({ name: definition } as never)).toThrow(
      expect.objectContaining({
        ...{ name: 'OptionsUsageError', code: 'ERR_OPTIONS_USAGE' },
        message: expect.stringContaining(`defineOptions: name: ${problem}`),
      }),
    );
  });

  it.each(['', '1a', 'a b', 'a.b', 'é', '__proto__', 'then', 'toJSON', '-a', 'a'.repeat(101)])(
    'refuses an option of the name %j',
    (name) => {
      const definitions = Object.fromEntries([[name, { type: 'string' }]]) as OptionDefinitions;
      expect(() => defineOptions(definitions)).toThrow(OptionsUsageError);
    },
  );

  it.each<[object, string]>([
    [{ programme: 'x' }, 'unknown option "programme": did you mean "program"?'],
    [{ program: 5 }, 'program: a string was expected'],
    [{ rest: true }, 'rest: a string such as FILE..., or false, was expected'],
    [{ envPrefix: 'A-B' }, 'envPrefix: a prefix of letters'],
    [{ files: 'a.json' }, 'files: an array of paths was expected'],
    [{ configOption: '' }, 'configOption: a name, or false, was expected'],
    [{ maxFileBytes: 0 }, 'maxFileBytes: a whole number of 1 to'],
    [{ onParsed: 'x' }, 'onParsed: a function was expected'],
  ])('refuses the settings %j', (settings, problem) => {
    expect(() => defineOptions({}, settings as OptionSettings<object>)).toThrow(problem);
  });

  it.each([undefined, null, 'x', []])('refuses %j for definitions', (definitions) => {
    expect(() => defineOptions(definitions as never)).toThrow('an object of definitions was expected');
  });
});

describe('validate', () => {
  it('of the settings sees all values, after each is valid', () => {
    const options = defineOptions(
      { min: { type: 'integer', default: 1 }, max: { type: 'integer', default: 2 } },
      {
        program: 'app',
        validate: ({ min, max }) => (min > max ? '--min must not be larger than --max' : undefined),
      },
    );
    const refused = (...argv: string[]) => messagesOf(() => options.parse({ argv, env: {} }));
    expect(refused('--min=3')).toEqual(['--min must not be larger than --max']);
    expect(refused('--min=3', '--max=x')).toEqual(['--max: a whole number was expected, not "x"']);
  });

  it('may throw, and its error is the cause', () => {
    const options = defineOptions({ filter: { type: 'string', validate: (text) => void new RegExp(text) } });
    expect(() => options.parse({ argv: ['--filter=('], env: {} })).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('--filter: Invalid regular expression'),
        cause: expect.any(SyntaxError),
      }),
    );
  });
});

describe('onParsed', () => {
  it('is called for each option that has a value, and then for all, once nothing is wrong [OP-02]', () => {
    const calls: unknown[] = [];
    const options = defineOptions(
      {
        port: { type: 'integer', default: 1, onParsed: (port) => calls.push(['port', port]) },
        name: { type: 'string', onParsed: (name) => calls.push(['name', name]) },
        ids: { type: 'integer', multiple: true, onParsed: (ids) => calls.push(['ids', ids]) },
      },
      { onParsed: (values) => calls.push(values) },
    );
    expect(() => options.parse({ argv: ['--ids=x'], env: {} })).toThrow();
    expect(calls).toEqual([]);
    options.parse({ argv: ['--ids=1:2'], env: {} });
    expect(calls).toEqual([['port', 1], ['ids', [1, 2]], { port: 1, name: undefined, ids: [1, 2] }]);
  });

  it('throws to the caller of parse', () => {
    const options = defineOptions({}, { onParsed: () => expect.unreachable('mine') });
    expect(() => options.parse({ argv: [], env: {} })).toThrow('mine');
  });
});

describe('values', () => {
  const defined = () =>
    defineOptions({
      port: { type: 'integer', default: 8888, max: 9_999 },
      key: { type: 'string', required: true },
    });

  it('are those of the latest parse', () => {
    const options = defined();
    expect(() => options.values).toThrow(expect.objectContaining({ code: 'ERR_OPTIONS_NOT_PARSED' }));
    const parsed = options.parse({ argv: ['--key=a'], env: {} });
    expect(options.values).toBe(parsed.values);
    options.parse({ argv: ['--key=b'], env: {} });
    expect(options.values.key).toBe('b');
    expect(() => options.parse({ argv: [], env: {} })).toThrow();
    expect(options.values.key).toBe('b');
  });

  it('are overridden by a test until the override is disposed of [OP-02]', () => {
    const options = defined();
    {
      using _ = options.override({ key: 'a' });
      expect(options.values).toEqual({ port: 8888, key: 'a' });
      {
        using _inner = options.override({ port: 0 });
        expect(options.values).toEqual({ port: 0, key: 'a' });
      }
      expect(options.values.port).toBe(8888);
    }
    expect(() => options.values).toThrow();
  });

  it('are not overridden by what is not valid', () => {
    const options = defined();
    expect(() => options.override({})).toThrow('override: key: a value was expected, because it is required');
    expect(() => options.override({ key: 'a', port: 10_000 })).toThrow(
      'override: port: a whole number of at most 9999 was expected, not 10000',
    );
    // @ts-expect-error: there is no such option.
    expect(() => options.override({ prot: 1 })).toThrow('unknown option "prot": did you mean "port"?');
    expect(() => options.values).toThrow();
  });

  it('have new dates and URLs after each parse', () => {
    const since = new Date(5);
    const options = defineOptions({ since: { type: 'date', default: since } });
    const { values } = options.parse({ argv: [], env: {} });
    values.since.setTime(7);
    expect(options.parse({ argv: [], env: {} }).values.since).toEqual(new Date(5));
    expect(since).toEqual(new Date(5));
  });
});

describe('extend', () => {
  const base = defineOptions(
    { port: { type: 'integer', default: 1 } },
    { program: 'base', validate: () => undefined },
  );

  it('adds options, settings and checks, and leaves the first set as it is', () => {
    const calls: string[] = [];
    const more = base.extend(
      { name: { type: 'string', default: 'x' } },
      {
        validate: ({ port, name }) => (name === 'y' ? `not ${port}` : undefined),
        onParsed: () => calls.push('more'),
      },
    );
    expect(more.parse({ argv: ['--port=2'], env: {} }).values).toEqual({ port: 2, name: 'x' });
    expect(calls).toEqual(['more']);
    expect(messagesOf(() => more.parse({ argv: ['--name=y'], env: {} }))).toEqual(['not 1']);
    expect(more.help()).toMatch(/^Usage: base /);
    expect(messagesOf(() => base.parse({ argv: ['--name=y'], env: {} }))).toEqual(['unknown option --name']);
  });

  it('refuses an option that exists, under any form of its name [OP-01]', () => {
    expect(() => base.extend({ port: { type: 'string' } })).toThrow('extend: port is defined already');
    expect(() => base.extend({ Port: { type: 'string' } })).toThrow(
      '--port is defined for port and for Port',
    );
  });

  it('is not needed to replace one', () => {
    const other = defineOptions({ ...base.definitions, port: { type: 'integer', default: 2 } });
    expect(other.parse({ argv: [], env: {} }).values.port).toBe(2);
  });
});

describe('console.log', () => {
  it('shows a set, and the result of a parse', () => {
    const options = defineOptions({ port: { type: 'integer', default: 1 } }, { program: 'app' });
    expect(inspect(options)).toBe("OptionSet { program: 'app', options: [ '--port' ] }");
    expect(inspect(options.parse({ argv: ['x'], env: {} }))).toBe(
      "ParsedOptions { values: { port: 1 }, rest: [ 'x' ] }",
    );
  });
});
