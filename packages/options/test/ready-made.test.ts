import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { consoleLogger, type Logger } from '@landspout/ioloop';
import { describe, expect, expectTypeOf, it, onTestFinished, vi } from 'vitest';
import { defineOptions, loggerOf, loggingOptions, serverOptions } from '../src/index.ts';

const options = defineOptions({
  ...serverOptions,
  ...loggingOptions,
  key: { type: 'string', required: true },
});
const parse = (...argv: string[]) => options.parse({ argv: ['--key=x', ...argv], env: {} });

function folderOfTest(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'landspout-ready-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** What is written to standard error meanwhile. */
async function errorsOf(log: () => unknown): Promise<readonly string[]> {
  const lines: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => lines.push(String(chunk)) > 0);
  try {
    await log();
  } finally {
    spy.mockRestore();
  }
  return lines;
}

describe('serverOptions', () => {
  it('have a port, a host and a number of processes', () => {
    const { values } = options.parse({
      argv: ['--key=x', '--processes=0', '--host=::1'],
      env: { PORT: '80', HOST: 'x' },
    });
    expect(values).toMatchObject({ port: 80, host: '::1', processes: 0 });
    expectTypeOf(parse().group('server')).toEqualTypeOf<{
      readonly port: number;
      readonly host: string;
      readonly processes: number;
    }>();
  });
});

describe('loggingOptions', () => {
  it('have the names and defaults of Tornado [LG-02]', () => {
    expect(parse().group('logging')).toEqual({
      ...{ logging: 'info', logToStderr: false, logFilePrefix: undefined, logFileMaxSize: 100_000_000 },
      ...{ logFileNumBackups: 10, logRotateMode: 'size', logRotateWhen: 'midnight', logRotateInterval: 1 },
      logFormat: undefined,
    });
    const { values } = parse(
      ...['--logging=warning', '--log-to-stderr', '--log-file-prefix=/tmp/x', '--log-file-max-size=1MB'],
      ...[
        '--log_file_num_backups=3',
        '--log-rotate-mode=time',
        '--log-rotate-when=W0',
        '--log-rotate-interval=2',
      ],
    );
    expect(values).toMatchObject({
      ...{ logging: 'warning', logToStderr: true, logFilePrefix: '/tmp/x', logFileMaxSize: 1_000_000 },
      ...{ logFileNumBackups: 3, logRotateMode: 'time', logRotateWhen: 'W0', logRotateInterval: 2 },
    });
    expectTypeOf(values.logging).toEqualTypeOf<'debug' | 'info' | 'warning' | 'error' | 'none'>();
  });
});

describe('loggerOf', () => {
  it('logs to standard error from the level on, unless there is a log file [LG-02]', async () => {
    const logger = await loggerOf(parse('--logging=warning', '--log-format=json').values);
    const lines = await errorsOf(() => {
      logger.info({}, 'too low');
      logger.child({ a: 1 }).warn({ b: 2 }, 'x');
    });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 'warn', msg: 'x', a: 1, b: 2 }]);
    expect(logger.file).toBeUndefined();
    await logger.close();
  });

  it('logs to a file, and to standard error too if wanted', async () => {
    const folder = folderOfTest();
    const file = path.join(folder, 'app-{task}.log');
    const both = await errorsOf(async () => {
      await using logger = await loggerOf(parse(`--log-file-prefix=${file}`, '--log-to-stderr').values);
      for (const level of ['debug', 'info', 'error'] as const) logger.child({ a: 1 })[level]({}, level);
    });
    expect(both).toHaveLength(2);
    const one = await errorsOf(async () => {
      await using logger = await loggerOf(parse(`--log-file-prefix=${file}`, '--logging=debug').values);
      logger.debug({}, 'more');
      expect(logger.file?.path).toBe(path.join(folder, 'app-main.log'));
      expect(inspect(logger)).toContain('app-main.log');
    });
    expect(one).toEqual([]);
    const lines = readFileSync(path.join(folder, 'app-main.log'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['info', 'error', 'more']);
  });

  it('passes the options of rotation on', async () => {
    const folder = folderOfTest();
    const argv = [
      `--log-file-prefix=${folder}/app.log`,
      '--log-file-max-size=10B',
      '--log-file-num-backups=1',
    ];
    await using logger = await loggerOf(parse(...argv, '--log-format=text').values);
    for (let count = 0; count < 5; count += 1) logger.info({}, String(count));
    await logger.file?.flush();
    expect(readdirSync(folder).sort()).toEqual(['app.log', 'app.log.1']);
    expect(readFileSync(path.join(folder, 'app.log.1'), 'utf8')).toMatch(/^\[I \S+\] 3\n$/);
  });

  it('leaves logging as it is for `none` [LG-02]', async () => {
    const records: string[] = [];
    const log = (_: object, message: string): void => void records.push(message);
    const own: Logger = { debug: log, info: log, warn: log, error: log };
    const logger = await loggerOf(parse('--logging=none', '--log-file-prefix=/nowhere/x').values, {
      logger: own,
    });
    logger.debug({}, 'debug');
    logger.child({}).info({}, 'info');
    expect(records).toEqual(['debug', 'info']);
    expect(inspect(await loggerOf(parse('--logging=none').values), { depth: 9 })).toBe(
      inspect(await loggerOf(parse('--logging=none').values, { logger: consoleLogger }), { depth: 9 }),
    );
  });

  it('rejects if the file cannot be opened', async () => {
    const { values } = parse('--log-file-prefix=/nowhere/app.log');
    await expect(loggerOf(values)).rejects.toMatchObject({ code: 'ERR_LOG_FILE_OPEN' });
  });
});
