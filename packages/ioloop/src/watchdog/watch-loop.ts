import { isMainThread } from 'node:worker_threads';
import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { LoopWatch } from './loop-watch.ts';
import { WatchUsageError } from './watch-errors.ts';
import { type LoopWatchOptions, watchSettings } from './watch-options.ts';

/** What a watchdog needs of the loop that it watches. */
export interface WatchedLoop {
  readonly logger: Logger;
}

/** The one watch of this process: two debuggers that pause one thread would take each other for a person. */
let active: LoopWatch | undefined;

/**
 * Watches the loop of the main thread from a worker thread, and says what it is doing whenever it stands still.
 *
 * The main thread bumps a counter twice per threshold. When the next bump is late by the threshold, the watchdog
 * takes the JavaScript stack by a debugger that it enables for this only (`node:inspector`), and at once, **while the
 * block lasts**, writes a record as `consoleLogger` does to standard error (`immediate`) and calls the default export
 * of `immediateModule`. **When the block has ended**, one {@link LoopBlock} with the whole length goes to the loop's
 * logger (`warn`, or `info` when a debugger held the thread), to the diagnostics channel `landspout.ioloop.block` and
 * to `onBlock`, all on the main thread.
 *
 * In native code, which no debugger can interrupt, `in native code` is said at once, and the stack as soon as
 * JavaScript runs again. A pause of another debugger is left alone, and reported as such. Time in which the whole
 * process stood still is not reported. Nothing here keeps a process alive; a process that exits right after a block
 * takes what was not yet said with it.
 *
 * @param loop - its logger is told. The loop of a worker thread cannot be watched.
 * @returns the watch, which does nothing when `NODE_ENV` is `production` and `enabled` was not given.
 * @throws WatchUsageError `ERR_WATCH_OPTIONS`, `ERR_WATCH_THREAD` outside of the main thread, `ERR_WATCH_ACTIVE`
 *   when there is a watch, `ERR_WATCH_WORKER` when the worker's file is not there.
 *
 * @example
 * await using watch = watchLoop(IOLoop.current(), { thresholdMs: 100 });
 */
export function watchLoop(loop: WatchedLoop, options: LoopWatchOptions = {}): LoopWatch {
  const settings = watchSettings(options);
  if (!isMainThread) {
    throw new WatchUsageError('ERR_WATCH_THREAD', 'watch: only the main thread can be watched, not a worker');
  }
  if (active !== undefined && settings.enabled) {
    throw new WatchUsageError(
      'ERR_WATCH_ACTIVE',
      'watch: the loop is watched already; close that watch first',
    );
  }
  let watch: LoopWatch | undefined;
  // The watchdog is nobody's request, whoever starts it.
  runInRootContext(() => {
    watch = new LoopWatch(loop.logger, options, settings, () => {
      if (active === watch) active = undefined;
    });
  }, undefined);
  if (settings.enabled) active = watch;
  return watch as LoopWatch;
}
