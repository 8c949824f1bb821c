import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { isCancellation } from '../../src/index.ts';

describe('isCancellation', () => {
  const reason = new Error('the client left');
  const wrap = (cause: unknown, depth: number): Error => {
    let error = new Error('wrapped', { cause });
    for (let left = depth - 1; left > 0; left -= 1) error = new Error('wrapped', { cause: error });
    return error;
  };

  it('recognizes the reason itself, and errors that have it among their causes', () => {
    expect([reason, wrap(reason, 1), wrap(reason, 5)].map((error) => isCancellation(error, reason))).toEqual([
      true,
      true,
      true,
    ]);
    expect(isCancellation('stop', 'stop')).toBe(true);
    expect(isCancellation(wrap('stop', 2), 'stop')).toBe(true);
  });

  it('recognizes an AbortError, of Node and of the web, and errors that it caused', async () => {
    const controller = new AbortController();
    const ofNode = delay(2 ** 30, undefined, { signal: controller.signal });
    controller.abort();
    const error = await ofNode.catch((failure: unknown) => failure);
    for (const one of [error, controller.signal.reason, wrap(error, 3)])
      expect(isCancellation(one, reason)).toBe(true);
    expect(isCancellation(error)).toBe(true);
  });

  it('does not take any other error for one, nor an error with no end of causes', () => {
    const ring = new Error('a ring');
    ring.cause = new Error('of two', { cause: ring });
    for (const error of [new Error('a bug'), wrap(new Error('a bug'), 3), ring, undefined, null, 'stop'])
      expect(isCancellation(error, reason)).toBe(false);
    expect(isCancellation(undefined)).toBe(false);
  });
});
