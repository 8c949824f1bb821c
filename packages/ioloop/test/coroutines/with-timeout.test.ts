import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { withTimeout } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { deferred, recordLogger, turn, USAGE } from './waits.ts';

const EXPIRED = expect.objectContaining({ name: 'LoopTimeoutError', code: 'ERR_LOOP_TIMEOUT' });

describe('withTimeout', () => {
  it('passes on what comes in time, and cancels its timer [FUT-05]', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    const work = deferred<string>();
    const result = withTimeout(work.promise, { timeoutMs: 100, clock, signal });
    await clock.advance(99);
    work.resolve('in time');
    expect(await result).toBe('in time');
    expect(clock.pending).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('passes on an error that comes in time, without a record, and cancels its timer [FUT-05]', async () => {
    const clock = new VirtualClock();
    const { logger, errors } = recordLogger();
    const failing = Promise.reject('broken');
    await expect(withTimeout(failing, { timeoutMs: 100, clock, logger })).rejects.toBe('broken');
    await turn();
    expect(errors).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('throws when the time has passed, and the work goes on [FUT-05]', async () => {
    const clock = new VirtualClock();
    const work = deferred<string>();
    const result = expect(withTimeout(work.promise, { timeoutMs: 100, clock })).rejects.toEqual(EXPIRED);
    await clock.advance(100);
    await result;
    work.resolve('late');
    expect(await work.promise).toBe('late');
    expect(clock.pending).toBe(0);
  });

  it('prefers a result that is there to a timeout of 0 [FUT-05]', async () => {
    const clock = new VirtualClock();
    const result = withTimeout(Promise.resolve('there'), { timeoutMs: 0, clock });
    await clock.advance(0);
    expect(await result).toBe('there');
  });

  it('logs a late failure [FUT-05]', async () => {
    const clock = new VirtualClock();
    const { logger, errors } = recordLogger();
    const work = deferred<string>();
    const result = expect(withTimeout(work.promise, { timeoutMs: 1, clock, logger })).rejects.toEqual(
      EXPIRED,
    );
    await clock.advance(1);
    await result;
    work.reject(new Error('late'));
    await turn();
    expect(errors).toEqual([new Error('late')]);
  });

  it.each([
    ['a quiet one', new Error('late'), true],
    ['one that the function calls quiet', new Error('late'), (error: unknown) => error instanceof Error],
    ['a cancellation', new DOMException('stopped', 'AbortError'), false],
  ])('does not log %s [FUT-05]', async (_, failure, quiet) => {
    const clock = new VirtualClock();
    const { logger, errors } = recordLogger();
    const work = deferred<string>();
    const result = withTimeout(work.promise, { timeoutMs: 1, clock, logger, quiet });
    const outcome = expect(result).rejects.toEqual(EXPIRED);
    await clock.advance(1);
    await outcome;
    work.reject(failure);
    await turn();
    expect(errors).toEqual([]);
  });

  it('tells work that is a function to stop at the timeout, and not before [FUT-05]', async () => {
    const clock = new VirtualClock();
    const { logger, errors } = recordLogger();
    let told: AbortSignal | undefined;
    const work = (signal: AbortSignal) =>
      new Promise<string>((_, reject) => {
        told = signal;
        signal.addEventListener('abort', () => reject(new Error('stopped', { cause: signal.reason })));
      });
    const outcome = expect(withTimeout(work, { timeoutMs: 10, clock, logger })).rejects.toEqual(EXPIRED);
    await clock.advance(9);
    expect(told?.aborted).toBe(false);
    await clock.advance(1);
    await outcome;
    expect(told?.reason).toEqual(EXPIRED);
    await turn();
    expect(errors).toEqual([]);
  });

  it('does not log that the work passes the reason of the end on [FUT-05]', async () => {
    const { logger, errors } = recordLogger();
    const controller = new AbortController();
    const work = (signal: AbortSignal) =>
      new Promise<string>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    const result = withTimeout(work, { signal: controller.signal, logger });
    controller.abort(new Error('gone'));
    await expect(result).rejects.toThrow('gone');
    await turn();
    expect(errors).toEqual([]);
  });

  it('leaves the signal of finished work alone, also when the caller aborts later [FUT-05]', async () => {
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const work = (signal: AbortSignal) => {
      told = signal;
      return 'done';
    };
    expect(await withTimeout(work, { signal: controller.signal })).toBe('done');
    controller.abort();
    expect(told?.aborted).toBe(false);
  });

  it('throws the reason of its signal, passes it to the work, and cancels its timer [FUT-05]', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    let told: AbortSignal | undefined;
    const work = (signal: AbortSignal) => {
      told = signal;
      return new Promise<never>(() => {});
    };
    const result = withTimeout(work, { timeoutMs: 10, clock, signal: controller.signal });
    controller.abort('gone');
    await expect(result).rejects.toBe('gone');
    expect(told?.reason).toBe('gone');
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('does not start work when its signal has aborted before [FUT-05]', async () => {
    let calls = 0;
    const work = () => {
      calls += 1;
    };
    await expect(withTimeout(work, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
    expect(calls).toBe(0);
  });

  it('passes on what the function throws at once [FUT-05]', async () => {
    const clock = new VirtualClock();
    const work = () => {
      throw new Error('at once');
    };
    await expect(withTimeout(work, { timeoutMs: 1, clock })).rejects.toThrow('at once');
    expect(clock.pending).toBe(0);
  });

  it('refuses a wrong timeout, and still hears of the failure of the promise [FUT-05]', async () => {
    const { logger, errors } = recordLogger();
    const work = deferred<string>();
    await expect(withTimeout(work.promise, { timeoutMs: -1, logger })).rejects.toEqual(USAGE);
    work.reject('late');
    await turn();
    expect(errors).toEqual(['late']);
  });

  it.each([undefined, null, 5, 'text', {}])('refuses %s for work [FUT-05]', async (work) => {
    await expect(withTimeout(work as never, { timeoutMs: 1 })).rejects.toEqual(USAGE);
  });
});
