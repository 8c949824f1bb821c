import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { consoleLogger, systemClock } from '@landspout/ioloop';
import { afterEach, describe, expect, it } from 'vitest';
import { ServerMonitor } from '../../src/monitor/server-monitor.ts';
import { connectionInfo, requestHead } from '../fixtures/requests.ts';

const PREFIX = 'landspout.http.server';
const CONNECTION = connectionInfo();
const REASON = new Error('gone');

const subscriptions: (() => void)[] = [];
afterEach(() => {
  for (const end of subscriptions.splice(0)) end();
});

function listen(name: string, hear: (message: never) => void): void {
  const listener = (message: unknown): void => hear(message as never);
  subscribe(`${PREFIX}.${name}`, listener);
  subscriptions.push(() => unsubscribe(`${PREFIX}.${name}`, listener));
}

/** What is published on the channels of these names, in order. */
function heard(...names: string[]): [string, Record<string, unknown>][] {
  const messages: [string, Record<string, unknown>][] = [];
  for (const name of names) listen(name, (message) => void messages.push([name, message]));
  return messages;
}

const newMonitor = () => new ServerMonitor({ clock: systemClock, logger: consoleLogger });
const begin = (monitor: ServerMonitor) => monitor.requestBegan(requestHead('/x'), CONNECTION, CONNECTION);

describe('the diagnostics channels', () => {
  it('tell of a connection that begins and ends', () => {
    const messages = heard('connection.start', 'connection.end');
    const monitor = newMonitor();
    monitor.connectionBegan(CONNECTION);
    monitor.connectionEnded(CONNECTION, 'peer-reset', REASON);
    expect(messages).toEqual([
      ['connection.start', { connection: CONNECTION }],
      ['connection.end', { connection: CONNECTION, how: 'peer-reset', error: REASON }],
    ]);
    expect(messages[0]?.[1].connection).toBe(CONNECTION);
  });

  it('tell of a request by one record, from its begin to its end', () => {
    const messages = heard('request.start', 'request.error', 'request.end');
    const monitor = newMonitor();
    const token = begin(monitor);
    expect(messages).toEqual([['request.start', { record: token, runWithin: expect.any(Function) }]]);
    expect(token?.outcome).toBe('under way');
    monitor.requestEnded(token, 'completed', 200, 5, undefined);
    expect(messages.map(([name]) => name)).toEqual(['request.start', 'request.end']);
    expect(messages[1]?.[1].record).toBe(token);
    expect([token?.target, token?.status, token?.bytesSent]).toEqual(['/x', 200, 5]);
  });

  it('tell of an error before the end', () => {
    const messages = heard('request.error', 'request.end');
    const monitor = newMonitor();
    monitor.requestEnded(begin(monitor), 'cut', 0, 0, REASON);
    monitor.headRefused(CONNECTION, 400, 10, REASON);
    expect(messages.map(([name]) => name)).toEqual([
      'request.error',
      'request.end',
      'request.error',
      'request.end',
    ]);
    expect(messages[0]?.[1].record).toBe(messages[1]?.[1].record);
    expect(messages[2]?.[1].record).toMatchObject({ method: undefined, status: 400, error: REASON });
  });

  it.each(['request.start', 'request.error', 'request.end'])(
    'need no other subscriber than that of %s',
    (name) => {
      const messages = heard(name);
      const monitor = newMonitor();
      monitor.requestEnded(begin(monitor), 'cut', 0, 0, REASON);
      expect(messages).toHaveLength(1);
    },
  );

  it('tell nothing of a request that began before anybody listened', () => {
    const monitor = newMonitor();
    const token = begin(monitor);
    const messages = heard('request.end');
    monitor.requestEnded(token, 'completed', 200, 0, undefined);
    expect(token).toBeUndefined();
    expect(messages).toEqual([]);
  });

  it('keep what a subscriber throws away from the server: Node throws it on the next tick', async () => {
    const uncaught: unknown[] = [];
    const failure = new Error('a subscriber failed');
    listen('request.end', () => {
      throw failure;
    });
    const others = heard('request.end');
    const monitor = newMonitor();
    process.setUncaughtExceptionCaptureCallback((error) => void uncaught.push(error));
    try {
      monitor.requestEnded(begin(monitor), 'completed', 200, 0, undefined);
      expect(uncaught).toEqual([]);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
    expect(uncaught).toEqual([failure]);
    expect(others).toHaveLength(1);
    expect(monitor.stats({} as never).requests.completed).toBe(1);
  });
});
