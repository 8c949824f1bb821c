import { describe, expect, it } from 'vitest';
import { ask, converse, requestText, statusOf } from '../fixtures/raw-client.ts';
import { type LoggingOptions, LoggingProgram } from './fixtures/logging-program.ts';

/** What begins a line or controls a terminal: as bytes of a header, and percent-encoded in a target or a form. */
const HOSTILE_FIELD = 'X-Request-Id: a\x1b[2J\x9b31m';
const HOSTILE_QUERY = 'x%0D%0A%5BE%20now%5D%20forged%1B%5B2J%C2%9B31m%E2%80%A8%7B%22level%22%3A1%7D';
const HOSTILE_VALUE = 'x\r\n[E now] forged\x1b[2J\x9b31m\u2028{"level":1}';

/** Runs a program, sends it the requests of all tests, and returns the lines of its log. */
async function logOf(options: LoggingOptions): Promise<readonly string[]> {
  await using program = new LoggingProgram(options);
  const port = await program.port();
  await ask(port, '/?user=ann', 'GET', 'X-Request-Id: hello-1', 'User-Agent: a\x9b2Jb');
  await ask(port, `/broken?file=${HOSTILE_QUERY}`, 'GET', HOSTILE_FIELD.replace('\x1b', ''));
  const form = `field=${HOSTILE_QUERY}`;
  const fields = [
    'X-Request-Id: post-1',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
    'Connection: close',
  ];
  await converse(port, requestText('/broken', 'POST', ...fields) + form);
  await ask(port, '/nowhere', 'GET', 'X-Request-Id: nowhere-1');
  await ask(port, '/end', 'GET', 'X-Request-Id: end-1');
  const { output, errors } = await program.end();
  if (options.logger === 'pino') {
    expect(errors).toEqual([]);
    return output.slice(1);
  }
  if (options.terminal !== true) expect(output).toHaveLength(1);
  return options.terminal === true ? output.slice(1) : errors;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Our own colours, and nothing else that begins with an ESC. */
const COLOR = new RegExp(`${'\x1b'}\\[\\d+m`, 'g');
const withoutColors = (line: string): string => line.replace(COLOR, '');

/** Each line is a JSON object with the request's id; in order of the requests. */
function expectJson(lines: readonly string[], levels: Readonly<Record<string, unknown>>): void {
  const records = lines.map((line) => JSON.parse(line));
  for (const record of records) expect(Object.keys(record)).toContain('requestId');
  const { info, warn, error } = levels;
  const access = (status: number, more: object) => ({
    status,
    msg: expect.stringMatching(/^\d+ [A-Z]+ \//),
    ...more,
  });
  expect(records).toMatchObject([
    { level: info, msg: 'greeting', user: 'ann', requestId: 'hello-1' },
    access(200, {
      level: info,
      method: 'GET',
      target: '/?user=ann',
      durationMs: expect.any(Number),
      bytes: 5,
      remote: '127.0.0.1',
      requestId: 'hello-1',
    }),
    {
      level: error,
      msg: expect.stringMatching(/^uncaught exception: GET \/broken/),
      error: {
        message: expect.stringContaining(`cannot read ${HOSTILE_VALUE}`),
        stack: expect.stringMatching(/\n {4}at /),
      },
      requestId: expect.stringMatching(UUID),
    },
    access(500, {
      level: error,
      target: `/broken?file=${HOSTILE_QUERY}`,
      error: { stack: expect.any(String) },
    }),
    {
      level: warn,
      status: 400,
      requestId: 'post-1',
      msg: expect.stringContaining('no such field: x\\x0d\\x0a[E now]'),
    },
    access(400, { level: warn, method: 'POST', target: '/broken', requestId: 'post-1' }),
    access(404, { level: warn, target: '/nowhere', requestId: 'nowhere-1' }),
    access(200, { level: info, target: '/end', bytes: 3, requestId: 'end-1' }),
  ]);
  expect(records[3].requestId).toBe(records[2].requestId);
}

/** Bytes that begin a line or control a terminal, where a request must not have them, and where it may. */
const HOSTILE_REQUESTS = [
  requestText('/\x1b[2J'),
  requestText('/\x9b2J\x85'),
  requestText('/', 'GET\x1b[2J'),
  requestText('/', 'GET', 'X-\x1b[2J: 1'),
  requestText('/', 'GET', 'X-\x9b2J: 1'),
  requestText('/', 'GET', 'X-A: a\n[E now] forged'),
  requestText('/', 'GET', 'X-A: \x1b[2J'),
  requestText('/everything?%0d%0a%1b%9b%e2%80%a8', 'GET', 'User-Agent: a\x9b2J\x85b', 'Connection: close'),
];

describe('the log of hostile requests', () => {
  it.each<LoggingOptions>([{}, { terminal: true }])(
    'has one record for each record [ATT-40]: %j',
    async (options) => {
      await using program = new LoggingProgram({ ...options, env: { NO_COLOR: '1' } });
      const port = await program.port();
      for (const request of HOSTILE_REQUESTS)
        expect(statusOf(await converse(port, request))).toBeGreaterThanOrEqual(400);
      await ask(port, '/end');
      const { output, errors } = await program.end();
      const lines = options.terminal === true ? output.slice(1) : errors;
      for (const line of lines) {
        expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        if (options.terminal === true) expect(line).toMatch(/^(?:\[[IWE] \d{4}-\S+Z\] | {4})/);
        else expect(JSON.parse(line)).toMatchObject({ time: expect.any(String), level: expect.any(String) });
      }
      expect(lines.filter((line) => line.includes('refused a request')).length).toBeGreaterThan(0);
      expect(lines.filter((line) => /forged/.test(line) && !/refused/.test(line))).toEqual([]);
      expect(lines.some((line) => /from a\\(?:x|u00)9b2J/.test(line))).toBe(true);
    },
  );
});

describe('the log of an application, which the logger of the program writes', () => {
  it('is JSON lines on standard error if that is a pipe [LG-01] [ATT-40]', async () => {
    const lines = await logOf({ env: { FORCE_COLOR: '1' } });
    for (const line of lines) expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expectJson(lines, { info: 'info', warn: 'warn', error: 'error' });
    for (const line of lines) expect(JSON.parse(line).time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
  });

  it('is coloured text in columns on a terminal [LG-01] [ATT-40]', async () => {
    const lines = await logOf({ terminal: true, env: { FORCE_COLOR: '1' } });
    const plain = lines.map(withoutColors);
    for (const line of plain) expect(line).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(lines.some((line, at) => line !== plain[at])).toBe(true);
    const own = plain.filter((line) => !line.startsWith('    '));
    expect(own.map((line) => line.replace(/ \d{4}-[^\]]*/, '').replace(/ *[\d.]+ms +/, ' # '))).toEqual([
      '[I] greeting requestId=hello-1 user=ann',
      '[I] 200 GET # 5B 127.0.0.1       /?user=ann hello-1',
      expect.stringMatching(
        /^\[E\] uncaught exception: GET \/broken\?file=\S+ \(127\.0\.0\.1\) requestId=[0-9a-f-]{36}$/,
      ),
      expect.stringMatching(/^\[E\] 500 GET # \d+B 127\.0\.0\.1 {7}\/broken\?file=\S+ [0-9a-f-]{36}$/),
      expect.stringMatching(
        /^\[W\] 400 Bad Request: no such field: x\\x0d\\x0a\[E now\] forged\\x1b.*requestId=post-1/,
      ),
      expect.stringMatching(/^\[W\] 400 POST # \d+B 127\.0\.0\.1 {7}\/broken post-1$/),
      expect.stringMatching(/^\[W\] 404 GET # \d+B 127\.0\.0\.1 {7}\/nowhere nowhere-1$/),
      '[I] 200 GET # 3B 127.0.0.1       /end end-1',
    ]);
    // The error, its stack, and the hostile text in its message are indented.
    expect(plain).toContain('    Error: cannot read x\\x0d');
    expect(plain.some((line) => line.startsWith('    [E now] forged\\x1b[2J\\x9b31m\\u2028'))).toBe(true);
  });

  it.each([
    [{ NO_COLOR: '1' }, false],
    [{ FORCE_COLOR: '0' }, false],
    [{ TERM: 'dumb', FORCE_COLOR: '1' }, true],
  ])('has colours on a terminal as the environment says: %j', async (env, isColoured) => {
    const lines = await logOf({ terminal: true, env });
    expect(lines.join('').includes('\x1b')).toBe(isColoured);
    expect(lines.map(withoutColors)[0]).toMatch(/^\[I \S+\] greeting/);
  });

  it('is what LANDSPOUT_LOG_FORMAT says', async () => {
    const text = await logOf({ env: { LANDSPOUT_LOG_FORMAT: 'text' } });
    expect(text[0]).toMatch(/^\[I \S+\] greeting requestId=hello-1 user=ann$/);
    const json = await logOf({ terminal: true, env: { LANDSPOUT_LOG_FORMAT: 'json' } });
    expectJson(json, { info: 'info', warn: 'warn', error: 'error' });
  });

  it('is what pino writes, if that is the logger [LG-01] [ATT-40]', async () => {
    const lines = await logOf({ logger: 'pino' });
    expectJson(lines, { info: 30, warn: 40, error: 50 });
  });
});
