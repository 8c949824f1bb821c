import { execFileSync } from 'node:child_process';
import { constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IOLoop } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('IOLoop.stats', () => {
  it('counts callbacks, and those that wait', async () => {
    const loop = new IOLoop();
    for (let at = 0; at < 5; at += 1) loop.addCallback(() => {});
    expect(loop.stats().callbacks).toEqual({ run: 0, waiting: 5 });
    await nextTurn();
    expect(loop.stats().callbacks).toEqual({ run: 5, waiting: 0 });
  });

  it('counts timers: fired, pending, and neither when removed', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    loop.callLater(10, () => {});
    loop.callLater(20, () => {});
    loop.removeTimeout(loop.callLater(10, () => {}));
    expect(loop.stats().timers).toEqual({ fired: 0, pending: 2 });
    await clock.advance(10);
    expect(loop.stats().timers).toEqual({ fired: 1, pending: 1 });
  });

  it('tells how late the loop was, in the order of the percentiles, and begins anew when asked', async () => {
    const loop = new IOLoop();
    loop.stats();
    while (loop.stats().lag.count < 3) await nextTurn();
    const blockedUntil = performance.now() + 300;
    while (performance.now() < blockedUntil);
    let { lag } = loop.stats();
    // Whoever starves the machine makes it later still: there is a floor to hold, and no ceiling.
    while (lag.maxMs < 200) {
      await nextTurn();
      ({ lag } = loop.stats());
    }
    expect(lag.p50Ms).toBeLessThanOrEqual(lag.p99Ms);
    expect(lag.p99Ms).toBeLessThanOrEqual(lag.maxMs);
    const before = loop.stats({ resetLag: true }).lag.count;
    expect(loop.stats().lag.count).toBeLessThan(before);
    await loop.close();
  });

  it('tells busy time from idle time', async () => {
    const loop = new IOLoop();
    const before = loop.stats();
    const busyUntil = performance.now() + 50;
    while (performance.now() < busyUntil);
    const between = loop.stats();
    expect(between.busyMs - before.busyMs).toBeGreaterThanOrEqual(49);
    const idleUntil = between.idleMs + 20;
    while (loop.stats().idleMs < idleUntil) await new Promise((resolve) => setTimeout(resolve, 10));
    await loop.close();
  });

  it('counts what the reactor watches, its wake-ups and its events', async () => {
    const loop = new IOLoop();
    if (loop.backend === 'portable') {
      expect(loop.stats().reactor).toBeUndefined();
      return;
    }
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    const fifos = ['one', 'two', 'three'].map((name) => {
      execFileSync('mkfifo', [join(folder, name)]);
      const reader = openSync(join(folder, name), constants.O_RDONLY | constants.O_NONBLOCK);
      return { reader, writer: openSync(join(folder, name), constants.O_WRONLY) };
    });
    const before = loop.stats().reactor;
    let heard = 0;
    for (const { reader, writer } of fifos) {
      writeSync(writer, 'x');
      loop.addHandler(reader, IOLoop.READ, () => {
        heard += 1;
        loop.removeHandler(reader);
      });
    }
    expect(loop.stats().reactor?.descriptors).toBe((before?.descriptors as number) + 3);
    while (heard < 3) await nextTurn();
    const after = loop.stats().reactor;
    expect(after?.descriptors).toBe(before?.descriptors);
    expect((after?.events as number) - (before?.events as number)).toBe(3);
    expect((after?.wakeUps as number) - (before?.wakeUps as number)).toBe(1);
    expect(after?.maxEventsPerWakeUp).toBeGreaterThanOrEqual(3);
    await loop.close({ allFds: true });
    rmSync(folder, { recursive: true });
  });

  it('does not keep the process alive, and measures in a program of its own', () => {
    const program = `
      import { IOLoop } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
      const loop = IOLoop.current();
      loop.stats();
      setTimeout(() => console.log(loop.stats().lag.count > 0), 100);
    `;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(output).toBe('true\n');
  });
});
