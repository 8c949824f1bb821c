import { type OptionNames, optionsProblem } from '../option-names.ts';
import { shownValue } from '../shown-value.ts';
import type { LoopBlock } from './loop-block.ts';
import { WatchUsageError } from './watch-errors.ts';

export interface LoopWatchOptions {
  /**
   * Milliseconds that the heartbeat of the main thread may be late before a block is reported: 10 to 60,000,
   * default 100. The heartbeat comes twice as often, though not more often than every 10 ms. At the default, both threads
   * together take under 1 % of a CPU while nothing blocks; a lower threshold costs accordingly more.
   */
  readonly thresholdMs?: number;
  /** Default: unless `NODE_ENV` is `production`. A watch that is not enabled starts nothing. */
  readonly enabled?: boolean;
  /**
   * Whether a block is written to standard error while it lasts, straight from the watchdog's thread. Default true,
   * whichever logger the loop has: of a block that never ends, nothing else would ever be heard.
   */
  readonly immediate?: boolean;
  /**
   * A module for the watchdog's thread: its default export is called with each {@link LoopBlock} while it lasts.
   * It is an absolute `file:` or `data:` URL, and shares nothing with the modules of the main thread.
   */
  readonly immediateModule?: URL | string;
  /** Called on the main thread when a block has ended. If it throws or rejects, that is logged. */
  readonly onBlock?: (block: LoopBlock) => unknown;
  /** Most frames of a stack: 1 to 200, default 20. */
  readonly stackFrames?: number;
  /** Most blocks that are looked at in a minute: 1 to 600, default 10. The rest is counted: `LoopBlock.suppressed`. */
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

/** The options of a watch, complete and checked. What the worker needs of them can be cloned. */
export interface WatchSettings {
  readonly thresholdMs: number;
  readonly intervalMs: number;
  readonly enabled: boolean;
  readonly immediate: boolean;
  readonly immediateModule: string | undefined;
  readonly stackFrames: number;
  readonly reportsPerMinute: number;
}

/** More often than this, heartbeats would cost more than they tell. */
const SHORTEST_INTERVAL_MS = 10;

/** @throws WatchUsageError `ERR_WATCH_OPTIONS`. */
export function watchSettings(options: LoopWatchOptions): WatchSettings {
  const problem = optionsProblem(options, WATCH_OPTIONS);
  if (problem !== undefined) throw new WatchUsageError('ERR_WATCH_OPTIONS', `watch: ${problem}`);
  const { onBlock } = options;
  if (onBlock !== undefined && typeof onBlock !== 'function') refuse('onBlock: a function', onBlock);
  const thresholdMs = numberWithin('thresholdMs', options.thresholdMs ?? 100, 10, 60_000);
  return {
    thresholdMs,
    intervalMs: Math.max(SHORTEST_INTERVAL_MS, Math.floor(thresholdMs / 2)),
    enabled: flag('enabled', options.enabled ?? process.env.NODE_ENV !== 'production'),
    immediate: flag('immediate', options.immediate ?? true),
    immediateModule: moduleUrl(options.immediateModule),
    stackFrames: wholeWithin('stackFrames', options.stackFrames ?? 20, 1, 200),
    reportsPerMinute: wholeWithin('reportsPerMinute', options.reportsPerMinute ?? 10, 1, 600),
  };
}

function numberWithin(name: string, value: number, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  return refuse(`${name}: ${least} to ${most}`, value);
}

function wholeWithin(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return refuse(`${name}: a whole number from ${least} to ${most}`, value);
}

function flag(name: string, value: boolean): boolean {
  return typeof value === 'boolean' ? value : refuse(`${name}: true or false`, value);
}

function moduleUrl(value: URL | string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = value instanceof URL || typeof value === 'string' ? String(value) : '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'file:' || url?.protocol === 'data:') return url.href;
  return refuse('immediateModule: an absolute file: or data: URL', value);
}

function refuse(wanted: string, value: unknown): never {
  throw new WatchUsageError('ERR_WATCH_OPTIONS', `watch: ${wanted} was expected, not ${shownValue(value)}`);
}
