import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { createConsoleLogger } from '@landspout/ioloop';
import { afterAll, describe, expect, it } from 'vitest';
import { defineOptions, type OptionsError } from '../src/index.ts';
import { messagesOf } from './fixtures/problems.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'landspout-secrets-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'hunter2hunter2';
const file = path.join(folder, 'password');
writeFileSync(file, `${SECRET}\n`);

const options = defineOptions(
  {
    password: {
      type: 'string',
      secret: true,
      env: 'PASSWORD',
      default: `${SECRET}!`,
      pattern: /^[a-z0-9!]+$/,
      validate(value) {
        if (value.includes('bad')) throw new Error(`${value} is in a list of bad passwords`);
        return value.length < 3 ? `${value} is too short` : undefined;
      },
    },
    pins: { type: 'integer', secret: true, multiple: true },
    database: { type: 'url', default: `postgres://user:${SECRET}@localhost/db` },
  },
  { program: 'app' },
);

describe('a secret option', () => {
  it.each([
    [['--password-file', file], {}, '--password-file'],
    [['--password_file', file], {}, '--password_file'],
    [[], { PASSWORD_FILE: file }, 'PASSWORD_FILE'],
    [[], { PASSWORD: SECRET }, 'PASSWORD'],
    [[`--password=${SECRET}`], { PASSWORD: 'other' }, '--password'],
  ])('may come from a file, or from elsewhere: $2', (argv, env, where) => {
    const parsed = options.parse({ argv, env });
    expect(parsed.values.password).toBe(SECRET);
    expect(parsed.explain()[0]).toMatchObject({ value: '(masked)', where });
  });

  it('may be in a file that a JSON file names', () => {
    const config = path.join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ passwordFile: file, pins: [12_345] }));
    const argv = ['--config', config];
    expect(options.parse({ argv, env: {} }).values).toMatchObject({ password: SECRET, pins: [12_345] });
  });

  it('keeps line breaks inside the file, and loses only the last', () => {
    const lines = path.join(folder, 'lines');
    writeFileSync(lines, 'a\nb\n\n');
    const key = defineOptions({ key: { type: 'string', secret: true } });
    expect(key.parse({ argv: ['--key-file', lines], env: {} }).values.key).toBe('a\nb\n');
  });

  it('must not be given in both ways in one place', () => {
    const argv = ['--password=abc', `--password-file=${file}`];
    expect(messagesOf(() => options.parse({ argv, env: {} }))).toEqual([
      '--password and --password-file are both given; leave out one of them',
    ]);
  });

  it.each([
    [
      ['--password=HUNTER2!'],
      '--password: text that matches /^[a-z0-9!]+$/ was expected; the value is not shown',
    ],
    [['--password=bad1'], '--password: (masked) is in a list of bad passwords'],
    [['--password=h2'], '--password: (masked) is too short'],
    [['--pins=1,HUNTER2'], '--pins: a whole number was expected; the value is not shown'],
    [
      ['--pins=9:1'],
      '--pins: a range whose end is not before its start was expected; the value is not shown',
    ],
    [['--pasword=HUNTER2'], 'unknown option --pasword: did you mean --password?'],
    [
      ['--password-file=/none'],
      '--password-file: the file cannot be read: open /none: no such file (ENOENT)',
    ],
    [['--password-file=/dev/zero'], '--password-file: the file has more than 65536 bytes'],
  ])('is not in the error of %j', (argv, message) => {
    expect(messagesOf(() => options.parse({ argv, env: {} }))).toEqual([message]);
  });

  it('is not the cause of an error', () => {
    try {
      options.parse({ argv: ['--password=bad1'], env: {} });
      expect.unreachable();
    } catch (error) {
      expect((error as OptionsError).cause).toBeUndefined();
      expect(inspect(error, { depth: 9 })).not.toContain('bad1');
    }
  });

  it('of a JSON file is not in an error', () => {
    const config = path.join(folder, 'wrong.json');
    writeFileSync(config, JSON.stringify({ password: 1234567, pins: '77777' }));
    const messages = messagesOf(() => options.parse({ argv: ['--config', config, '--pins=x'], env: {} }));
    expect(messages.join()).not.toMatch(/1234567|77777/);
  });

  it('is masked wherever it is shown', () => {
    const parsed = options.parse({ argv: ['--pins=12345'], env: {} });
    const lines: string[] = [];
    for (const format of ['text', 'json'] as const)
      createConsoleLogger({ format, write: (line) => lines.push(line) }).info(
        { options: parsed.values },
        'x',
      );
    const shown = [
      ...[
        inspect(parsed.values),
        inspect(parsed, { depth: 9 }),
        inspect(options),
        JSON.stringify(parsed.values),
      ],
      ...[JSON.stringify({ options: parsed.values }), parsed.explainText(), options.help(), ...lines],
      inspect(parsed.group('none')),
    ];
    for (const text of shown) expect(text).not.toMatch(/hunter2|12345/);
    expect(JSON.parse(JSON.stringify(parsed.values))).toEqual({
      ...{ password: '(masked)', pins: '(masked)', database: 'postgres://(masked)@localhost/db' },
    });
    expect(parsed.values.password).toBe(`${SECRET}!`);
    expect({ ...parsed.values }.database.password).toBe(SECRET);
  });
});

describe('the credentials of a URL', () => {
  it('are not in an error', () => {
    const home = defineOptions({ home: { type: 'url', protocols: ['https:'] } });
    for (const url of [`http://user:${SECRET}@a.example`, `https://user:${SECRET}@a b`]) {
      const [message] = messagesOf(() => home.parse({ argv: [`--home=${url}`], env: {} }));
      expect(message).not.toContain(SECRET);
    }
  });
});
