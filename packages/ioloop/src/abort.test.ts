import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isCancellation, onAbort } from './abort.ts';

describe('onAbort', () => {
  it('calls back once, with the reason, in the order of the calls', () => {
    const controller = new AbortController();
    const heard: unknown[] = [];
    onAbort(controller.signal, (reason) => heard.push(['first', reason]));
    onAbort(controller.signal, (reason) => heard.push(['second', reason]));
    controller.abort('enough');
    controller.abort('again');
    expect(heard).toEqual([
      ['first', 'enough'],
      ['second', 'enough'],
    ]);
  });

  it('calls back at once if the signal is aborted already', () => {
    const heard: unknown[] = [];
    onAbort(AbortSignal.abort('before'), (reason) => heard.push(reason))();
    expect(heard).toEqual(['before']);
  });

  it('never calls back without a signal', () => {
    onAbort(undefined, () => expect.fail('there is nothing to abort'))();
  });

  it('has one listener of the signal while there are callbacks, and none afterwards', () => {
    const { signal } = new AbortController();
    const forgets = Array.from({ length: 20 }, () => onAbort(signal, () => {}));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const forget of forgets) forget();
    for (const forget of forgets) forget();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('does not call a callback that an earlier one has forgotten', () => {
    const controller = new AbortController();
    let forget: () => void = () => {};
    onAbort(controller.signal, () => forget());
    forget = onAbort(controller.signal, () => expect.fail('it was forgotten'));
    controller.abort();
  });

  it('calls the others too if one throws, and has the signal report the error', async () => {
    const controller = new AbortController();
    const heard: string[] = [];
    const reported = new Promise((resolve) => process.once('uncaughtException', resolve));
    const fault = new Error('a callback failed');
    onAbort(controller.signal, () => {
      throw fault;
    });
    onAbort(controller.signal, () => heard.push('second'));
    controller.abort();
    expect(heard).toEqual(['second']);
    await expect(reported).resolves.toBe(fault);
  });
});

describe('isCancellation', () => {
  const reason = new Error('the client has left');
  const refuse = (): never => {
    throw new Error('a trap');
  };

  it('finds the reason and an AbortError among the causes', () => {
    expect(isCancellation(reason, reason)).toBe(true);
    expect(isCancellation(new Error('x', { cause: reason }), reason)).toBe(true);
    expect(isCancellation(new DOMException('x', 'AbortError'))).toBe(true);
    expect(isCancellation(new Error('x'), reason)).toBe(false);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['text', 'AbortError'],
    ['an error with getters that throw', Object.defineProperty(new Error('x'), 'cause', { get: refuse })],
    ['a proxy', new Proxy({}, { get: refuse, getPrototypeOf: refuse })],
    [
      'an error that is its own cause',
      Object.assign(new Error('x'), {
        get cause() {
          return this;
        },
      }),
    ],
  ])('is false for %s, and does not throw', (_what, error) => {
    expect(isCancellation(error, reason)).toBe(false);
    expect(isCancellation(error)).toBe(false);
  });
});
