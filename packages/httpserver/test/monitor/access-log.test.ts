import type { RequestOutcome } from '@landspout/http1/server';
import { consoleLogger, createConsoleLogger, Future, type Logger, systemClock } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import type { LoggedRequest } from '../../src/monitor/access-details.ts';
import { type AccessLogHook, formatAccessRecord, logAccess } from '../../src/monitor/access-log.ts';
import { type AccessRecord, RequestRecord } from '../../src/monitor/access-record.ts';
import { ServerMonitor } from '../../src/monitor/server-monitor.ts';
import { randomOf } from '../fixtures/random.ts';
import { connectionInfo, requestHead } from '../fixtures/requests.ts';

const CONNECTION = connectionInfo();
/** 10 October 2000, 13:55:36.999 UTC. */
const WALL_TIME = Date.UTC(2000, 9, 10, 13, 55, 36, 999);

function recordOf(
  head: RequestRecord['head'],
  status = 200,
  bytesSent = 2326,
  outcome: RequestOutcome = 'completed',
): AccessRecord {
  const record = new RequestRecord(head, CONNECTION, CONNECTION, 0);
  record.end(outcome, status, bytesSent, undefined, 1);
  return record;
}

describe('logAccess', () => {
  /** What is written, and at which level. */
  function logged(record: AccessRecord): string[] {
    const lines: string[] = [];
    const at = (level: string) => (details: object, message: string) =>
      void lines.push(`${level} ${JSON.stringify(details)} ${message}`);
    logAccess(record, { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
    return lines;
  }

  it.each([
    [200, 'info'],
    [304, 'info'],
    [404, 'warn'],
    [499, 'info'],
    [500, 'error'],
  ])('writes one record for a status of %i, at the level %s [LG-01]', (status, level) => {
    expect(logged(recordOf(requestHead('/path?a=%0a'), status))).toEqual([
      `${level} {"method":"GET","target":"/path?a=%0a","status":${status},"durationMs":1,"bytes":2326,` +
        `"remote":"203.0.113.7"} ${status} GET /path?a=%0a (203.0.113.7) 1.00ms`,
    ]);
  });

  it('writes - for what is not there', () => {
    expect(logged(recordOf(undefined, 0, 0, 'cut'))).toEqual([
      'info {"durationMs":1,"bytes":0,"remote":"203.0.113.7"} - - - (203.0.113.7) 1.00ms',
    ]);
  });

  it('escapes whatever could begin a line [ATT-40]', () => {
    const [line] = logged(recordOf(requestHead('/a\r\n[E now] forged\u2028')));
    expect(line).toContain('GET /a\\x0d\\x0a[E now] forged\\u2028 (');
  });

  it('clips a long target in message and details', () => {
    const [line = ''] = logged(recordOf(requestHead(`/${'a'.repeat(60_000)}`)));
    expect(line).toContain(`"target":"/${'a'.repeat(2047)}…"`);
    expect(line.length).toBeLessThan(2600);
  });

  it('has the error of a request that failed, and no error that a client can cause at will', () => {
    const error = new Error('broken');
    const detailsOf = (status: number, outcome: RequestOutcome): unknown => {
      const record = new RequestRecord(requestHead(), CONNECTION, CONNECTION, 0);
      record.end(outcome, status, 0, error, 1);
      const all: object[] = [];
      const log = (details: object) => void all.push(details);
      logAccess(record, { debug: log, info: log, warn: log, error: log });
      return all[0];
    };
    expect(detailsOf(500, 'completed')).toMatchObject({ error });
    expect(detailsOf(400, 'refused')).toMatchObject({ error: undefined });
    expect(detailsOf(505, 'refused')).toMatchObject({ error: undefined });
    expect(detailsOf(200, 'cut')).toMatchObject({ error: undefined, aborted: 'Error' });
  });
});

describe('logAccess to a logger that writes text', () => {
  /** The lines of requests, without the time. */
  function lines(colors: boolean, ...requests: readonly LoggedRequest[]): string[] {
    const all: string[] = [];
    const logger = createConsoleLogger({ format: 'text', colors, write: (line) => all.push(line) });
    for (const request of requests) logAccess(request, logger);
    return all.map((line) => line.replace(/ \d{4}-[^\]]*/, ''));
  }

  const REQUEST: LoggedRequest = {
    method: 'GET',
    target: '/path?query',
    status: 200,
    durationMs: 1.2344,
    bytesSent: 512,
    remoteIp: '127.0.0.1',
  };

  it('writes one line of columns [LG-01]', () => {
    expect(
      lines(
        false,
        REQUEST,
        {
          ...REQUEST,
          method: 'OPTIONS',
          status: 404,
          durationMs: 12_345.6,
          bytesSent: 1_572_864,
          requestId: 'a-1',
        },
        {
          ...REQUEST,
          status: undefined,
          method: undefined,
          target: undefined,
          bytesSent: undefined,
          aborted: 'ERR',
        },
        { ...REQUEST, status: 503, bytesSent: 1023, remoteIp: '2001:db8::1' },
      ),
    ).toEqual([
      '[I] 200 GET         1.23ms      512B 127.0.0.1       /path?query\n',
      '[W] 404 OPTIONS 12345.60ms    1.5MiB 127.0.0.1       /path?query a-1\n',
      '[I]   - -           1.23ms         - 127.0.0.1       - ERR\n',
      '[E] 503 GET         1.23ms     1023B 2001:db8::1     /path?query\n',
    ]);
  });

  it('colours the status by its class', () => {
    const colors = [200, 304, 404, 500, undefined].map((status) => {
      const [line = ''] = lines(true, { ...REQUEST, status });
      // The text of the status is between the second colour and its end.
      return line.split('\x1b[')[3]?.replace(/m.*/, '');
    });
    expect(colors).toEqual(['32', '36', '33', '31', '2']);
  });

  it('writes one line of visible ASCII, whatever the peer has sent [ATT-40]', () => {
    for (const hostile of [
      '\r\n[E] forged',
      '\x1b[2J',
      '\x9b31m',
      '\x85',
      '\u2028\u202e',
      '\0\x7f',
      '\ud800',
    ]) {
      const [line = ''] = lines(false, {
        ...REQUEST,
        method: hostile,
        target: hostile,
        remoteIp: hostile,
        requestId: hostile,
        aborted: hostile,
      });
      expect(line).toMatch(/^\[I\] [\x20-\x7e]+\n$/);
    }
  });
});

describe('formatAccessRecord', () => {
  it('writes the combined log format, in UTC', () => {
    const head = requestHead('/apache_pb.gif?a=b', {
      Referer: 'http://www.example.com/start.html',
      'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)',
    });
    expect(formatAccessRecord(recordOf(head), WALL_TIME)).toBe(
      '203.0.113.7 - - [10/Oct/2000:13:55:36 +0000] "GET /apache_pb.gif?a=b HTTP/1.1" 200 2326 ' +
        '"http://www.example.com/start.html" "Mozilla/5.0 (X11; Linux x86_64)"',
    );
    expect(formatAccessRecord(recordOf(head), Date.UTC(2026, 0, 2, 3, 4, 5))).toContain(
      '[02/Jan/2026:03:04:05 +0000]',
    );
  });

  it('writes - for what is not there', () => {
    expect(formatAccessRecord(recordOf(requestHead('/'), 0, 0, 'cut'), WALL_TIME)).toMatch(
      /"GET \/ HTTP\/1\.1" - 0 "-" "-"$/,
    );
    expect(formatAccessRecord(recordOf(undefined, 400, 17, 'refused'), WALL_TIME)).toMatch(
      / "-" 400 17 "-" "-"$/,
    );
  });

  it.each([
    ['a\\x22b', 'a"b'],
    ['a\\x5cb', 'a\\b'],
    ['a\\x5cx22b', 'a\\x22b'],
    ['a\\x0ab\\x0d\\x0a', 'a\nb\r\n'],
    ['\\x1b[31mred\\x07\\x7f', '\x1b[31mred\x07\x7f'],
    ['\\x9b31m\\x85\\xe9', '\x9b31m\x85\xe9'],
    ['\\x00\\x09', '\0\t'],
    ['\\u2028\\u202e\\ud83d\\ude00', '\u2028\u202e\ud83d\ude00'],
    ['\\x22 200 5 \\x22-\\x22 \\x22-\\x22\\x0a1.2.3.4', '" 200 5 "-" "-"\n1.2.3.4'],
  ])('writes %s for what cannot stand in a target as it came [ATT-40]', (written, text) => {
    const line = formatAccessRecord(recordOf(requestHead(`/${text}`)), WALL_TIME);
    expect(line).toContain(`"GET /${written} HTTP/1.1" 200`);
  });

  it('clips values that are very long, and says so in a way that no value can [ATT-40]', () => {
    const long = requestHead(`/${'a'.repeat(60_000)}`, {
      Referer: '\x80'.repeat(60_000),
      'User-Agent': `${'b'.repeat(512)}`,
    });
    const line = formatAccessRecord(recordOf(long), WALL_TIME);
    expect(line).toContain(`"GET /${'a'.repeat(2047)}\\... HTTP/1.1"`);
    expect(line).toContain(` "${'\\x80'.repeat(512)}\\..." "${'b'.repeat(512)}"`);
    expect(formatAccessRecord(recordOf(requestHead('/\\...')), WALL_TIME)).toContain('"GET /\\x5c... HTTP');
  });

  it('is one line of visible ASCII from which every value can be read again, whatever was sent [ATT-40]', () => {
    const LINE =
      /^203\.0\.113\.7 - - \[10\/Oct\/2000:13:55:36 \+0000\] "GET ([^"]*) HTTP\/1\.1" 200 2326 "([^"]*)" "([^"]*)"$/;
    const unescaped = (text: string | undefined) =>
      text?.replace(/\\x(..)|\\u(....)/g, (_all, two, four) =>
        String.fromCharCode(Number.parseInt(two ?? four, 16)),
      );
    const sharp = ['"', '\\', '\n', '\r', '\x1b', ' ', '\\x22', '...', ' HTTP/1.1" 200 '];
    for (let seed = 0; seed < 3000; seed += 1) {
      const random = randomOf(seed);
      const someText = (top: number) => {
        let text = '';
        for (let count = random(20); count > 0; count -= 1) {
          text += random(2) === 0 ? sharp[random(sharp.length)] : String.fromCharCode(random(top));
        }
        return text;
      };
      // What reaches us through http1 is latin1 without controls in fields; a line must hold for any text all the same.
      const values = [someText(256), someText(256), someText(random(2) === 0 ? 256 : 65_536)];
      const [target, referer, userAgent] = values as [string, string, string];
      const head = requestHead(target);
      const get = (name: string) => (name === 'Referer' ? referer : userAgent);
      const record = recordOf({ ...head, headers: { get } as unknown as typeof head.headers });
      const line = formatAccessRecord(record, WALL_TIME);
      expect(line, `seed ${seed}`).toMatch(/^[\x20-\x7e]*$/);
      expect(LINE.exec(line)?.slice(1).map(unescaped), `seed ${seed}`).toEqual(values);
    }
  });
});

describe('the access log', () => {
  /** Ends requests with `hook` listening, and gives what was logged. */
  function served(hook: AccessLogHook) {
    const logged: unknown[] = [];
    const logger: Logger = {
      ...consoleLogger,
      error: (details, message) => void logged.push([(details as { error: unknown }).error, message]),
    };
    const monitor = new ServerMonitor({ clock: systemClock, logger, accessLog: hook });
    const serve = () => {
      const token = monitor.requestBegan(requestHead(), CONNECTION, CONNECTION);
      monitor.requestEnded(token, 'completed', 200, 0, undefined);
    };
    return { logged, serve };
  }

  it('hurts no request when it throws, and is logged once until it has worked again', () => {
    const failure = new Error('disk full');
    let fails = true;
    const { logged, serve } = served(() => {
      if (fails) throw failure;
    });
    serve();
    serve();
    expect(logged).toEqual([
      [failure, 'the access log callback failed; further failures are not logged until it succeeds'],
    ]);
    fails = false;
    serve();
    fails = true;
    serve();
    expect(logged).toHaveLength(2);
  });

  it.each<[string, (outcome: () => void) => unknown]>([
    ['a promise', async (outcome) => outcome()],
    ['a Future', (outcome) => futureOf(outcome)],
  ])(
    'hurts no process when %s rejects, and is logged once until it has worked again',
    async (_what, later) => {
      const failure = new Error('no route to the log');
      let fails = true;
      const { logged, serve } = served(() =>
        later(() => {
          if (fails) throw failure;
        }),
      );
      const settled = () => new Promise((resolve) => setImmediate(resolve));
      serve();
      serve();
      await settled();
      expect(logged).toEqual([
        [failure, 'the access log callback failed; further failures are not logged until it succeeds'],
      ]);
      fails = false;
      serve();
      await settled();
      fails = true;
      serve();
      await settled();
      expect(logged).toHaveLength(2);
    },
  );
});

function futureOf(outcome: () => void): Future<void> {
  const future = new Future<void>();
  try {
    future.setResult(outcome());
  } catch (error) {
    future.setException(error);
  }
  return future;
}
