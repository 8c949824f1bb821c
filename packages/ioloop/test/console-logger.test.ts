import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ConsoleLoggerOptions, consoleLogger, createConsoleLogger, IOLoop } from '../src/index.ts';

/** The lines that a logger with these options writes. */
function written(options: ConsoleLoggerOptions, log: (logger: typeof consoleLogger) => void): string[] {
  const lines: string[] = [];
  log(createConsoleLogger({ write: (line) => lines.push(line), ...options }));
  return lines;
}

describe('createConsoleLogger', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('writes to standard error, as JSON if that is no terminal', () => {
    vi.stubEnv('LANDSPOUT_LOG_FORMAT', 'json');
    const lines: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => lines.push(String(chunk)) > 0);
    createConsoleLogger().warn({ a: 1 }, 'x');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { time: expect.stringMatching(/^\d{4}-.*Z$/), level: 'warn', msg: 'x', a: 1 },
    ]);
  });

  it('takes its format from LANDSPOUT_LOG_FORMAT at the first record, unless an option sets it', () => {
    const lines = written({}, (logger) => {
      vi.stubEnv('LANDSPOUT_LOG_FORMAT', 'text');
      logger.info({}, 'x');
      vi.stubEnv('LANDSPOUT_LOG_FORMAT', 'json');
      logger.info({}, 'y');
    });
    expect(lines).toEqual([expect.stringMatching(/^\[I .*\] x\n$/), expect.stringMatching(/^\[I .*\] y\n$/)]);
    expect(written({ format: 'text' }, (logger) => logger.info({}, 'z'))[0]).toMatch(/^\[I .*\] z\n$/);
  });

  it('ignores an unknown LANDSPOUT_LOG_FORMAT, and says so once', () => {
    vi.stubEnv('LANDSPOUT_LOG_FORMAT', 'xml');
    const lines = written({}, (logger) => {
      logger.info({}, 'x');
      logger.info({}, 'y');
    });
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('LANDSPOUT_LOG_FORMAT is ignored: it must be text or json, got');
  });

  it.each([
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '0' }, false],
    [{ NO_COLOR: '1' }, false],
    [{ TERM: 'dumb' }, false],
  ])('colours text as the environment says: %j', (environment, isColoured) => {
    for (const name of ['FORCE_COLOR', 'NO_COLOR']) vi.stubEnv(name, undefined);
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const [line] = written({ format: 'text' }, (logger) => logger.info({}, 'x'));
    expect(line?.startsWith('\x1b[32m[I ')).toBe(isColoured);
  });

  const refuse = (): never => {
    throw new Error('a trap');
  };
  const unreadable = Object.defineProperties(new Error('x'), {
    stack: { get: refuse },
    message: { get: refuse },
  });

  it.each([
    ['an object without a text', Object.create(null)],
    ['a text that throws', { toString: refuse }],
    ['an error with getters that throw', unreadable],
    ['an error whose stack is no text', Object.assign(new Error('x'), { stack: Symbol('stack') })],
    ['a proxy', new Proxy({}, { get: refuse, getPrototypeOf: refuse, ownKeys: refuse })],
  ])('never throws, and writes one record of whatever was thrown: %s [LG-01]', (_what, error) => {
    for (const format of ['text', 'json'] as const) {
      const lines = written({ format }, (logger) => {
        for (const level of ['info', 'warn', 'error'] as const) logger[level]({ error }, 'failed');
      });
      expect(lines).toHaveLength(3);
      expect(lines.every((line) => /^[^\n]*failed[^\n]*\n(?: {4}[^\n]*\n)*$/.test(line))).toBe(true);
    }
  });

  it('ignores records below its level, also those of its children', () => {
    const log = (logger: typeof consoleLogger): void => {
      for (const one of [logger, logger.child({ a: 1 })]) {
        one.debug({}, 'debug');
        one.info({}, 'info');
        one.warn({}, 'warn');
        one.error({}, 'error');
      }
    };
    const levels = (options: ConsoleLoggerOptions) =>
      written({ format: 'json', ...options }, log).map((line) => JSON.parse(line).level);
    expect(levels({})).toEqual(['info', 'warn', 'error', 'info', 'warn', 'error']);
    expect(levels({ level: 'debug' })).toHaveLength(8);
    expect(levels({ level: 'error' })).toEqual(['error', 'error']);
  });

  it('adds the details of a child to each of its records; its own details win', () => {
    const [line] = written({ format: 'json' }, (logger) =>
      logger.child({ a: 1, b: 1 }).child({ b: 2, c: 2 }).info({ c: 3 }, 'x'),
    );
    expect(JSON.parse(line ?? '')).toMatchObject({ a: 1, b: 2, c: 3 });
  });

  it('writes a message or an error that is passed alone', () => {
    const lines = written({ format: 'json' }, (logger) => {
      const plain = logger as unknown as { info(...args: unknown[]): void };
      plain.info('a message');
      plain.info(new TypeError('an error'));
      plain.info(null, 'x');
      plain.info({ a: 1 });
    });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: 'a message' },
      { msg: 'an error', error: { name: 'TypeError' } },
      { msg: expect.stringContaining('x') },
      { msg: '', a: 1 },
    ]);
  });

  it('writes a record even if a getter of its details throws', () => {
    const details = {
      get secret(): string {
        throw new Error('no');
      },
    };
    for (const format of ['json', 'text'] as const) {
      expect(written({ format }, (logger) => logger.error(details, 'failed'))[0]).toContain('failed');
    }
  });

  it.each<[object, string]>([
    [{ format: 'xml' }, "format: 'text' or 'json' was expected"],
    [{ colors: 1 }, 'colors: true or false was expected'],
    [{ level: 'trace' }, "level: 'debug' or 'info' or 'warn' or 'error' was expected"],
    [{ write: process.stderr }, 'write: a function was expected'],
    [{ colours: true }, 'did you mean "colors"?'],
  ])('refuses the options %j', (options, problem) => {
    expect(() => createConsoleLogger(options)).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE', message: expect.stringContaining(problem) }),
    );
  });
});

describe('consoleLogger', () => {
  it('is the logger of a loop', () => {
    expect(IOLoop.current().logger).toBe(consoleLogger);
  });
});
