import { describe, expect, it } from 'vitest';
import type { Logger } from '../../logger.ts';
import { VirtualClock } from '../../testing/index.ts';
import { beforeParentExit, callBeforeParentExit } from './parent-exit.ts';

describe('callBeforeParentExit', () => {
  it('logs a callback that fails, waits for the others, and calls none that was removed', async () => {
    const logged: string[] = [];
    const log = (_: object, message: string): number => logged.push(message);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const called: string[] = [];
    const remove = [
      beforeParentExit(() => {
        throw new Error('a bug');
      }),
      beforeParentExit(async () => {
        await Promise.resolve();
        called.push('late');
      }),
    ];
    beforeParentExit(() => called.push('removed'))();
    await callBeforeParentExit(logger, new VirtualClock());
    expect([called, logged]).toEqual([['late'], ['a callback of beforeParentExit failed']]);
    for (const each of remove) each();
  });

  it('gives up a promise that does not settle in time', async () => {
    const remove = beforeParentExit(() => new Promise(() => {}));
    const clock = new VirtualClock();
    let isOver = false;
    const waiting = callBeforeParentExit(console, clock).then(() => {
      isOver = true;
    });
    await clock.advance(4_999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await waiting;
    remove();
  });
});
