// Watches the loop of the main thread from another thread, and says what blocks it. Knows only the logger of the loop.
// The two threads share the memory of the heartbeat; everything else goes by message.

import { channel } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { callReporting } from '../thenable.ts';
import { Heartbeat } from './heartbeat.ts';
import { describeBlock, type LoopBlock } from './loop-block.ts';
import { WatchUsageError } from './watch-errors.ts';
import { type LoopWatchOptions, type WatchSettings, watchSettings } from './watch-options.ts';
import type { WatchdogCommand, WatchdogData, WatchdogMessage } from './watchdog-worker.ts';

/** The diagnostics channel that is told each {@link LoopBlock}, on the main thread, when it has ended. */
export const LOOP_BLOCK_CHANNEL = 'landspout.ioloop.block';

/** A worker that has not ended so long after it was asked to is terminated. */
const CLOSE_MS = 2_000;

const blocks = channel(LOOP_BLOCK_CHANNEL);

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

/** A watchdog that watches the loop of the main thread until it is closed. Made by `watchLoop`. */
export class LoopWatch {
  /** Least lateness of the heartbeat that is reported, in milliseconds. */
  readonly thresholdMs: number;
  readonly #logger: Logger;
  readonly #onBlock: ((block: LoopBlock) => unknown) | undefined;
  readonly #onEnd: () => void;
  #heartbeat: Heartbeat | undefined;
  #worker: Worker | undefined;
  #closed: Promise<void> | undefined;

  /** @param onEnd - called once, when nothing is watched any more. */
  constructor(logger: Logger, options: LoopWatchOptions, settings: WatchSettings, onEnd: () => void) {
    this.thresholdMs = settings.thresholdMs;
    this.#logger = logger;
    this.#onBlock = options.onBlock;
    this.#onEnd = onEnd;
    if (settings.enabled) this.#start(settings);
    else this.#closed = Promise.resolve();
  }

  /** Whether the watchdog is there: false when the watch is not enabled, was closed, or has failed. */
  get isWatching(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Ends the watchdog. What it has not yet said on the main thread is dropped. Harmless when it has ended.
   *
   * @returns when its thread is gone. Never rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#stop();
    return this.#closed;
  }

  [Symbol.dispose](): void {
    void this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['isWatching']);
  }

  #start(settings: WatchSettings): void {
    const file = watchdogWorkerFile();
    const heartbeat = new Heartbeat(settings.intervalMs, settings.thresholdMs);
    const workerData: WatchdogData = { memory: heartbeat.memory, settings };
    let worker: Worker;
    try {
      worker = new Worker(file, {
        name: 'landspout-watchdog',
        workerData,
        // What the program has itself preloaded with is none of this thread's business.
        execArgv: [],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
    } catch (error) {
      heartbeat.stop();
      throw error; // such as ERR_ACCESS_DENIED, where the permission model refuses workers
    }
    this.#heartbeat = heartbeat;
    this.#worker = worker;
    worker.on('message', (message: WatchdogMessage) => this.#hear(message));
    worker.on('error', (error) => this.#logger.error({ error }, 'the watchdog of the event loop failed'));
    worker.on('exit', () => this.#ended());
    worker.unref();
  }

  #hear(message: WatchdogMessage): void {
    if (message.kind === 'may-end') this.#terminate();
    if (this.#closed !== undefined || message.kind === 'may-end') return;
    if (message.kind === 'module-failed') {
      this.#logger.error({ error: message.error }, "the watchdog's immediate module failed");
      return;
    }
    const { block, shown } = message;
    const text = describeBlock(block, !shown);
    if (block.cause === 'debugger') this.#logger.info(block, text);
    else this.#logger.warn(block, text);
    blocks.publish(block);
    this.#tell(block);
  }

  /** Outside of every context: Node before 24 would keep what the listener enters for the next message. */
  #tell(block: LoopBlock): void {
    const onBlock = this.#onBlock;
    if (onBlock === undefined) return;
    const failed = (error: unknown): void =>
      this.#logger.error({ error }, 'the listener of a blocked event loop failed');
    runInRootContext(() => callReporting(onBlock, [block], failed), undefined);
  }

  async #stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref(); // whoever awaits this shall not be left without an answer
    worker.postMessage('close' satisfies WatchdogCommand);
    const timer = setTimeout(() => this.#terminate(), CLOSE_MS);
    await gone;
    clearTimeout(timer);
  }

  /**
   * Ends the thread two turns later. By then the main thread has dealt with the end of the last debugger: Node aborts
   * the process when a debugger has something to tell a thread that is gone.
   */
  #terminate(): void {
    setImmediate(() => setImmediate(() => void this.#worker?.terminate()));
  }

  #ended(): void {
    this.#heartbeat?.stop();
    this.#worker = undefined;
    this.#onEnd();
  }
}

/** The worker's file from wherever the build has put this module, and from the sources, which run the built one. */
const PLACES = [
  './watchdog/watchdog-worker.js',
  './watchdog-worker.js',
  '../../dist/watchdog/watchdog-worker.js',
];

/**
 * Where the watchdog's worker is.
 *
 * @throws WatchUsageError `ERR_WATCH_WORKER` when it is not there, as in a program that was bundled into one file:
 *   keep this package outside of the bundle.
 */
function watchdogWorkerFile(): URL {
  for (const place of PLACES) {
    const url = new URL(place, import.meta.url);
    if (url.protocol === 'file:' && existsSync(url)) return url;
  }
  throw new WatchUsageError(
    'ERR_WATCH_WORKER',
    "watch: the worker's file of @landspout/ioloop is not beside its code; a bundler must leave the package outside",
  );
}
