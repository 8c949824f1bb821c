import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { topicsChecks } from '../errors.ts';
import type { StoreLimits } from '../logs/log-store.ts';
import { requireStoreLimits, STORE_LIMIT_NAMES } from '../logs/store-limits.ts';

/** When a record counts as written. */
export type JournalDurability = 'process' | 'batched' | 'each';

export interface JournalBackplaneOptions extends Partial<StoreLimits> {
  /** The folder of the journal, which is made with mode 0700 if there is none. Only this journal uses it. */
  readonly folder: string;
  /**
   * When a record counts as written, is delivered, and its `publish` resolves.
   *
   * - `process`: after `write(2)`. A killed process loses nothing; a power cut may lose the latest records.
   * - `batched`: after an `fdatasync` that all records of `syncMs` share.
   * - `each`: after an `fdatasync` that starts at once, or when the one before it is done.
   *
   * Default: `process`.
   */
  readonly durability?: JournalDurability;
  /** How long `batched` collects records, in milliseconds. Default: 20. */
  readonly syncMs?: number;
  /**
   * Opens a damaged journal with what comes before the damage. The damaged file and those after it are kept under names
   * that begin with `damaged-`. Default: false.
   */
  readonly repair?: boolean;
  /** Most bytes of one file, from 4 KiB. Default: 64 MiB. */
  readonly segmentBytes?: number;
  /** Most calls that wait to be written; more reject with `ERR_TOPICS_BUSY`. Default: 10,000. */
  readonly maxPending?: number;
  /** Most bytes that wait to be written. Default: 64 MiB. */
  readonly maxPendingBytes?: number;
  /** Default: the console. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const JOURNAL_OPTIONS: OptionNames<JournalBackplaneOptions> = {
  ...STORE_LIMIT_NAMES,
  folder: true,
  durability: true,
  syncMs: true,
  repair: true,
  segmentBytes: true,
  maxPending: true,
  maxPendingBytes: true,
  logger: true,
  clock: true,
};

const DURABILITIES: readonly JournalDurability[] = ['process', 'batched', 'each'];
const DEFAULT_SYNC_MS = 20;
const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
const MIN_SEGMENT_BYTES = 4096;
const DEFAULT_MAX_PENDING = 10_000;
const DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024;

/** The options with their defaults. */
export interface JournalRules extends Required<Omit<JournalBackplaneOptions, keyof StoreLimits>> {
  readonly limits: StoreLimits;
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function requireJournalOptions(operation: string, options: JournalBackplaneOptions): JournalRules {
  topicsChecks.options(operation, options, JOURNAL_OPTIONS);
  const { folder, durability = 'process', repair = false, logger, clock = systemClock } = options;
  if (typeof folder !== 'string' || folder === '')
    throw topicsChecks.wrong(operation, 'folder: a path', folder);
  const whole = (name: 'segmentBytes' | 'maxPending' | 'maxPendingBytes', fallback: number, least: number) =>
    topicsChecks.wholeNumber(operation, name, options[name] ?? fallback, least);
  return {
    folder,
    durability: topicsChecks.oneOf(operation, 'durability', durability, DURABILITIES),
    syncMs: topicsChecks.durationMs(operation, 'syncMs', options.syncMs ?? DEFAULT_SYNC_MS),
    repair: topicsChecks.boolean(operation, 'repair', repair),
    segmentBytes: whole('segmentBytes', DEFAULT_SEGMENT_BYTES, MIN_SEGMENT_BYTES),
    maxPending: whole('maxPending', DEFAULT_MAX_PENDING, 1),
    maxPendingBytes: whole('maxPendingBytes', DEFAULT_MAX_PENDING_BYTES, 1),
    logger: logger === undefined ? consoleLogger : acceptLogger(logger),
    clock: topicsChecks.withMethods(operation, 'a clock', clock, 'now', 'wallTime', 'setTimeout'),
    limits: requireStoreLimits(operation, options),
  };
}
