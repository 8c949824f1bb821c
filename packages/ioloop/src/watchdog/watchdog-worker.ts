// The watchdog's thread. It is a file of its own in `dist`, started by loop-watch.ts; only its types are imported.

import { writeSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { consoleLogger } from '../logger.ts';
import { callReporting } from '../thenable.ts';
import { HeartbeatView } from './heartbeat.ts';
import { describeBlock, type LoopBlock } from './loop-block.ts';
import { StackRequest } from './stack-request.ts';
import type { WatchSettings } from './watch-options.ts';
import { Watchdog } from './watchdog.ts';

/** What the worker is started with. */
export interface WatchdogData {
  readonly memory: SharedArrayBuffer;
  readonly settings: WatchSettings;
}

/** What the worker says to the main thread, which hears it when its loop turns again. */
export type WatchdogMessage =
  /** A block has ended. `shown`: its stack has been written to standard error. */
  | { readonly kind: 'block'; readonly block: LoopBlock; readonly shown: boolean }
  /** The immediate module cannot be loaded or has thrown. */
  | { readonly kind: 'module-failed'; readonly error: unknown }
  /** The answer to {@link WatchdogCommand}: no debugger of ours is connected any more. */
  | { readonly kind: 'may-end' };

/** The one thing that the main thread says to the worker. */
export type WatchdogCommand = 'close';

const STANDARD_ERROR = 2;

const { memory, settings } = workerData as WatchdogData;
const port = parentPort as MessagePort;

writeStandardErrorAtOnce();
// Some builds and runtimes have no inspector, or none that reaches the main thread: blocks are reported all the same.
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

// Listening is what keeps this thread alive until it is told to end.
port.on('message', (message) => {
  if (message !== ('close' satisfies WatchdogCommand)) return;
  void watchdog.stop().then(() => say({ kind: 'may-end' }));
});

function say(message: WatchdogMessage): void {
  port.postMessage(message);
}

/** The default export of the module, made safe to call. */
async function loadImmediateModule(
  url: string | undefined,
): Promise<((block: LoopBlock) => void) | undefined> {
  if (url === undefined) return undefined;
  const failed = (error: unknown): void => say({ kind: 'module-failed', error: asError(error) });
  // What the module leaves uncaught must not end this thread while its debugger holds the main one.
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

/** What can be cloned to the other thread, whatever was thrown. */
function asError(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  const error = new Error(thrown.message);
  if (thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}

/**
 * Sends what this thread writes to standard error straight to the descriptor. The usual way of a worker leads through
 * the main thread, which does nothing while it is blocked.
 */
function writeStandardErrorAtOnce(): void {
  process.stderr.write = (chunk: string | Uint8Array): boolean => {
    try {
      if (typeof chunk === 'string') writeSync(STANDARD_ERROR, chunk);
      else writeSync(STANDARD_ERROR, chunk);
    } catch {
      // A pipe that is full or closed: there is nobody to tell, and a watchdog must not die of it.
    }
    return true;
  };
}
