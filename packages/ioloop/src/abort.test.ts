import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from './abort.ts';

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
