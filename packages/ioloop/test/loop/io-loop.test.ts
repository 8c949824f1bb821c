import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IOLoop, type Logger } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

interface LoggedError {
  readonly details: { readonly error?: unknown };
  readonly message: string;
}

/** Keeps what a loop logs, so that a test can look at it. */
function recordingLogger(): { logger: Logger; records: LoggedError[] } {
  const records: LoggedError[] = [];
  const record = (details: object, message: string) => void records.push({ details, message });
  return { logger: { debug: record, info: record, warn: record, error: record }, records };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('IOLoop', () => {
  it('is one for each thread, made on demand [LOOP-01]', () => {
    expect(IOLoop.current()).toBe(IOLoop.current());
  });

  it('says which backend runs, and why', () => {
    const loop = IOLoop.current();
    const asked = process.env.LANDSPOUT_BACKEND;
    expect(loop.backend).toBe(asked === 'portable' ? 'portable' : 'native');
    expect(loop.backendReason).toMatch(asked === 'portable' ? /LANDSPOUT_BACKEND/ : /epoll/);
  });

  it('runs callbacks on the next turn, in order, with their arguments [LOOP-04]', async () => {
    const loop = new IOLoop();
    const ran: string[] = [];
    loop.addCallback((word: string) => ran.push(word), 'first');
    loop.addCallback(() => ran.push('second'));
    expect(ran).toEqual([]);
    await nextTurn();
    expect(ran).toEqual(['first', 'second']);
  });

  it('logs an error of a callback and goes on [LOOP-08]', async () => {
    const { logger, records } = recordingLogger();
    const loop = new IOLoop({ logger });
    const failure = new Error('a bug');
    const rejection = new Error('another bug');
    let ran = false;
    loop.addCallback(() => {
      throw failure;
    });
    loop.addCallback(async () => {
      throw rejection;
    });
    loop.addCallback(() => {
      ran = true;
    });
    await nextTurn();
    await nextTurn();
    expect(ran).toBe(true);
    expect(records.map(({ details }) => details.error)).toEqual([failure, rejection]);
  });

  it('calls later on its clock, and not after removeTimeout [LOOP-05]', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    const ran: string[] = [];
    loop.callLater(20, (word: string) => ran.push(word), 'twenty');
    loop.callLater(10, () => ran.push('ten'));
    const removed = loop.callLater(15, () => ran.push('removed'));
    loop.removeTimeout(removed);
    await clock.advance(10);
    expect(ran).toEqual(['ten']);
    expect(loop.time()).toBe(10);
    await clock.advance(10);
    expect(ran).toEqual(['ten', 'twenty']);
    loop.removeTimeout(removed);
    expect(clock.pending).toBe(0);
  });

  it.each([-1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])('refuses a delay of %d', (delay) => {
    expect(() => IOLoop.current().callLater(delay, () => {})).toThrow(
      expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' }),
    );
  });

  it('calls at a time of its clock, and at once where that has passed [LOOP-05]', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    const ran: string[] = [];
    await clock.advance(100);
    loop.callAt(150, (word: string) => ran.push(word), 'later');
    loop.callAt(50, () => ran.push('passed'));
    await clock.advance(0);
    expect(ran).toEqual(['passed']);
    await clock.advance(50);
    expect(ran).toEqual(['passed', 'later']);
    expect(() => loop.callAt(Number.NaN, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
    );
  });

  it('calls on a later turn when a promise has settled, either way [LOOP-07]', async () => {
    const { logger, records } = recordingLogger();
    const loop = new IOLoop({ logger });
    const settled = Promise.resolve('value');
    const rejected = Promise.reject(new Error('handled by the callback'));
    const seen: unknown[] = [];
    loop.addFuture(settled, (promise) => seen.push(promise));
    loop.addFuture(rejected, (promise) => seen.push(promise));
    await settled;
    expect(seen).toEqual([]);
    while (seen.length < 2) await nextTurn();
    expect(seen).toEqual([settled, rejected]);
    expect(records).toEqual([]);
    const failure = new Error('a bug');
    loop.addFuture(settled, () => {
      throw failure;
    });
    while (records.length === 0) await nextTurn();
    expect(records[0]?.details.error).toBe(failure);
  });

  it('runs callbacks and timers in the async context of the caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const loop = new IOLoop();
    const seen: (string | undefined)[] = [];
    storage.run('a request', () => {
      loop.addCallback(() => seen.push(storage.getStore()));
      loop.callLater(0, () => seen.push(storage.getStore()));
    });
    while (seen.length < 2) await nextTurn();
    expect(seen).toEqual(['a request', 'a request']);
  });

  it('runs a function and gives its value or its error [LOOP-03]', async () => {
    const loop = new IOLoop();
    expect(await loop.run(() => 'plain')).toBe('plain');
    expect(await loop.run(async () => 'awaited')).toBe('awaited');
    const failure = new Error('from inside');
    await expect(
      loop.run(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
  });

  it('refuses to run what is no function, or with a timeout that is none', async () => {
    const loop = new IOLoop();
    for (const timeoutMs of [Number.NaN, -1, 2 ** 31]) {
      await expect(loop.run(() => 'ran', { timeoutMs })).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
    }
    await expect(loop.run('main' as never)).rejects.toMatchObject({ code: 'ERR_LOOP_USAGE' });
  });

  it('ends a run at its timeout, and aborts what it was given [LOOP-03]', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    let signal: AbortSignal | undefined;
    const running = loop.run(
      (given) => {
        signal = given;
        return new Promise(() => {});
      },
      { timeoutMs: 100 },
    );
    const outcome = running.catch((error: unknown) => error);
    await clock.advance(100);
    expect(await outcome).toMatchObject({ name: 'LoopTimeoutError', code: 'ERR_LOOP_TIMEOUT' });
    expect(signal?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

/** A FIFO whose two ends are descriptors of this process. */
function openFifo(): { reader: number; writer: number; close(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  return {
    reader,
    writer,
    close() {
      for (const fd of [reader, writer]) {
        try {
          closeSync(fd);
        } catch {
          // The test has closed this end itself.
        }
      }
      rmSync(folder, { recursive: true });
    },
  };
}

const isPortable = IOLoop.current().backend === 'portable';

/** On the portable backend, that readiness refuses is the behaviour, and it is tested in the same place. */
function readiness(behaviour: string, test: () => Promise<void>): void {
  it(behaviour, async () => {
    if (!isPortable) return test();
    for (const call of [
      () => IOLoop.current().addHandler(0, IOLoop.READ, () => {}),
      () => IOLoop.current().updateHandler(0, IOLoop.READ),
      () => IOLoop.current().removeHandler(0),
    ]) {
      expect(call).toThrow(
        expect.objectContaining({
          code: 'ERR_LOOP_NOT_SUPPORTED',
          message: expect.stringMatching(/portable/),
        }),
      );
    }
  });
}

describe('IOLoop.addHandler', () => {
  readiness('calls the handler while the descriptor is ready, until it is removed [LOOP-06]', async () => {
    const fifo = openFifo();
    const loop = new IOLoop();
    let calls = 0;
    writeSync(fifo.writer, 'x');
    await new Promise<void>((resolve) => {
      loop.addHandler(fifo.reader, IOLoop.READ, (fd, events) => {
        expect(fd).toBe(fifo.reader);
        expect(events & IOLoop.READ).toBe(IOLoop.READ);
        calls += 1;
        if (calls < 3) return;
        loop.removeHandler(fd);
        resolve();
      });
    });
    await nextTurn();
    await nextTurn();
    expect(calls).toBe(3);
    loop.removeHandler(fifo.reader);
    fifo.close();
  });

  readiness('refuses a second handler, an unknown descriptor and unknown events [LOOP-06]', async () => {
    const fifo = openFifo();
    const loop = new IOLoop();
    loop.addHandler(fifo.reader, IOLoop.READ, () => {});
    expect(() => loop.addHandler(fifo.reader, IOLoop.READ, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_ALREADY_REGISTERED' }),
    );
    loop.removeHandler(fifo.reader);
    expect(() => loop.updateHandler(fifo.reader, IOLoop.WRITE)).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_NOT_REGISTERED' }),
    );
    expect(() => loop.addHandler(99_999, IOLoop.READ, () => {})).toThrow(
      expect.objectContaining({ code: 'EBADF' }),
    );
    expect(() => loop.addHandler(fifo.reader, 0, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_LOOP_USAGE' }),
    );
    fifo.close();
  });

  readiness('changes what a handler hears of', async () => {
    const fifo = openFifo();
    const loop = new IOLoop();
    const heard = await new Promise<number>((resolve) => {
      loop.addHandler(fifo.writer, IOLoop.READ, (_, events) => resolve(events));
      loop.updateHandler(fifo.writer, IOLoop.WRITE);
    });
    expect(heard).toBe(IOLoop.WRITE);
    loop.removeHandler(fifo.writer);
    fifo.close();
  });

  readiness(
    'is not disturbed when the caller closes a watched number, or when the number is used again',
    async () => {
      const fifo = openFifo();
      const loop = new IOLoop();
      let calls = 0;
      loop.addHandler(fifo.reader, IOLoop.READ, () => {
        calls += 1;
      });
      closeSync(fifo.reader);
      const other = openFifo();
      writeSync(other.writer, 'x');
      await nextTurn();
      await nextTurn();
      expect(calls).toBe(0);
      loop.removeHandler(fifo.reader);
      other.close();
      fifo.close();
    },
  );

  readiness('runs a handler in the async context of its registration', async () => {
    const fifo = openFifo();
    const loop = new IOLoop();
    const storage = new AsyncLocalStorage<string>();
    const seen = await new Promise<string | undefined>((resolve) => {
      storage.run('registered here', () => {
        loop.addHandler(fifo.writer, IOLoop.WRITE, (fd) => {
          loop.removeHandler(fd);
          resolve(storage.getStore());
        });
      });
    });
    expect(seen).toBe('registered here');
    fifo.close();
  });

  readiness('logs an error of a handler and goes on', async () => {
    const fifo = openFifo();
    const { logger, records } = recordingLogger();
    const loop = new IOLoop({ logger });
    const failure = new Error('a bug');
    await new Promise<void>((resolve) => {
      loop.addHandler(fifo.writer, IOLoop.WRITE, (fd) => {
        if (records.length === 0) throw failure;
        loop.removeHandler(fd);
        resolve();
      });
    });
    expect(records[0]?.details.error).toBe(failure);
    fifo.close();
  });
});
