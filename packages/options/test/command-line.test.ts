import { describe, expect, it } from 'vitest';
import { defineOptions } from '../src/index.ts';
import { messagesOf } from './fixtures/problems.ts';

const options = defineOptions(
  {
    port: { type: 'integer', default: 8888, min: 0, max: 65_535, short: 'p' },
    maxBodySize: { type: 'size', default: '1MiB' },
    offset: { type: 'number' },
    name: { type: 'string' },
    debug: { type: 'boolean', short: 'd' },
    cache: { type: 'boolean', default: true },
    timeout: { type: 'duration', min: '1s', max: '1h' },
    since: { type: 'date', utc: true },
    home: { type: 'url', protocols: ['http:', 'https:'] },
    mode: { type: 'string', choices: ['fast', 'safe'] },
    word: { type: 'string', pattern: /^[a-z]+$/g },
    even: { type: 'integer', validate: (value) => (value % 2 === 0 ? undefined : 'must be even') },
    ids: { type: 'integer', multiple: true, maxItems: 5 },
    peers: { type: 'string', multiple: true },
  },
  { program: 'app' },
);

const parsed = (...argv: string[]) => options.parse({ argv, env: {} });
const refused = (...argv: string[]): readonly string[] => messagesOf(() => parsed(...argv));

describe('a command line', () => {
  it.each([
    [['--port=1'], { port: 1 }],
    [['--port', '1'], { port: 1 }],
    [['-p', '1'], { port: 1 }],
    [['-p=1'], { port: 1 }],
    [['-port=1'], { port: 1 }],
    [['--port=1', '--port=2'], { port: 2 }],
    [['--max-body-size=2KiB'], { maxBodySize: 2_048 }],
    [['--max_body_size', '2KiB'], { maxBodySize: 2_048 }],
    [['--offset', '-1.5e1'], { offset: -15 }],
    [['--offset=-.5'], { offset: -0.5 }],
    [['--name='], { name: '' }],
    [['--name=a=b'], { name: 'a=b' }],
    [['--name', '-'], { name: '-' }],
    [['--name=-x'], { name: '-x' }],
    [['--name=a\nb'], { name: 'a\nb' }],
    [['--timeout=1m 30s'], { timeout: 90_000 }],
    [['--since=2026-07-31'], { since: new Date('2026-07-31T00:00Z') }],
    [['--home=https://a.example'], { home: new URL('https://a.example') }],
    [['--mode=safe'], { mode: 'safe' }],
    [['--word=abc', '--word=def'], { word: 'def' }],
    [['--even', '2'], { even: 2 }],
  ])('is read: %j [OP-01]', (argv, values) => {
    expect(parsed(...argv).values).toMatchObject(values);
  });

  it.each([
    [['--debug'], true],
    [['-d'], true],
    [['--debug=true'], true],
    [['--debug=1'], true],
    [['--debug=T'], true],
    [['--debug=yes'], true],
    [['--debug=on'], true],
    [['--debug=false'], false],
    [['--debug=0'], false],
    [['--debug=F'], false],
    [['--debug=no'], false],
    [['--debug', '--no-debug'], false],
    [['--no_debug', '--debug'], true],
    [[], false],
  ])('sets a flag: %j [OP-01]', (argv, debug) => {
    expect(parsed(...argv).values.debug).toBe(debug);
  });

  it('leaves a flag whose default is true, unless it is turned off', () => {
    expect(parsed().values.cache).toBe(true);
    expect(parsed('--no-cache').values.cache).toBe(false);
  });

  it.each([
    [['--ids=1,2'], [1, 2]],
    [['--ids=1:3'], [1, 2, 3]],
    [['--ids=1:2, 7'], [1, 2, 7]],
    [['--ids=-1:1'], [-1, 0, 1]],
    [
      ['--ids', '1', '--ids', '2'],
      [1, 2],
    ],
    [['--ids='], []],
    [[], []],
  ])('reads a list of integers: %j [OP-01]', (argv, ids) => {
    expect(parsed(...argv).values.ids).toEqual(ids);
  });

  it('reads a list of texts, in which a comma has a backslash', () => {
    expect(parsed('--peers=a,b', '--peers', 'c\\,d,1:2').values.peers).toEqual(['a', 'b', 'c,d', '1:2']);
  });

  it.each([
    [
      ['--port=1', 'x', '--debug'],
      ['x', '--debug'],
    ],
    [['--debug', '--', '--port=1'], ['--port=1']],
    [
      ['--', '--', 'x'],
      ['--', 'x'],
    ],
    [
      ['-', '--debug'],
      ['-', '--debug'],
    ],
    [['--debug', 'false'], ['false']],
    [
      ['', 'x'],
      ['', 'x'],
    ],
    [['--debug'], []],
  ])('ends at the first argument that is not an option, and returns the rest: %j [OP-02]', (argv, rest) => {
    expect(parsed(...argv).rest).toEqual(rest);
  });

  it.each([
    [['--prot=1'], 'unknown option --prot: did you mean --port?'],
    [['--max-body=1'], 'unknown option --max-body: did you mean --max-body-size?'],
    [['--qqqqq'], 'unknown option --qqqqq'],
    [['-x'], 'unknown option -x'],
    [['-5'], 'unknown option -5'],
    [['--'.concat('=1')], 'unknown option --'],
    [['--\n\x1b[2J'], 'unknown option --\\n\\u001b[2J'],
    [['--port'], '--port needs a value: --port=VALUE'],
    [['--port', '--'], '--port needs a value: --port=VALUE'],
    [['--name', '--debug'], '--name needs a value; one that begins with - is written as --name=VALUE'],
    [['--name', '-5'], '--name needs a value; one that begins with - is written as --name=VALUE'],
    [['--no-debug=1'], '--no-debug takes no value'],
    [['--port='], '--port: a whole number of 0 to 65535 was expected, not ""'],
    [['--port=x'], '--port: a whole number of 0 to 65535 was expected, not "x"'],
    [['--port=1.5'], '--port: a whole number of 0 to 65535 was expected, not "1.5"'],
    [['--port=0x10'], '--port: a whole number of 0 to 65535 was expected, not "0x10"'],
    [['--port=65536'], '--port: a whole number of 0 to 65535 was expected, not 65536'],
    [['-p', '-1'], '-p: a whole number of 0 to 65535 was expected, not -1'],
    [['--even=9007199254740993'], '--even: a whole number was expected, not "9007199254740993"'],
    [['--offset=1e999'], '--offset: a number was expected, not "1e999"'],
    [['--offset=NaN'], '--offset: a number was expected, not "NaN"'],
    [['--debug=maybe'], '--debug: true or false was expected, not "maybe"'],
    [['--debug='], '--debug: true or false was expected, not ""'],
    [['--timeout=30'], '--timeout: a duration with a unit was expected, not "30"; write 30s or 30ms'],
    [['--timeout=2h'], '--timeout: a duration of 1s to 1h was expected, not 2h'],
    [
      ['--max-body-size=10M'],
      '--max-body-size: a size such as 512KiB, 10MiB or 1.5GB was expected, not "10M"; write 10MiB or 10MB',
    ],
    [['--since=2026-02-30'], '--since: a date that is in the calendar was expected, not "2026-02-30"'],
    [
      ['--home=a.example'],
      '--home: a URL with http: or https: was expected, not "a.example"; write its scheme too',
    ],
    [['--home=ftp://a.example'], '--home: a URL with http: or https: was expected, not "ftp://a.example"'],
    [['--mode=fsat'], '--mode: fast or safe was expected, not "fsat"; did you mean fast?'],
    [['--word=A'], '--word: text that matches /^[a-z]+$/g was expected, not "A"'],
    [['--even=1'], '--even: must be even'],
    [['--ids=1,x'], '--ids: a whole number was expected, not "x"'],
    [['--ids=1,,2'], '--ids: a whole number was expected, not ""'],
    [['--ids=3:1'], '--ids: a range whose end is not before its start was expected, not "3:1"; write 1:3'],
    [['--ids=1:1000000000'], '--ids: a range of at most 5 numbers was expected, not "1:1000000000"'],
    [['--ids=1:3,4:6'], '--ids: a list of at most 5 items was expected'],
  ])('is refused: %j [OP-02]', (argv, message) => {
    expect(refused(...argv)).toEqual([message]);
  });

  it('reports all that is wrong at once', () => {
    expect(refused('--prot=1', '--port=x', '--debug', '--mode=slow')).toEqual([
      'unknown option --prot: did you mean --port?',
      '--port: a whole number of 0 to 65535 was expected, not "x"',
      '--mode: fast or safe was expected, not "slow"',
    ]);
  });

  it('clips the values and the number of problems in the message', () => {
    expect(refused(`--port=${'9'.repeat(100_000)}`)[0]?.length).toBeLessThan(200);
    const many = Array.from({ length: 1_000 }, (_, index) => `--unknown${index}`);
    expect(() => parsed(...many)).toThrow(
      /^app: 1000 problems with the options:[\s\S]*\n {2}980 more problems\nSee app --help$/,
    );
  });

  it('takes linear time to refuse a long number', () => {
    const digits = '1'.repeat(1_000_000);
    for (const text of [`${digits}x`, `${digits}.${digits}x`, `.${digits}e`, `${digits}:${digits}x`])
      expect(
        refused(`--offset=${text}`, `--ids=${text}`, `--timeout=${text}`, `--max-body-size=${text}`),
      ).toHaveLength(4);
  });

  it('has one error for all, with a hint', () => {
    expect(() => parsed('--port=x')).toThrow(
      expect.objectContaining({
        name: 'OptionsError',
        code: 'ERR_OPTIONS_INVALID',
        message: 'app: --port: a whole number of 0 to 65535 was expected, not "x"\nSee app --help',
        problems: [{ option: 'port', where: '--port', message: expect.any(String) }],
      }),
    );
  });
});

describe('an argument after the options', () => {
  it('is refused if the program takes none', () => {
    const strict = defineOptions({ port: { type: 'integer' } }, { rest: false });
    expect(messagesOf(() => strict.parse({ argv: ['port=1'], env: {} }))).toEqual([
      'no argument was expected after the options, not "port=1"; options begin with --',
    ]);
    expect(strict.parse({ argv: ['--'], env: {} }).rest).toEqual([]);
  });
});

describe('parse', () => {
  it.each<[object, string]>([
    [{ argv: '--port=1' }, 'argv: an array of strings was expected'],
    [{ argv: [1] }, 'argv: an array of strings was expected'],
    [{ env: null }, 'env: an object was expected'],
    [{ args: [] }, 'unknown option "args": did you mean "argv"?'],
  ])('refuses the arguments %j', (given, problem) => {
    expect(() => options.parse(given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTIONS_USAGE', message: expect.stringContaining(problem) }),
    );
  });
});
