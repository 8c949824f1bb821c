import { ArgumentChecks } from '../argument-checks.ts';
import type { OptionNames } from '../option-names.ts';
import type { LoopBlock } from './loop-block.ts';
import { WatchUsageError } from './watch-errors.ts';

export interface LoopWatchOptions {
  /**
   * How late the heartbeat of the main thread may be before a block is reported, in milliseconds: 10 to 60,000.
   * Default: 100. There are two beats per threshold, but at most one every 10 ms. At the default, both threads together
   * use less than 1 % of a CPU while nothing blocks; a lower threshold costs proportionally more.
   */
  readonly thresholdMs?: number;
  /** Whether to watch at all. If false, nothing is started. Default: true unless `NODE_ENV` is `production`. */
  readonly enabled?: boolean;
  /**
   * Whether a block is written to standard error while it is ongoing, directly from the watchdog's thread. Default:
   * true, even if the loop has a custom logger, because a block that never ends would otherwise never be reported.
   */
  readonly immediate?: boolean;
  /**
   * A module that is loaded in the watchdog's thread: its default export is called with each {@link LoopBlock} while
   * the block is ongoing. It must be an absolute `file:` or `data:` URL, and shares no state with the modules of the
   * main thread.
   */
  readonly immediateModule?: URL | string;
  /** Called on the main thread after a block has ended. If it throws or rejects, the error is logged. */
  readonly onBlock?: (block: LoopBlock) => unknown;
  /** Maximum number of frames of a stack: 1 to 200. Default: 20. */
  readonly stackFrames?: number;
  /**
   * Maximum number of blocks reported per minute: 1 to 600. Default: 10. Further blocks are only counted, in
   * `LoopBlock.suppressed`.
   */
  readonly reportsPerMinute?: number;
}

const WATCH_OPTIONS: OptionNames<LoopWatchOptions> = {
  thresholdMs: true,
  enabled: true,
  immediate: true,
  immediateModule: true,
  onBlock: true,
  stackFrames: true,
  reportsPerMinute: true,
};

/** The checked options of a watch, with all defaults. The part that is sent to the worker can be cloned. */
export interface WatchSettings {
  readonly thresholdMs: number;
  readonly intervalMs: number;
  readonly enabled: boolean;
  readonly immediate: boolean;
  readonly immediateModule: string | undefined;
  readonly stackFrames: number;
  readonly reportsPerMinute: number;
}

/** The shortest time between two heartbeats: more frequent ones would use too much CPU time. */
const SHORTEST_INTERVAL_MS = 10;

const checks = new ArgumentChecks((problem) => new WatchUsageError('ERR_WATCH_OPTIONS', problem));

/** @throws WatchUsageError `ERR_WATCH_OPTIONS`. */
export function watchSettings(options: LoopWatchOptions): WatchSettings {
  checks.options('watch', options, WATCH_OPTIONS);
  const { thresholdMs = 100, enabled = process.env.NODE_ENV !== 'production', immediate = true } = options;
  const { immediateModule, onBlock, stackFrames = 20, reportsPerMinute = 10 } = options;
  if (onBlock !== undefined) checks.callback('watch', 'onBlock', onBlock);
  checks.number('watch', 'thresholdMs', thresholdMs, 10, 60_000);
  return {
    thresholdMs,
    intervalMs: Math.max(SHORTEST_INTERVAL_MS, Math.floor(thresholdMs / 2)),
    enabled: checks.boolean('watch', 'enabled', enabled),
    immediate: checks.boolean('watch', 'immediate', immediate),
    immediateModule: moduleUrl(immediateModule),
    stackFrames: checks.wholeNumber('watch', 'stackFrames', stackFrames, 1, 200),
    reportsPerMinute: checks.wholeNumber('watch', 'reportsPerMinute', reportsPerMinute, 1, 600),
  };
}

function moduleUrl(value: URL | string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = value instanceof URL || typeof value === 'string' ? String(value) : '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'file:' || url?.protocol === 'data:') return url.href;
  throw checks.wrong('watch', 'immediateModule: an absolute file: or data: URL', value);
}
