import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { defineOptions } from '../src/index.ts';
import { messagesOf, problemsOf } from './fixtures/problems.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'landspout-options-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function fileOf(content: string | Uint8Array): string {
  count += 1;
  const file = path.join(folder, `${count}.json`);
  writeFileSync(file, content);
  return file;
}

const definitions = {
  port: { type: 'integer', default: 8888, env: 'PORT' },
  maxBodySize: { type: 'size', default: '1MiB' },
  name: { type: 'string' },
  timeout: { type: 'duration' },
  wait: { type: 'duration', unit: 's' },
  debug: { type: 'boolean', env: false },
  since: { type: 'date', utc: true },
  ids: { type: 'integer', multiple: true, env: 'IDS', maxItems: 5 },
  names: { type: 'string', multiple: true },
} as const;

describe('a value', () => {
  const low = fileOf('{"port": 1, "name": "low", "maxBodySize": 1}');
  const high = fileOf('{"port": 2, "name": "high"}');
  const config = fileOf('{"port": 3}');
  const options = defineOptions(definitions, { files: [low, path.join(folder, 'none.json'), high] });

  it.each([
    ['the command line', ['--port=5'], { PORT: '4' }, 5, 'command line', '--port'],
    ['the environment', [`--config=${config}`], { PORT: '4' }, 4, 'environment', 'PORT'],
    ['the file that is named', [`--config=${config}`], {}, 3, 'file', `${config}:1`],
    ['the latest file', [`--config=${config}`, '--config', low], {}, 1, 'file', `${low}:1`],
    ['the later file of the program', [], {}, 2, 'file', `${high}:1`],
  ])('comes from %s', (_, argv, env, port, source, where) => {
    const parsed = options.parse({ argv, env });
    expect(parsed.values).toMatchObject({ port, maxBodySize: 1 });
    expect(parsed.explain()[0]).toEqual({ name: 'port', value: String(port), source, where });
  });

  it('is the default if no source has one, and an empty variable has none', () => {
    const parsed = defineOptions(definitions).parse({ argv: [], env: { PORT: '', IDS: '1:2' } });
    expect(parsed.values).toMatchObject({ port: 8888, ids: [1, 2] });
    expect(parsed.explainText().split('\n').slice(0, 3)).toEqual([
      'port         8888    default',
      'maxBodySize  1MiB    default',
      'name         (none)  default',
    ]);
  });

  it('of a list is that of one source, without the items of others', () => {
    const file = fileOf('{"ids": [1, 2]}');
    const parse = (argv: string[], env = {}) => defineOptions(definitions).parse({ argv, env }).values.ids;
    expect(parse([`--config=${file}`])).toEqual([1, 2]);
    expect(parse([`--config=${file}`], { IDS: '3' })).toEqual([3]);
    expect(parse([`--config=${file}`, '--ids=4'], { IDS: '3' })).toEqual([4]);
  });

  it('that is not used is not checked', () => {
    const file = fileOf('{"port": "y"}');
    const argv = ['--port=1', `--config=${file}`];
    expect(options.parse({ argv, env: { PORT: 'x' } }).values.port).toBe(1);
  });
});

describe('an environment variable', () => {
  const options = defineOptions(definitions, { envPrefix: 'APP' });
  const parse = (env: Record<string, string>) => options.parse({ argv: [], env });

  it('is named by the prefix, unless the option has its own or none', () => {
    const { values } = parse({
      ...{
        APP_MAX_BODY_SIZE: '2KiB',
        APP_NAME: 'n',
        PORT: '1',
        APP_PORT: '2',
        APP_DEBUG: '1',
        MAX_BODY_SIZE: '3',
      },
    });
    expect(values).toMatchObject({ maxBodySize: 2_048, name: 'n', port: 1, debug: false });
  });

  it('names a file of options, unless the command line does', () => {
    const [one, other] = [fileOf('{"name": "one"}'), fileOf('{"maxBodySize": 5}')];
    expect(parse({ APP_CONFIG: one }).values.name).toBe('one');
    const { values } = options.parse({ argv: [`--config=${other}`], env: { APP_CONFIG: one } });
    expect(values).toMatchObject({ name: undefined, maxBodySize: 5 });
  });

  it('is named in the problem', () => {
    expect(problemsOf(() => parse({ PORT: 'x', IDS: '1:9' }))).toEqual([
      { option: 'port', where: 'PORT', message: 'PORT: a whole number was expected, not "x"' },
      { option: 'ids', where: 'IDS', message: 'IDS: a range of at most 5 numbers was expected, not "1:9"' },
    ]);
  });
});

describe('a JSON file', () => {
  const options = defineOptions(definitions, { maxFileBytes: 1_000 });
  const parse = (content: string | Uint8Array) =>
    options.parse({ argv: [`--config=${fileOf(content)}`], env: {} });

  it('has values of JSON, or the text that a command line would have [OP-02]', () => {
    const text = `\ufeff{
      "port": "80", "max_body_size": 2048, "name": "a,b", "timeout": "1h 30m", "wait": 5, "debug": true,
      "since": "2026-07-31", "ids": "1:3", "names": ["a,b", "c"]
    }`;
    expect(parse(text).values).toEqual({
      ...{ port: 80, maxBodySize: 2_048, name: 'a,b', timeout: 5_400_000, wait: 5_000, debug: true },
      ...{ since: new Date('2026-07-31T00:00Z'), ids: [1, 2, 3], names: ['a,b', 'c'] },
    });
    expect(parse('{"max-body-size": "1KiB", "timeout": 0, "names": "a,b"}').values).toMatchObject({
      ...{ maxBodySize: 1_024, timeout: 0, names: ['a', 'b'] },
    });
  });

  it.each([
    ['{\n"prot": 1}', ':2: unknown option "prot": did you mean "port"?'],
    ['{"__proto__": 1}', ':1: unknown option "__proto__"'],
    ['{"constructor": 1}', ':1: unknown option "constructor"'],
    ['{"config": "x"}', ':1: unknown option "config"'],
    ['{"help": true}', ':1: unknown option "help"'],
    ['{"a\\u001b\\n": 1}', ':1: unknown option "a\\u001b\\n"'],
    ['{"maxBodySize": 1,\n"max-body-size": 2}', ':2: max-body-size is also at FILE:1; remove one of them'],
    ['{"port": 1.5}', ':1: port: a whole number was expected, not 1.5'],
    ['{"port": true}', ':1: port: a whole number was expected, not true'],
    ['{"port": null}', ':1: port: a whole number was expected, not null (leave the option out)'],
    ['{"port": [1]}', ':1: port: a whole number was expected, not an array'],
    ['{"name": 5}', ':1: name: a string was expected, not 5; write it in quotes'],
    ['{"debug": 1}', ':1: debug: true or false was expected, not 1'],
    ['{"timeout": 30}', ':1: timeout: a duration with a unit was expected, not "30"; write 30s or 30ms'],
    ['{"ids": 1}', ':1: ids: a list was expected, not 1'],
    ['{"ids": [1, "x"]}', ':1: ids: a whole number was expected, not "x"'],
    ['{"ids": [1,2,3,4,5,6]}', ':1: ids: a list of at most 5 items was expected'],
    ['{"port": 1,}', ':1: a comma must not be before }'],
    ['port = 1', ':1: an object of options in braces was expected'],
    ['process.exit(7)', ':1: an object of options in braces was expected'],
    [' '.repeat(1_001), ' has more than 1000 bytes'],
    [Uint8Array.of(0x7b, 0xff, 0x7d), ' is not text in UTF-8'],
  ])('with %j is refused, with its line, and nothing is executed [OP-02]', (content, message) => {
    const [problem, ...others] = messagesOf(() => parse(content));
    expect(others).toEqual([]);
    expect(problem?.replaceAll(path.join(folder, `${count}.json`), 'FILE')).toBe(`FILE${message}`);
  });

  it('that is named has to be there', () => {
    const missing = path.join(folder, 'missing.json');
    const [problem] = problemsOf(() => options.parse({ argv: ['--config', missing], env: {} }));
    expect(problem).toMatchObject({
      message: `${missing} cannot be read: open ${missing}: no such file (ENOENT)`,
      cause: { code: 'ENOENT' },
    });
    expect(messagesOf(() => options.parse({ argv: ['--config', folder], env: {} }))).toEqual([
      expect.stringContaining('EISDIR'),
    ]);
  });

  it.runIf(process.platform === 'linux')(
    'may be a device that never ends, of which only the limit is read',
    () => {
      expect(messagesOf(() => options.parse({ argv: ['--config=/dev/zero'], env: {} }))).toEqual([
        '/dev/zero has more than 1000 bytes',
      ]);
    },
  );

  it('has another option for its name, or none', () => {
    const file = fileOf('{"port": 1}');
    const other = defineOptions(definitions, { configOption: 'settings' });
    expect(other.parse({ argv: ['--settings', file], env: {} }).values.port).toBe(1);
    const none = defineOptions(definitions, { configOption: false });
    expect(messagesOf(() => none.parse({ argv: ['--config', file], env: {} }))).toEqual([
      'unknown option --config',
    ]);
  });
});

describe('a required option', () => {
  const options = defineOptions({
    key: { type: 'string', required: true, env: 'KEY' },
    peers: { type: 'string', multiple: true, required: true },
    flag: { type: 'boolean', required: true },
  });

  it('has to be given', () => {
    expect(messagesOf(() => options.parse({ argv: [], env: {} }))).toEqual([
      '--key is required: pass --key=TEXT, or set KEY',
      '--peers is required: pass --peers=TEXT,...',
      '--flag is required: pass --flag',
    ]);
    expect(options.parse({ argv: ['--key=a', '--peers=b', '--no-flag'], env: {} }).values).toEqual({
      ...{ key: 'a', peers: ['b'], flag: false },
    });
  });

  it('must not be an empty list', () => {
    expect(messagesOf(() => options.parse({ argv: ['--key=a', '--peers=', '--flag'], env: {} }))).toEqual([
      '--peers: at least one item was expected',
    ]);
  });

  it('is not also reported as missing if its value is not valid', () => {
    const one = defineOptions({ key: { type: 'integer', required: true } });
    expect(messagesOf(() => one.parse({ argv: ['--key'], env: {} }))).toEqual([
      '--key needs a value: --key=VALUE',
    ]);
  });
});
