import { afterEach, describe, expect, it } from 'vitest';
import { consoleLogger } from '../../src/console-logger.ts';
import { type LoopWatch, watchLoop } from '../../src/watchdog/loop-watch.ts';
import type { LoopWatchOptions } from '../../src/watchdog/watch-options.ts';

const loop = { logger: consoleLogger };

describe('the options of watchLoop', () => {
  const environment = process.env.NODE_ENV;
  const watches: LoopWatch[] = [];
  afterEach(async () => {
    process.env.NODE_ENV = environment;
    for (const watch of watches.splice(0)) await watch.close();
  });

  function watch(options?: LoopWatchOptions): LoopWatch {
    const made = watchLoop(loop, options);
    watches.push(made);
    return made;
  }

  it.each([
    { thresholdMs: 9 },
    { thresholdMs: 60_001 },
    { thresholdMs: Number.NaN },
    { thresholdMs: '100' },
    { enabled: 1 },
    { immediate: 'yes' },
    { immediateModule: './relative.js' },
    { immediateModule: 'https://example.com/module.js' },
    { immediateModule: 1 },
    { onBlock: 'call me' },
    { stackFrames: 0 },
    { stackFrames: 1.5 },
    { stackFrames: 201 },
    { reportsPerMinute: 0 },
    { reportsPerMinute: 601 },
    null,
    'fast',
  ])('refuse %j', (options) => {
    expect(() => watch(options as LoopWatchOptions)).toThrow(
      expect.objectContaining({ name: 'WatchUsageError', code: 'ERR_WATCH_OPTIONS' }),
    );
  });

  it('start nothing in production, unless asked to', () => {
    process.env.NODE_ENV = 'production';
    expect(watch().isWatching).toBe(false);
    expect(watch({ enabled: true }).isWatching).toBe(true);
  });

  it('start nothing anywhere when they say so', () => {
    process.env.NODE_ENV = 'development';
    expect(watch({ enabled: false }).isWatching).toBe(false);
    expect(watch().isWatching).toBe(true);
  });

  it('allow one watch of a process at a time', async () => {
    const first = watch({ enabled: true });
    expect(() => watch({ enabled: true })).toThrow(expect.objectContaining({ code: 'ERR_WATCH_ACTIVE' }));
    await first.close();
    await first.close();
    expect(first.isWatching).toBe(false);
    expect(watch({ enabled: true }).isWatching).toBe(true);
  });

  it('end a watch with its scope', async () => {
    let kept: LoopWatch;
    {
      await using scoped = watchLoop(loop, { enabled: true });
      kept = scoped;
      expect(kept.isWatching).toBe(true);
    }
    expect(kept.isWatching).toBe(false);
  });
});
