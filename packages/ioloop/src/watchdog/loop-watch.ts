// Watches the loop of the main thread from another thread, and reports what blocks it. Of the loop it uses only the
// logger. The two threads share the memory of the heartbeat; everything else is sent as messages.

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

/** The diagnostics channel on which each {@link LoopBlock} is published, on the main thread, after it has ended. */
export const LOOP_BLOCK_CHANNEL = 'landspout.ioloop.block';

/** If a worker has not ended within this time after it was asked to, it is terminated. */
const CLOSE_MS = 2_000;

const blocks = channel(LOOP_BLOCK_CHANNEL);

/** What a watchdog needs from the loop that it watches. */
export interface WatchedLoop {
  readonly logger: Logger;
}

/**
 * The only watch of this process: if two watchdogs paused the same thread, each would take the pause of the other for
 * that of an independent debugger.
 */
let active: LoopWatch | undefined;

/**
 * Watches the loop of the main thread from a worker thread, and reports what blocks it.
 *
 * The main thread increments a counter twice per threshold. If the next increment is late by the threshold, the
 * watchdog takes the JavaScript stack in a debugger session (`node:inspector`) that it opens only for this.
 * Immediately, **while the block is ongoing**, it writes a record to standard error in the format of `consoleLogger`
 * (`immediate`), and calls the default export of `immediateModule`. **After the block has ended**, one
 * {@link LoopBlock} with the total duration is sent to the loop's logger (`warn`, or `info` if a debugger held the
 * thread), to the diagnostics channel `landspout.ioloop.block` and to `onBlock`, all on the main thread.
 *
 * A debugger cannot interrupt native code: such a block is reported as `in native code` while it is ongoing, and its
 * stack is reported as soon as JavaScript runs again. A pause by another debugger is not disturbed, and is reported
 * with the cause `debugger`. Time in which the whole process was stopped is not reported. The watch does not keep the
 * process alive; if the process exits directly after a block, reports that are still pending are lost.
 *
 * @param loop - the loop whose logger gets the reports. The loop of a worker thread cannot be watched.
 * @returns the watch. It does nothing if `NODE_ENV` is `production` and `enabled` is not set.
 * @throws WatchUsageError `ERR_WATCH_OPTIONS`; `ERR_WATCH_THREAD` if it is not called on the main thread;
 *   `ERR_WATCH_ACTIVE` if a watch is already active; `ERR_WATCH_WORKER` if the worker's file is missing.
 *
 * @example
 * await using watch = watchLoop(IOLoop.current(), { thresholdMs: 100 });
 */
export function watchLoop(loop: WatchedLoop, options: LoopWatchOptions = {}): LoopWatch {
  const settings = watchSettings(options);
  if (!isMainThread) {
    throw new WatchUsageError(
      'ERR_WATCH_THREAD',
      'watch: only the loop of the main thread can be watched, not that of a worker thread',
    );
  }
  if (active !== undefined && settings.enabled) {
    throw new WatchUsageError(
      'ERR_WATCH_ACTIVE',
      'watch: the loop is already watched; close that watch first',
    );
  }
  let watch: LoopWatch | undefined;
  // The watchdog is not part of any request, so it starts in the root async context.
  runInRootContext(() => {
    watch = new LoopWatch(loop.logger, options, settings, () => {
      if (active === watch) active = undefined;
    });
  }, undefined);
  if (settings.enabled) active = watch;
  return watch as LoopWatch;
}

/** Watches the loop of the main thread until it is closed. Returned by `watchLoop`. */
export class LoopWatch {
  /** How late the heartbeat must be to be reported, in milliseconds. */
  readonly thresholdMs: number;
  readonly #logger: Logger;
  readonly #onBlock: ((block: LoopBlock) => unknown) | undefined;
  readonly #onEnd: () => void;
  #heartbeat: Heartbeat | undefined;
  #worker: Worker | undefined;
  #closed: Promise<void> | undefined;

  /** @param onEnd - called once, when the watch has ended. */
  constructor(logger: Logger, options: LoopWatchOptions, settings: WatchSettings, onEnd: () => void) {
    this.thresholdMs = settings.thresholdMs;
    this.#logger = logger;
    this.#onBlock = options.onBlock;
    this.#onEnd = onEnd;
    if (settings.enabled) this.#start(settings);
    else this.#closed = Promise.resolve();
  }

  /** Whether the watchdog is running: false if the watch is not enabled, was closed, or has failed. */
  get isWatching(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Ends the watchdog. Reports that have not reached the main thread yet are dropped. Does nothing if it has already
   * ended.
   *
   * @returns a promise that resolves when its thread has ended. Never rejects.
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
        // Modules that the program preloads are not meant for this thread.
        execArgv: [],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
    } catch (error) {
      heartbeat.stop();
      throw error; // for example ERR_ACCESS_DENIED, if the permission model forbids workers
    }
    this.#heartbeat = heartbeat;
    this.#worker = worker;
    worker.on('message', (message: WatchdogMessage) => this.#hear(message));
    worker.on('error', (error) =>
      this.#logger.error({ error }, 'the watchdog of the event loop failed; blocks are no longer reported'),
    );
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

  /**
   * Runs in the root async context: before Node 24, a context that the listener enters would stay in effect for the
   * next message.
   */
  #tell(block: LoopBlock): void {
    const onBlock = this.#onBlock;
    if (onBlock === undefined) return;
    const failed = (error: unknown): void =>
      this.#logger.error({ error }, 'the onBlock callback of the watchdog threw');
    runInRootContext(() => callReporting(onBlock, [block], failed), undefined);
  }

  async #stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref(); // keeps the process alive for a caller that awaits this
    worker.postMessage('close' satisfies WatchdogCommand);
    const timer = setTimeout(() => this.#terminate(), CLOSE_MS);
    await gone;
    clearTimeout(timer);
  }

  /**
   * Ends the thread two loop iterations later. By then the main thread has processed the end of the last debugger
   * session: Node aborts the process if a debugger sends a message to a thread that has ended.
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

/**
 * The possible locations of the worker's file, relative to this module in the build and in the sources, which use the
 * built file.
 */
const PLACES = [
  './watchdog/watchdog-worker.js',
  './watchdog-worker.js',
  '../../dist/watchdog/watchdog-worker.js',
];

/**
 * Finds the file of the watchdog's worker.
 *
 * @throws WatchUsageError `ERR_WATCH_WORKER` if it is missing, for example in a program that was bundled into one file:
 *   exclude this package from the bundle.
 */
function watchdogWorkerFile(): URL {
  for (const place of PLACES) {
    const url = new URL(place, import.meta.url);
    if (url.protocol === 'file:' && existsSync(url)) return url;
  }
  throw new WatchUsageError(
    'ERR_WATCH_WORKER',
    'watch: the worker file of @landspout/ioloop was not found next to its code; exclude the package from the bundle',
  );
}
