// The watchdog's thread, as a separate file in `dist` that loop-watch.ts starts. Other modules import only its types.

import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { consoleLogger } from '../console-logger.ts';
import { callReporting } from '../thenable.ts';
import { HeartbeatView } from './heartbeat.ts';
import { describeBlock, type LoopBlock } from './loop-block.ts';
import { StackRequest } from './stack-request.ts';
import type { WatchSettings } from './watch-options.ts';
import { Watchdog } from './watchdog.ts';

/** The data that the worker is started with. */
export interface WatchdogData {
  readonly memory: SharedArrayBuffer;
  readonly settings: WatchSettings;
}

/** A message of the worker to the main thread, which receives it once its loop is no longer blocked. */
export type WatchdogMessage =
  /** A block has ended. `shown`: its stack was written to standard error. */
  | { readonly kind: 'block'; readonly block: LoopBlock; readonly shown: boolean }
  /** The immediate module could not be loaded or has thrown. */
  | { readonly kind: 'module-failed'; readonly error: unknown }
  /** The response to {@link WatchdogCommand}: no debugger session of ours is connected any more. */
  | { readonly kind: 'may-end' };

/** The only message of the main thread to the worker. */
export type WatchdogCommand = 'close';

const STANDARD_ERROR = 2;

const { memory, settings } = workerData as WatchdogData;
const port = parentPort as MessagePort;

writeStandardErrorAtOnce();
// Some builds and runtimes have no inspector, or one that cannot connect to the main thread. Blocks are still reported,
// without a stack.
const inspector = await import('node:inspector').catch(() => undefined);
const canAsk = typeof inspector?.Session?.prototype.connectToMainThread === 'function';
const immediate = await loadImmediateModule(settings.immediateModule);

const watchdog = new Watchdog(
  new HeartbeatView(memory),
  settings,
  {
    ongoing(block) {
      if (settings.immediate) {
        const log = block.cause === 'debugger' ? consoleLogger.info : consoleLogger.warn;
        log({}, describeBlock(block, true));
      }
      immediate?.(block);
    },
    ended: (block, shown) => say({ kind: 'block', block, shown: shown && settings.immediate }),
  },
  (isOver) =>
    canAsk && inspector ? new StackRequest(new inspector.Session(), settings.stackFrames, isOver) : undefined,
);
watchdog.start();

// This listener keeps the thread alive until the main thread terminates it.
port.on('message', (message) => {
  if (message !== ('close' satisfies WatchdogCommand)) return;
  void watchdog.stop().then(() => say({ kind: 'may-end' }));
});

function say(message: WatchdogMessage): void {
  port.postMessage(message);
}

/** Loads the default export of the module, wrapped so that it never throws. */
async function loadImmediateModule(
  url: string | undefined,
): Promise<((block: LoopBlock) => void) | undefined> {
  if (url === undefined) return undefined;
  const failed = (error: unknown): void => say({ kind: 'module-failed', error: asError(error) });
  // An uncaught error of the module must not end this thread while its debugger session holds the main thread.
  process.on('uncaughtException', failed);
  try {
    const { default: report } = (await import(url)) as { default?: unknown };
    if (typeof report !== 'function') throw new TypeError('its default export is not a function');
    return (block) => callReporting(report as (block: never) => unknown, [block], failed);
  } catch (error) {
    failed(error);
    return undefined;
  }
}

/** Converts a thrown value to an error that can be cloned to the other thread. */
function asError(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  const error = new Error(thrown.message);
  if (thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}

/**
 * Makes this thread write standard error directly to the file descriptor. By default a worker writes through the main
 * thread, which writes nothing while it is blocked.
 */
function writeStandardErrorAtOnce(): void {
  process.stderr.write = (chunk: string | Uint8Array): boolean => {
    try {
      if (typeof chunk === 'string') writeSync(STANDARD_ERROR, chunk);
      else writeSync(STANDARD_ERROR, chunk);
    } catch {
      // The pipe is full or closed. The error cannot be reported anywhere, and must not end the watchdog.
    }
    return true;
  };
}
