import { AsyncLocalStorage } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IOLoop, type Logger } from '../../src/index.ts';
import { nativeIt } from '../fixtures/native-case.ts';

const MOST_EVENTS = 256;

describe('a batch of ready descriptors', () => {
  let folder: string;
  let open: number[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    open = [];
  });
  afterEach(() => {
    for (const fd of open) closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  /** Descriptors that are writable at once, and stay so. */
  function writable(count: number): number[] {
    const flags = constants.O_RDWR | constants.O_NONBLOCK;
    const added = Array.from({ length: count }, () => openSync(join(folder, 'fifo'), flags));
    open.push(...added);
    return added;
  }

  /** Watches each descriptor until it was ready once, and resolves behind the last handler. */
  function eachOnce(loop: IOLoop, fds: readonly number[], handler: (fd: number) => void): Promise<void> {
    let left = fds.length;
    return new Promise((resolve) => {
      for (const fd of fds) {
        loop.addHandler(fd, IOLoop.WRITE, () => {
          loop.removeHandler(fd);
          left -= 1;
          if (left === 0) setImmediate(resolve);
          handler(fd);
        });
      }
    });
  }

  const refused = () => new IOLoop().addHandler(0, IOLoop.WRITE, () => {});

  nativeIt(
    'runs all its handlers, then what they asked to flush, then ticks, then promises',
    async () => {
      const loop = new IOLoop();
      const log: string[] = [];
      await eachOnce(loop, writable(2), () => {
        log.push('handler');
        process.nextTick(() => log.push('tick'));
        void Promise.resolve().then(() => log.push('promise'));
        loop.scheduleFlush({ flush: () => log.push('flush') });
      });
      expect(log).toEqual(['handler', 'handler', 'flush', 'flush', 'tick', 'tick', 'promise', 'promise']);
    },
    refused,
  );

  nativeIt(
    'flushes once more, in a tick, what promises of the batch wrote',
    async () => {
      const loop = new IOLoop();
      const log: string[] = [];
      await eachOnce(loop, writable(2), () => {
        void Promise.resolve().then(() => {
          log.push('promise');
          loop.scheduleFlush({ flush: () => log.push('flush') });
        });
      });
      expect(log).toEqual(['promise', 'promise', 'flush', 'flush']);
    },
    refused,
  );

  nativeIt(
    'goes on after a handler that throws, and flushes all the same',
    async () => {
      const errors: unknown[] = [];
      const logger: Logger = {
        debug() {},
        info() {},
        warn() {},
        error: (details) => void errors.push((details as { error: Error }).error.message),
      };
      const loop = new IOLoop({ logger });
      const [first, second] = writable(2) as [number, number];
      const log: string[] = [];
      await eachOnce(loop, [first, second], (fd) => {
        loop.scheduleFlush({ flush: () => log.push('flush') });
        log.push('handler');
        throw new Error(fd === first ? 'first' : 'second');
      });
      expect(log).toEqual(['handler', 'handler', 'flush', 'flush']);
      expect(errors.sort()).toEqual(['first', 'second']);
    },
    refused,
  );

  nativeIt(
    'has 256 events at most, and the rest come with the next',
    async () => {
      let ran = 0;
      const ranBeforeTicks: number[] = [];
      await eachOnce(new IOLoop(), writable(MOST_EVENTS + 10), () => {
        if (ran % MOST_EVENTS === 0) process.nextTick(() => ranBeforeTicks.push(ran));
        ran += 1;
      });
      expect(ranBeforeTicks).toEqual([MOST_EVENTS, MOST_EVENTS + 10]);
    },
    refused,
  );

  nativeIt(
    'gives no handler the context that another one of the batch has entered',
    async () => {
      const loop = new IOLoop();
      const storage = new AsyncLocalStorage<number>();
      const seen: (number | undefined)[] = [];
      const continued: boolean[] = [];
      await eachOnce(loop, writable(3), (fd) => {
        seen.push(storage.getStore());
        storage.enterWith(fd);
        setImmediate(() => continued.push(storage.getStore() === fd));
        void Promise.resolve().then(() => continued.push(storage.getStore() === fd));
      });
      expect(seen).toEqual([undefined, undefined, undefined]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(continued).toEqual(new Array(6).fill(true));
    },
    refused,
  );

  nativeIt(
    'gives no descriptor of a transport the context that another one of the batch has entered',
    async (binding) => {
      const { reactor } = new IOLoop();
      const storage = new AsyncLocalStorage<number>();
      const seen: (number | undefined)[] = [];
      const fds = writable(3);
      await new Promise<void>((resolve) => {
        for (const fd of fds) {
          const slot = binding.adopt(fd, true);
          const descriptor = { slot, generation: binding.generation(slot) };
          const ready = (): void => {
            seen.push(storage.getStore());
            storage.enterWith(fd);
            reactor?.unregister(descriptor);
            binding.close(slot, descriptor.generation);
            if (seen.length === fds.length) setImmediate(resolve);
          };
          reactor?.register(descriptor, IOLoop.WRITE, { ready });
        }
        reactor?.ref();
      });
      reactor?.unref();
      expect(seen).toEqual([undefined, undefined, undefined]);
    },
    refused,
  );

  nativeIt(
    'does not call a handler that an earlier one of the batch has removed',
    async () => {
      const loop = new IOLoop();
      const fds = writable(2);
      const called: number[] = [];
      await new Promise<void>((resolve) => {
        for (const fd of fds) {
          loop.addHandler(fd, IOLoop.WRITE, () => {
            called.push(fd);
            for (const each of fds) loop.removeHandler(each);
            setImmediate(resolve);
          });
        }
      });
      expect(called).toHaveLength(1);
    },
    refused,
  );

  nativeIt(
    'does not hand an event to the heir of the slot that it was for',
    async () => {
      const loop = new IOLoop();
      const [heir, ...fds] = writable(3) as [number, number, number];
      const called: string[] = [];
      await new Promise<void>((resolve) => {
        for (const fd of fds) {
          loop.addHandler(fd, IOLoop.WRITE, () => {
            called.push('first');
            for (const each of fds) loop.removeHandler(each);
            // Takes a slot that was just given back. Nothing is there to be read, so it is never called.
            loop.addHandler(heir, IOLoop.READ, () => called.push('heir'));
            setImmediate(() => setImmediate(resolve));
          });
        }
      });
      loop.removeHandler(heir);
      expect(called).toEqual(['first']);
    },
    refused,
  );
});

describe('IOLoop.scheduleFlush', () => {
  it('flushes in one tick what was written outside of a batch, each once and in order', async () => {
    const loop = new IOLoop();
    const log: string[] = [];
    loop.scheduleFlush({ flush: () => log.push('first') });
    loop.scheduleFlush({ flush: () => log.push('second') });
    log.push('written');
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(['written', 'first', 'second']);
  });

  it('lets a flush cause another, which has its turn in the same turn of the loop', async () => {
    const loop = new IOLoop();
    const log: string[] = [];
    const again = { flush: () => void log.push('again') };
    loop.scheduleFlush({
      flush: () => {
        loop.scheduleFlush(again);
        log.push('first');
      },
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual(['first', 'again']);
  });
});
