import { channel } from 'node:diagnostics_channel';
import { Worker } from 'node:worker_threads';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { callReporting } from '../thenable.ts';
import { Heartbeat } from './heartbeat.ts';
import { describeBlock, type LoopBlock } from './loop-block.ts';
import type { LoopWatchOptions, WatchSettings } from './watch-options.ts';
import { CLOSE, type WatchdogData, type WatchdogMessage } from './watchdog-messages.ts';
import { watchdogWorkerFile } from './worker-file.ts';

/** The diagnostics channel that is told each {@link LoopBlock}, on the main thread, when it has ended. */
export const LOOP_BLOCK_CHANNEL = 'landspout.ioloop.block';

/** A worker that has not ended so long after it was asked to is terminated. */
const CLOSE_MS = 2_000;

const blocks = channel(LOOP_BLOCK_CHANNEL);

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
    worker.postMessage(CLOSE);
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
