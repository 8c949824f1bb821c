import { execFileSync } from 'node:child_process';
import { constants, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ExecutorTask, ThreadPoolExecutor } from '../../src/executors/index.ts';
import { IOLoop } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('IOLoop.start and stop', () => {
  it('waits until it is stopped, and can be started again [LOOP-02]', async () => {
    const loop = new IOLoop();
    for (let round = 0; round < 2; round += 1) {
      let ended = false;
      const started = loop.start().then(() => {
        ended = true;
      });
      await nextTurn();
      expect(ended).toBe(false);
      loop.stop();
      await started;
    }
  });

  it('runs the callbacks that were added before the stop [LOOP-02]', async () => {
    const loop = new IOLoop();
    const ran: string[] = [];
    const started = loop.start();
    loop.addCallback(() => ran.push('before the stop'));
    loop.addCallback(() => loop.stop());
    loop.addCallback(() => ran.push('behind the stop, same turn'));
    await started;
    expect(ran).toEqual(['before the stop', 'behind the stop, same turn']);
  });

  it('refuses a second start, and a stop of what does not run', async () => {
    const loop = new IOLoop();
    expect(() => loop.stop()).toThrow(expect.objectContaining({ code: 'ERR_LOOP_NOT_RUNNING' }));
    const started = loop.start();
    await expect(loop.start()).rejects.toMatchObject({ name: 'LoopUsageError', code: 'ERR_LOOP_RUNNING' });
    loop.stop();
    expect(() => loop.stop()).toThrow(expect.objectContaining({ code: 'ERR_LOOP_NOT_RUNNING' }));
    await started;
  });

  it('can be started again in the turn of its stop', async () => {
    const loop = new IOLoop();
    const first = loop.start();
    loop.stop();
    let ended = false;
    const second = loop.start().then(() => {
      ended = true;
    });
    await first;
    await nextTurn();
    expect(ended).toBe(false);
    await expect(loop.start()).rejects.toMatchObject({ code: 'ERR_LOOP_RUNNING' });
    loop.stop();
    await second;
  });

  it('cuts a run short with an error of its own, and tells it by the signal [LOOP-03]', async () => {
    const loop = new IOLoop();
    let signal: AbortSignal | undefined;
    const outcome = loop
      .run((given) => {
        signal = given;
        return new Promise(() => {});
      })
      .catch((error: unknown) => error);
    loop.stop();
    expect(await outcome).toMatchObject({ name: 'LoopStoppedError', code: 'ERR_LOOP_STOPPED' });
    expect(signal?.reason).toMatchObject({ code: 'ERR_LOOP_STOPPED' });
  });
});

describe('IOLoop.close', () => {
  it('refuses while the loop runs [LOOP-02]', async () => {
    const loop = new IOLoop();
    const started = loop.start();
    await expect(loop.close()).rejects.toMatchObject({ code: 'ERR_LOOP_RUNNING' });
    loop.stop();
    await started;
    await loop.close();
  });

  it('drops the callbacks and timers that wait, also in the turn under way [LOOP-02] [LOOP-04]', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    const ran: string[] = [];
    loop.callLater(10, () => ran.push('timer'));
    loop.addCallback(() => loop.close());
    loop.addCallback(() => ran.push('callback'));
    loop.addFuture(Promise.resolve(), () => ran.push('future'));
    await nextTurn();
    await nextTurn();
    await clock.advance(20);
    expect(ran).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('refuses every use after it, and is harmless when repeated', async () => {
    const loop = new IOLoop();
    await loop.close();
    await loop.close();
    const closed = { name: 'LoopClosedError', code: 'ERR_LOOP_CLOSED' };
    const calls = [
      () => loop.addCallback(() => {}),
      () => loop.callLater(1, () => {}),
      () => loop.callAt(1, () => {}),
      () => loop.addFuture(Promise.resolve(), () => {}),
      () => loop.stop(),
      () => loop.stats(),
    ];
    for (const call of calls) expect(call).toThrow(expect.objectContaining(closed));
    await expect(loop.start()).rejects.toMatchObject(closed);
    await expect(loop.run(() => 1)).rejects.toMatchObject(closed);
  });

  it('ends its watch and its executor [LOOP-09]', async () => {
    const loop = new IOLoop();
    const executor = new ThreadPoolExecutor({ maxWorkers: 1 });
    loop.setDefaultExecutor(executor);
    const task: ExecutorTask<(text: string) => string> = { module: 'node:path', export: 'basename' };
    expect(await loop.runInExecutor(task, ['/a/b'])).toBe('b');
    const watch = loop.watch({ immediate: false, enabled: true });
    expect(watch.isWatching).toBe(true);
    await loop.close();
    expect(watch.isWatching).toBe(false);
    await expect(executor.run(task, ['/a/b'])).rejects.toMatchObject({ code: 'ERR_EXECUTOR_CLOSED' });
    expect(() => loop.watch()).toThrow(expect.objectContaining({ code: 'ERR_LOOP_CLOSED' }));
    expect(() => loop.setDefaultExecutor(executor)).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_CLOSED' }),
    );
    await expect(loop.runInExecutor(task, ['/a/b'])).rejects.toMatchObject({ code: 'ERR_LOOP_CLOSED' });
  });

  it('lets the thread make a new loop', async () => {
    const first = IOLoop.current();
    await first.close();
    const second = IOLoop.current();
    expect(second).not.toBe(first);
    expect(second.backend).toBe(first.backend);
    await second.run(() => nextTurn());
  });

  it('works with await using', async () => {
    let kept: IOLoop;
    {
      await using loop = new IOLoop();
      kept = loop;
      await loop.run(() => nextTurn());
    }
    expect(() => kept.addCallback(() => {})).toThrow(expect.objectContaining({ code: 'ERR_LOOP_CLOSED' }));
  });

  it('removes its handlers, and closes what they watched when asked to [LOOP-02]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    for (const allFds of [false, true]) {
      const loop = new IOLoop();
      const fd = openSync(join(folder, 'fifo'), constants.O_RDONLY | constants.O_NONBLOCK);
      if (loop.backend === 'portable') {
        expect(() => loop.addHandler(fd, IOLoop.READ, () => {})).toThrow(
          expect.objectContaining({ code: 'ERR_LOOP_NOT_SUPPORTED' }),
        );
        continue;
      }
      const watched = loop.stats().reactor?.descriptors as number;
      loop.addHandler(fd, IOLoop.READ, () => {});
      expect(loop.stats().reactor?.descriptors).toBe(watched + 1);
      await loop.close({ allFds });
      expect(new IOLoop().stats().reactor?.descriptors).toBe(watched);
      if (allFds) expect(() => fstatSync(fd)).toThrow(expect.objectContaining({ code: 'EBADF' }));
      else expect(fstatSync(fd).isFIFO()).toBe(true);
    }
    rmSync(folder, { recursive: true });
  });
});
