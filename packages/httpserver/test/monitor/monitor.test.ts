import { type Clock, consoleLogger, systemClock } from '@landspout/ioloop';
import { TCPServer, type TCPServerStats } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import type { AccessRecord } from '../../src/monitor/access-record.ts';
import { type HTTPServerStats, sumStats } from '../../src/monitor/http-server-stats.ts';
import { ServerMonitor } from '../../src/monitor/server-monitor.ts';
import { randomOf } from '../fixtures/random.ts';
import { connectionInfo, requestHead } from '../fixtures/requests.ts';

const TCP: TCPServerStats = {
  ...new TCPServer({ handleStream() {} }).stats(),
  opened: 3,
  bytesReceived: 100,
};
const CONNECTION = connectionInfo();
const REASON = Object.assign(new Error('gone'), { code: 'ERR_HTTP_RESET' });

/** A clock that must not be read. */
const NO_CLOCK: Clock = {
  ...systemClock,
  now() {
    throw new Error('the clock was read');
  },
};

function monitorOf(records: AccessRecord[], clock: Clock = systemClock): ServerMonitor {
  return new ServerMonitor({
    clock,
    logger: consoleLogger,
    accessLog: (record) => void records.push(record),
  });
}

describe('ServerMonitor', () => {
  it('counts requests by how they end, and answers by their status', () => {
    const monitor = new ServerMonitor({ clock: NO_CLOCK, logger: consoleLogger });
    const begin = () => monitor.requestBegan(requestHead(), CONNECTION, CONNECTION);
    for (const status of [101, 200, 204, 304, 404, 599]) {
      monitor.requestEnded(begin(), 'completed', status, 5, undefined);
    }
    monitor.requestEnded(begin(), 'refused', 413, 5, REASON);
    monitor.requestEnded(begin(), 'detached', 0, 0, undefined);
    monitor.requestEnded(begin(), 'cut', 0, 0, REASON);
    monitor.requestEnded(begin(), 'cut', 200, 10, REASON);
    monitor.headRefused(CONNECTION, 431, 20, REASON);
    begin();
    begin();
    expect(monitor.stats(TCP)).toEqual({
      ...TCP,
      requests: { begun: 12, underWay: 2, completed: 6, refused: 1, detached: 1, cut: 2 },
      responses: { '1xx': 1, '2xx': 3, '3xx': 1, '4xx': 3, '5xx': 1 },
      refusedHeads: 1,
    });
  });

  it('makes no record and reads no clock without a listener', () => {
    const monitor = new ServerMonitor({ clock: NO_CLOCK, logger: consoleLogger });
    expect(monitor.requestBegan(requestHead(), CONNECTION, CONNECTION)).toBeUndefined();
    monitor.requestEnded(undefined, 'completed', 200, 5, undefined);
    monitor.headRefused(CONNECTION, 400, 0, REASON);
    monitor.connectionBegan(CONNECTION);
    monitor.connectionEnded(CONNECTION, 'peer-ended', undefined);
  });

  it('tells the access log of each request, once, when it has ended', () => {
    const records: AccessRecord[] = [];
    let now = 1000;
    const monitor = monitorOf(records, { ...systemClock, now: () => now });
    const told = connectionInfo({
      remoteAddress: { family: 'IPv6', address: '2001:db8::7', port: 0 },
      protocol: 'https',
    });
    const token = monitor.requestBegan(requestHead('/a?b', { 'User-Agent': 'x' }), told, CONNECTION);
    expect(records).toEqual([]);
    expect([token?.outcome, token?.status, token?.durationMs]).toEqual(['under way', undefined, 0]);
    now = 1012.5;
    monitor.requestEnded(token, 'completed', 200, 1234, undefined);
    now = 2000;
    expect(records).toHaveLength(1);
    const [record] = records as [AccessRecord];
    expect(record).toBe(token);
    expect(record).toMatchObject({
      method: 'GET',
      target: '/a?b',
      version: 'HTTP/1.1',
      outcome: 'completed',
      status: 200,
      bytesSent: 1234,
      durationMs: 12.5,
      remoteIp: '2001:db8::7',
      protocol: 'https',
      aborted: undefined,
      error: undefined,
    });
    expect(record.headers.get('user-agent')).toBe('x');
    expect([record.connection, record.peer]).toEqual([told, CONNECTION]);
  });

  it.each([
    ['cut', 0, undefined, 'ERR_HTTP_RESET', REASON],
    ['cut', 200, 200, 'ERR_HTTP_RESET', REASON],
    ['cut', 0, undefined, 'TypeError', new TypeError('no code')],
    ['refused', 413, 413, undefined, REASON],
    ['completed', 500, 500, undefined, REASON],
    ['detached', 0, undefined, undefined, undefined],
  ] as const)(
    'records %s with status %i as status %s, aborted by %s',
    (outcome, status, expected, aborted, reason) => {
      const records: AccessRecord[] = [];
      const monitor = monitorOf(records);
      const token = monitor.requestBegan(requestHead(), CONNECTION, CONNECTION);
      monitor.requestEnded(token, outcome, status, 0, reason);
      const [record] = records as [AccessRecord];
      expect([record.outcome, record.status, record.aborted, record.error]).toEqual([
        outcome,
        expected,
        aborted,
        reason,
      ]);
    },
  );

  it('records what was refused before it was a head, without one', () => {
    const records: AccessRecord[] = [];
    monitorOf(records).headRefused(CONNECTION, 431, 20, REASON);
    const [record] = records as [AccessRecord];
    expect(record).toMatchObject({
      method: undefined,
      target: undefined,
      version: undefined,
      outcome: 'refused',
      status: 431,
      bytesSent: 20,
      durationMs: 0,
      remoteIp: '203.0.113.7',
      error: REASON,
    });
    expect(record.headers.size).toBe(0);
  });

  it('has 0.0.0.0 for a client on a Unix socket [HS-04]', () => {
    const records: AccessRecord[] = [];
    const monitor = monitorOf(records);
    const unix = connectionInfo({ remoteAddress: { family: 'unix', path: '' } });
    monitor.requestEnded(monitor.requestBegan(requestHead(), unix, unix), 'completed', 200, 0, undefined);
    expect(records[0]?.remoteIp).toBe('0.0.0.0');
  });

  it.each(['stdout', {}, null])('refuses the access log %j', (accessLog) => {
    const make = () =>
      new ServerMonitor({ clock: systemClock, logger: consoleLogger, accessLog: accessLog as never });
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
  });
});

describe('sumStats', () => {
  const random = randomOf(1);

  /** Numbers of the same shape. */
  function someStats(): HTTPServerStats {
    const monitor = new ServerMonitor({ clock: systemClock, logger: consoleLogger });
    const fill = (counts: object): object =>
      Object.fromEntries(
        Object.entries(counts).map(([name, value]) => [
          name,
          typeof value === 'number' ? random(1_000_000) : fill(value),
        ]),
      );
    return fill(monitor.stats(TCP)) as HTTPServerStats;
  }

  it('is nothing for no server, and what it was for one, as JSON has it', () => {
    const one = someStats();
    expect(sumStats([JSON.parse(JSON.stringify(one))])).toEqual(one);
    expect(new Set(JSON.stringify(sumStats([])).match(/\d+(?!xx)/g))).toEqual(new Set(['0']));
    expect(sumStats([sumStats([]), one])).toEqual(one);
  });

  it('adds every number, in any order, and changes nothing that it was given', () => {
    const all = [someStats(), someStats(), someStats()];
    const before = structuredClone(all);
    const sum = sumStats(all);
    expect(all).toEqual(before);
    expect(sumStats([...all].reverse())).toEqual(sum);
    expect(sumStats([sumStats(all.slice(0, 2)), all[2] as HTTPServerStats])).toEqual(sum);
    const total = (pick: (stats: HTTPServerStats) => number) => all.map(pick).reduce((a, b) => a + b, 0);
    expect(sum.opened).toBe(total((stats) => stats.opened));
    expect(sum.closed['peer-reset']).toBe(total((stats) => stats.closed['peer-reset']));
    expect(sum.requests.underWay).toBe(total((stats) => stats.requests.underWay));
    expect(sum.responses['5xx']).toBe(total((stats) => stats.responses['5xx']));
    expect(sum.refusedHeads).toBe(total((stats) => stats.refusedHeads));
  });

  it('adds the failures of handshakes by reason, with every reason that a server has had', () => {
    const one = { ...someStats(), handshakeFailures: { ECONNRESET: 2, ERR_SSL_HTTP_REQUEST: 1 } };
    const other = { ...someStats(), handshakeFailures: { ECONNRESET: 3, CERT_HAS_EXPIRED: 1 } };
    expect(sumStats([one, other]).handshakeFailures).toEqual({
      ECONNRESET: 5,
      ERR_SSL_HTTP_REQUEST: 1,
      CERT_HAS_EXPIRED: 1,
    });
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`ERR_${index}`, 1]));
    const sum = sumStats([one, { ...other, handshakeFailures: many }]).handshakeFailures;
    expect(Object.keys(sum)).toHaveLength(33);
    expect(sum.other).toBe(10);
  });

  it('gives a result of its own each time', () => {
    const first = sumStats([]) as { requests: { begun: number } };
    first.requests.begun = 7;
    expect(sumStats([]).requests.begun).toBe(0);
  });

  it('counts what is missing, or is no number, as nothing, and lets nothing unknown in', () => {
    const one = someStats();
    const older = {
      opened: 1,
      requests: { begun: 2 },
      responses: 3,
      closed: null,
      open: Number.NaN,
      more: 5,
    };
    const sum = sumStats([one, older as unknown as HTTPServerStats]);
    expect(sum).toEqual({
      ...one,
      opened: one.opened + 1,
      requests: { ...one.requests, begun: one.requests.begun + 2 },
    });
  });
});
