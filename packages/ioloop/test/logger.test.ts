import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it, vi } from 'vitest';
import type { Logger } from '../src/index.ts';
import { RateLimitedLog } from '../src/reactor/index.ts';
import { VirtualClock } from '../src/testing/index.ts';

describe('RateLimitedLog', () => {
  /** A log whose minute passes when the test says so, and what it has written. */
  function limited(everyMs?: number) {
    const records: unknown[][] = [];
    const record = (level: string) => (details: object, message: string) =>
      void records.push([level, message, details]);
    const logger: Logger = {
      debug: record('debug'),
      info: record('info'),
      warn: record('warn'),
      error: record('error'),
    };
    const clock = new VirtualClock();
    return { clock, records, log: new RateLimitedLog({ logger, clock }, everyMs) };
  }

  it('writes the first record at once, and those of the next minute as one, the last, with their number', async () => {
    const { log, clock, records } = limited();
    for (let at = 0; at < 5; at += 1) log.warn('bad', { at }, 'refused');
    expect(records).toEqual([['warn', 'refused', { at: 0, count: 1 }]]);
    await clock.advance(59_999);
    expect(records).toHaveLength(1);
    await clock.advance(1);
    expect(records.slice(1)).toEqual([['warn', 'refused (4 times within 60 s)', { at: 4, count: 4 }]]);
    expect(clock.pending).toBe(0);
  });

  it('begins another minute with a record that stands for several', async () => {
    const { log, clock, records } = limited();
    log.info('bad', {}, 'refused');
    log.info('bad', {}, 'refused');
    await clock.advance(60_000);
    log.info('bad', {}, 'refused');
    await clock.advance(59_999);
    expect(records.map(([, message]) => message)).toEqual(['refused', 'refused']);
    await clock.advance(1);
    expect(records).toHaveLength(3);
    await clock.advance(60_000);
    log.info('bad', {}, 'refused');
    expect(records).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it('counts each kind for itself, so that a flood of one does not hide another', async () => {
    const { log, clock, records } = limited();
    for (let at = 0; at < 1_000; at += 1) log.info('loud', {}, 'loud');
    log.warn('quiet', {}, 'quiet');
    log.warn('quiet', {}, 'quiet');
    expect(records.map(([, message]) => message)).toEqual(['loud', 'quiet']);
    await clock.advance(60_000);
    expect(records.slice(2)).toEqual([
      ['info', 'loud (999 times within 60 s)', { count: 999 }],
      ['warn', 'quiet', { count: 1 }],
    ]);
  });

  it('writes what it has counted when it is flushed, and nothing twice', async () => {
    const { log, clock, records } = limited();
    for (let at = 0; at < 3; at += 1) log.warn('bad', {}, 'refused');
    log.flush();
    log.flush();
    expect(records.map(([, , details]) => details)).toEqual([{ count: 1 }, { count: 2 }]);
    expect(clock.pending).toBe(0);
    await clock.advance(120_000);
    expect(records).toHaveLength(2);
  });

  it('writes each record with a time of 0', () => {
    const { log, clock, records } = limited(0);
    for (let at = 0; at < 3; at += 1) log.warn('bad', { at }, 'refused');
    expect(records.map(([, , details]) => details)).toEqual([0, 1, 2].map((at) => ({ at, count: 1 })));
    expect(clock.pending).toBe(0);
  });

  it('neither keeps the process alive nor the context of who set it off', async () => {
    const context = new AsyncLocalStorage<string>();
    const unref = vi.fn();
    const seen: unknown[] = [];
    const clock = {
      now: () => 0,
      wallTime: () => 0,
      setTimeout(callback: () => void) {
        const timer = setImmediate(callback);
        return { cancel: () => clearImmediate(timer), unref };
      },
    };
    const note = () => void seen.push(context.getStore());
    const logger: Logger = { debug: note, info: note, warn: note, error: note };
    const log = new RateLimitedLog({ logger, clock });
    context.run('a request', () => {
      log.warn('bad', {}, 'refused');
      log.warn('bad', {}, 'refused');
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(['a request', undefined]);
    expect(unref).toHaveBeenCalledOnce();
  });
});
