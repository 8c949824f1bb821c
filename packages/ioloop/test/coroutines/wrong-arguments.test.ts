import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { coroutine, multi, sleep, WaitIterator, withTimeout } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { deferred, recordLogger, turn, USAGE } from './waits.ts';

const WRONG_OPTIONS: readonly unknown[] = [null, 5, 'text', true];
const WRONG_SIGNALS: readonly unknown[] = [null, 5, {}, new AbortController(), new EventTarget()];
const WRONG_CLOCKS: readonly unknown[] = [null, 5, {}, { now: () => 0 }, { setTimeout() {} }];
const WRONG_REPORTS: readonly unknown[] = [
  { quiet: 'yes' },
  { quiet: null },
  { quiet: {} },
  { logger: null },
  { logger: {} },
  { logger: () => {} },
];
const WRONG_DELAYS: readonly unknown[] = [
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31,
  null,
  '5',
  5n,
  {},
  [],
  new Date(0),
];

const signals = WRONG_SIGNALS.map((signal) => ({ signal }));
const clocks = WRONG_CLOCKS.map((clock) => ({ clock }));
const show = (values: readonly unknown[]) =>
  values.map(
    (value) => [inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }), value] as const,
  );

/** The outcome of a call that must not throw by itself. */
function outcome(call: () => Promise<unknown>): Promise<unknown> {
  const result = call();
  expect(result).toBeInstanceOf(Promise);
  return result.then(
    () => 'resolved',
    (error: unknown) => error,
  );
}

describe('sleep', () => {
  it.each(show([undefined, ...WRONG_DELAYS]))('rejects for a delay of %s [FUT-06]', async (_, ms) => {
    const clock = new VirtualClock();
    expect(await outcome(() => sleep(ms as number, { clock }))).toEqual(USAGE);
    expect(clock.pending).toBe(0);
  });

  it.each(show([...WRONG_OPTIONS, ...signals, ...clocks]))(
    'rejects for the options %s [FUT-06]',
    async (_, options) => {
      expect(await outcome(() => sleep(0, options as never))).toEqual(USAGE);
    },
  );
});

describe('withTimeout', () => {
  it.each(show(WRONG_DELAYS))(
    'rejects for a timeout of %s, and sets no timer [FUT-05]',
    async (_, timeoutMs) => {
      const clock = new VirtualClock();
      const options = { timeoutMs: timeoutMs as number, clock };
      expect(await outcome(() => withTimeout(Promise.resolve(), options))).toEqual(USAGE);
      expect(clock.pending).toBe(0);
    },
  );

  it.each(show([...WRONG_OPTIONS, ...signals, ...clocks, ...WRONG_REPORTS]))(
    'rejects for the options %s, and starts no work [FUT-05]',
    async (_, options) => {
      let started = false;
      const work = () => {
        started = true;
      };
      expect(await outcome(() => withTimeout(work, options as never))).toEqual(USAGE);
      expect(started).toBe(false);
    },
  );

  it('tells the logger, where that one is right, of work that fails after it was refused [FUT-05]', async () => {
    const { logger, errors } = recordLogger();
    const work = deferred<string>();
    const options = { logger, clock: null as never };
    expect(await outcome(() => withTimeout(work.promise, options))).toEqual(USAGE);
    work.reject('late');
    await turn();
    expect(errors).toEqual(['late']);
  });

  it('hears of an abort that the work causes as it starts [FUT-05]', async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    let told: AbortSignal | undefined;
    const work = (signal: AbortSignal) => {
      told = signal;
      stop.abort('by the work');
      return new Promise<never>(() => {});
    };
    const waiting = withTimeout(work, { signal: stop.signal, timeoutMs: 10, clock });
    await expect(waiting).rejects.toBe('by the work');
    expect(told?.reason).toBe('by the work');
    expect(clock.pending).toBe(0);
  });
});

describe('multi', () => {
  it.each(show([...WRONG_OPTIONS, ...signals, ...WRONG_REPORTS]))(
    'rejects for the options %s, and no item becomes unhandled [FUT-04]',
    async (_, options) => {
      const unhandled: unknown[] = [];
      const record = (reason: unknown) => void unhandled.push(reason);
      process.on('unhandledRejection', record);
      try {
        const items = [Promise.reject('broken'), Promise.resolve()];
        expect(await outcome(() => multi(items, options as never))).toEqual(USAGE);
        await turn();
      } finally {
        process.off('unhandledRejection', record);
      }
      expect(unhandled).toEqual([]);
    },
  );
});

describe('WaitIterator', () => {
  it.each(show([...WRONG_OPTIONS, ...signals]))(
    'throws for the options %s, and no item becomes unhandled [FUT-06]',
    async (_, options) => {
      const unhandled: unknown[] = [];
      const record = (reason: unknown) => void unhandled.push(reason);
      process.on('unhandledRejection', record);
      try {
        expect(() => new WaitIterator([Promise.reject('broken')], options as never)).toThrow(USAGE);
        await turn();
      } finally {
        process.off('unhandledRejection', record);
      }
      expect(unhandled).toEqual([]);
    },
  );

  it('rejects in its first wait for a signal that has aborted before [FUT-06]', async () => {
    const iterator = new WaitIterator([Promise.resolve()], { signal: AbortSignal.abort('gone') });
    await expect(iterator.next()).rejects.toBe('gone');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});

describe('coroutine', () => {
  it.each(show([...WRONG_OPTIONS, ...WRONG_REPORTS]))('throws for the report %s [FUT-03]', (_, report) => {
    expect(() => coroutine(function* () {}, report as never)).toThrow(USAGE);
  });
});
