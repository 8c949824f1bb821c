import { describe, expect, it } from 'vitest';
import {
  jsonLine,
  LOG_TEXT,
  type LogRecord,
  type Paint,
  paintColors,
  paintNothing,
  textLine,
} from './log-line.ts';

const TIME = Date.UTC(2026, 10, 29, 17, 40, 5, 123);
const ISO = '2026-11-29T17:40:05.123Z';

const recordOf = (details: object, message = 'refused', more: Partial<LogRecord> = {}): LogRecord => ({
  level: 'info',
  time: TIME,
  message,
  details,
  bindings: {},
  ...more,
});
const textOf = (...args: Parameters<typeof recordOf>) => textLine(recordOf(...args), paintNothing);
const jsonOf = (...args: Parameters<typeof recordOf>) => JSON.parse(jsonLine(recordOf(...args)));
const WARN = { level: 'warn' } as const;

/** What begins a line, moves the cursor, reorders text or ends a quotation somewhere. */
const HOSTILE = [
  '\r\n[E now] forged',
  '\n{"level":"error","msg":"forged"}',
  '\x1b[2J\x1b]0;title\x07',
  '\x9b31m',
  '\x85forged',
  '\u2028forged\u2029',
  '\u202etxt.exe\u2066',
  '\u200b\ufeff',
  '\0\b\f\v\x7f',
  '\ud800',
  '\u{e0001}',
  '" level="error',
];

describe('textLine', () => {
  it('writes level and time, the message, the details and the error [LG-01]', () => {
    const error = new Error('bad');
    expect(textOf({ error, requestId: 'a-1', count: 2, peer: { port: 80 } })).toBe(
      `[I ${ISO}] refused requestId=a-1 count=2 peer={"port":80}: bad\n`,
    );
    expect(textOf({}, 'x', { level: 'warn', bindings: { job: 'a b' } })).toBe(`[W ${ISO}] x job="a b"\n`);
    expect(textOf({ error: 'text' }, 'x', { level: 'debug' })).toBe(`[D ${ISO}] x: text\n`);
  });

  it('writes the stack of an error at level error, indented [LG-01]', () => {
    const lines = textOf({ error: new Error('a bug') }, 'failed', { level: 'error' }).split('\n');
    expect(lines.slice(0, 2)).toEqual([`[E ${ISO}] failed`, '    Error: a bug']);
    expect(lines[2]).toMatch(/^ {8}at /);
  });

  it('writes the causes of an error, but not forever', () => {
    const error = new Error('outer', { cause: new Error('inner', { cause: 'a text' }) });
    const text = textOf({ error }, 'failed', { level: 'error' });
    expect(text.match(/^ {4}\S.*$/gm)).toEqual([
      '    Error: outer',
      '    caused by Error: inner',
      '    caused by a text',
    ]);
    const endless = new Error('again');
    endless.cause = endless;
    expect(textOf({ error: endless }, 'failed', { level: 'error' }).match(/again/g)).toHaveLength(6);
  });

  it('writes details after the first line of a message', () => {
    expect(textOf({ a: 1 }, 'first\n    second')).toBe(`[I ${ISO}] first a=1\n        second\n`);
  });

  it('leaves out what has no text, and never throws', () => {
    const circle: Record<string, unknown> = { n: 1n };
    circle.circle = circle;
    const details = {
      a: undefined,
      b: () => {},
      c: Symbol('c'),
      d: null,
      e: 2n,
      f: circle,
      g: new Error('g'),
    };
    expect(textOf(details, 'x')).toBe(`[I ${ISO}] x d=null e=2 f="(cannot be written as JSON)" g="g"\n`);
    expect(textOf({ error: Object.create(null) }, 'x')).toBe(`[I ${ISO}] x: a value that cannot be shown\n`);
  });

  it('clips long values', () => {
    const text = textOf({ a: 'b'.repeat(1000), c: ['d'.repeat(1000)], [`e${'f'.repeat(1000)}`]: 1 });
    expect(text.length).toBeLessThan(900);
  });

  it.each(HOSTILE)('is one record that controls no terminal, whatever contains %j [ATT-40]', (hostile) => {
    const error = Object.assign(new Error(hostile), { stack: `Error: ${hostile}` });
    const details = { error, [`n${hostile}`]: 1, text: hostile, list: [hostile], other: new Error(hostile) };
    for (const level of ['info', 'error'] as const) {
      const text = textOf(details, hostile, { level, bindings: { bound: hostile } });
      expect(text).toMatch(/\n$/);
      const [first, ...others] = text.slice(0, -1).split('\n');
      expect(first).toMatch(/^\[[IE] 2026/);
      for (const line of others) expect(line).toMatch(/^ {4}/);
      expect(text).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
    }
  });

  it('keeps letters of every script', () => {
    expect(textOf({ name: 'Łódź' }, 'Привет 世界 🙂')).toBe(`[I ${ISO}] Привет 世界 🙂 name="Łódź"\n`);
  });

  it('colours the level and dims the details, and nothing else', () => {
    const text = textLine(recordOf({ a: 1 }, 'x', { level: 'error' }), paintColors);
    expect(text).toBe(`\x1b[31m[E ${ISO}]\x1b[0m x\x1b[2m a=1\x1b[0m\n`);
  });

  it('lets details define their text', () => {
    const details = { [LOG_TEXT]: (paint: Paint) => paint('green', '200') };
    expect(textLine(recordOf(details), paintNothing)).toBe(`[I ${ISO}] 200\n`);
    expect(textLine(recordOf(details), paintColors)).toContain(' \x1b[32m200\x1b[0m\n');
  });
});

describe('jsonLine', () => {
  it('starts with time, level and msg, and goes on with the details', () => {
    expect(jsonLine(recordOf({ status: 200, gone: undefined }, 'x', { bindings: { job: 7 } }))).toBe(
      `{"time":"${ISO}","level":"info","msg":"x","job":7,"status":200}\n`,
    );
  });

  it('never lets details replace its own members', () => {
    expect(jsonOf({ time: 1, level: 'error', msg: 'forged', __proto__: null })).toEqual({
      time: ISO,
      level: 'info',
      msg: 'refused',
      time_: 1,
      level_: 'error',
      msg_: 'forged',
    });
    const own = JSON.parse('{"__proto__":{"level":"error"}}');
    expect(jsonLine(recordOf(own))).toContain(
      '"level":"info","msg":"refused","__proto__":{"level":"error"}}',
    );
  });

  it('writes errors with code, stack and causes', () => {
    const cause = Object.assign(new Error('disk full'), { code: 'ENOSPC' });
    const details = { error: new TypeError('cannot save', { cause }) };
    const { error } = jsonOf(details, 'x', WARN);
    expect(error).toMatchObject({
      name: 'TypeError',
      message: 'cannot save',
      stack: expect.stringMatching(/^TypeError: cannot save\n {4}at /),
      cause: { code: 'ENOSPC', message: 'disk full' },
    });
    expect(jsonOf(details, 'x').error).toEqual({
      name: 'TypeError',
      message: 'cannot save',
      cause: { name: 'Error', code: 'ENOSPC', message: 'disk full' },
    });
    const several = new AggregateError([new Error('one'), 'two'], 'both failed');
    expect(jsonOf({ error: several }).error.errors).toEqual([
      expect.objectContaining({ message: 'one' }),
      'two',
    ]);
    const endless = new Error('again');
    endless.cause = endless;
    expect(jsonLine(recordOf({ error: endless }, 'x', WARN)).length).toBeLessThan(20_000);
  });

  it('never throws, and keeps what can be written', () => {
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    const broken = { toJSON: () => { throw new Error('no'); } }; // biome-ignore format: one line
    expect(
      jsonOf({ big: 1n, circle, broken, fine: [1, undefined], when: new Date(0), nan: Number.NaN }),
    ).toEqual({
      time: ISO,
      level: 'info',
      msg: 'refused',
      big: '1',
      circle: '(cannot be written as JSON)',
      broken: '(cannot be written as JSON)',
      fine: [1, null],
      when: '1970-01-01T00:00:00.000Z',
      nan: null,
    });
  });

  it.each(HOSTILE)('is one line for every viewer, and contains %j unchanged [ATT-40]', (hostile) => {
    const details = { text: hostile, [hostile]: 1, error: new Error(hostile) };
    const line = jsonLine(recordOf(details, hostile));
    expect(line.slice(0, -1)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(line.at(-1)).toBe('\n');
    expect(JSON.parse(line)).toMatchObject({
      level: 'info',
      msg: hostile,
      text: hostile,
      [hostile]: 1,
      error: { message: hostile },
    });
  });
});
