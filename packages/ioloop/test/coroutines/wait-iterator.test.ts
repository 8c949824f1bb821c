import { getEventListeners } from 'node:events';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { sleep, WaitIterator, type WaitOutcome } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { deferred, turn, USAGE } from './waits.ts';

describe('WaitIterator', () => {
  it('yields the items of a list in the order of completion [FUT-06]', async () => {
    const clock = new VirtualClock();
    const after = (ms: number) => sleep(ms, { clock }).then(() => `${ms} ms`);
    const outcomes: WaitOutcome<number, string>[] = [];
    const loop = (async () => {
      for await (const outcome of new WaitIterator([after(30), after(10), after(20)])) outcomes.push(outcome);
    })();
    await clock.advance(15);
    expect(outcomes).toEqual([{ key: 1, status: 'fulfilled', value: '10 ms' }]);
    await clock.advance(15);
    await loop;
    expect(outcomes.map((outcome) => outcome.key)).toEqual([1, 2, 0]);
    expect(clock.pending).toBe(0);
  });

  it('yields names for an object, each with its type [FUT-06]', async () => {
    const iterator = new WaitIterator({ name: Promise.resolve('ann'), age: Promise.resolve(7) });
    const seen: string[] = [];
    for await (const outcome of iterator) {
      if (outcome.status === 'rejected') continue;
      if (outcome.key === 'age') expectTypeOf(outcome.value).toEqualTypeOf<number>();
      else expectTypeOf(outcome.value).toEqualTypeOf<string>();
      seen.push(`${outcome.key}=${outcome.value}`);
    }
    expect(seen).toEqual(['name=ann', 'age=7']);
  });

  it('yields an error as the outcome of its item, and goes on [FUT-06]', async () => {
    const outcomes: unknown[] = [];
    const items = [Promise.reject('broken'), Promise.resolve('fine'), 'plain'];
    for await (const outcome of new WaitIterator(items)) outcomes.push(outcome);
    expect(outcomes).toEqual([
      { key: 0, status: 'rejected', reason: 'broken' },
      { key: 1, status: 'fulfilled', value: 'fine' },
      { key: 2, status: 'fulfilled', value: 'plain' },
    ]);
  });

  it('leaves no unhandled rejection behind when the loop is left early [FUT-06]', async () => {
    const unhandled: unknown[] = [];
    const record = (reason: unknown) => void unhandled.push(reason);
    process.on('unhandledRejection', record);
    try {
      const late = deferred<string>();
      const iterator = new WaitIterator([Promise.resolve('first'), late.promise]);
      for await (const outcome of iterator) {
        expect(outcome.key).toBe(0);
        break;
      }
      late.reject(new Error('late'));
      await turn();
      await turn();
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
    } finally {
      process.off('unhandledRejection', record);
    }
    expect(unhandled).toEqual([]);
  });

  it('answers concurrent calls in order [FUT-06]', async () => {
    const [slow, quick] = [deferred<string>(), deferred<string>()];
    const iterator = new WaitIterator([slow.promise, quick.promise]);
    const answers = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    quick.resolve('quick');
    await turn();
    slow.resolve('slow');
    expect((await answers).map((answer) => answer.value?.key)).toEqual([1, 0, undefined]);
  });

  it('answers a call that waits when the loop is left meanwhile [FUT-06]', async () => {
    const late = deferred<string>();
    const iterator = new WaitIterator(['first', late.promise, deferred<string>().promise]);
    expect((await iterator.next()).value?.key).toBe(0);
    const waiting = iterator.next();
    await iterator.return();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    late.resolve('late');
    expect((await waiting).value).toEqual({ key: 1, status: 'fulfilled', value: 'late' });
  });

  it('is done at once for nothing [FUT-06]', async () => {
    expect(await new WaitIterator([]).next()).toEqual({ done: true, value: undefined });
    expect(await new WaitIterator({}).next()).toEqual({ done: true, value: undefined });
  });

  it('rejects with the reason of its signal, and is done then [FUT-06]', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const iterator = new WaitIterator(
      [new Promise<string>(() => {}), 'plain', new Promise<string>(() => {})],
      { signal },
    );
    expect((await iterator.next()).value?.key).toBe(1);
    const answer = iterator.next();
    controller.abort('gone');
    await expect(answer).rejects.toBe('gone');
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it.each([undefined, null, 5, 'text', new Map(), Promise.resolve([])])('refuses %s [FUT-06]', (items) => {
    expect(() => new WaitIterator(items as never)).toThrow(USAGE);
  });
});
