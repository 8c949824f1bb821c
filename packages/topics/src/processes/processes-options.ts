import { type Clock, consoleLogger, type Logger, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { acceptLogger } from '@landspout/ioloop/reactor';
import { topicsChecks } from '../errors.ts';
import { type JournalBackplaneOptions, requireJournalOptions } from '../journal/journal-options.ts';
import type { StoreLimits } from '../logs/log-store.ts';
import { requireStoreLimits, STORE_LIMIT_NAMES } from '../logs/store-limits.ts';

export interface ProcessesBackplaneOptions extends Partial<StoreLimits> {
  /** Distinguishes several backplanes of one program: 1 to 256 bytes of UTF-8. Default: `topics`. */
  readonly name?: string | undefined;
  /** Makes the parent keep a journal, which only the parent opens. Default: everything is in memory. */
  readonly journal?: Omit<JournalBackplaneOptions, 'clock'> | undefined;
  /**
   * Bytes that may wait to be sent from a child to its parent, and from the parent to each child. Beyond it, calls of the
   * child reject with `ERR_TOPICS_BUSY`, and what the parent has for the child waits in the history. At most 1 GiB.
   * Default: 16 MiB.
   */
  readonly maxQueuedBytes?: number | undefined;
  /** Default: the console. */
  readonly logger?: Logger | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

const PROCESSES_OPTIONS: OptionNames<ProcessesBackplaneOptions> = {
  ...STORE_LIMIT_NAMES,
  name: true,
  journal: true,
  maxQueuedBytes: true,
  logger: true,
  clock: true,
};

const OPERATION = 'ProcessesBackplane.open';
const DEFAULT_NAME = 'topics';
const DEFAULT_QUEUED_BYTES = 16 * 1024 * 1024;
/** That of a door. */
const MAX_QUEUED_BYTES = 1024 * 1024 * 1024;

/** The options with their defaults. */
export interface ProcessesRules {
  readonly name: string;
  /** Undefined without a journal. */
  readonly journal: JournalBackplaneOptions | undefined;
  readonly maxQueuedBytes: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: StoreLimits;
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function requireProcessesOptions(options: ProcessesBackplaneOptions): ProcessesRules {
  if (typeof options === 'object' && options !== null && 'folder' in options) {
    throw topicsChecks.wrong(OPERATION, 'journal: { folder } in place of folder', options.folder);
  }
  topicsChecks.options(OPERATION, options, PROCESSES_OPTIONS);
  const { name = DEFAULT_NAME, clock = systemClock, maxQueuedBytes = DEFAULT_QUEUED_BYTES } = options;
  if (typeof name !== 'string' || name === '') throw topicsChecks.wrong(OPERATION, 'name: a text', name);
  topicsChecks.withMethods(OPERATION, 'a clock', clock, 'now', 'wallTime', 'setTimeout');
  const logger = acceptLogger(
    topicsChecks.withMethods(OPERATION, 'a logger', options.logger ?? consoleLogger, 'error', 'warn'),
  );
  const limits = requireStoreLimits(OPERATION, options);
  return {
    name,
    journal: options.journal && { ...limits, logger, ...journalOf(options.journal), clock },
    maxQueuedBytes: topicsChecks.wholeNumber(
      OPERATION,
      'maxQueuedBytes',
      maxQueuedBytes,
      0,
      MAX_QUEUED_BYTES,
    ),
    logger,
    clock,
    limits,
  };
}

/** Checks the options in all processes, also where no journal is opened. */
function journalOf(
  options: NonNullable<ProcessesBackplaneOptions['journal']>,
): NonNullable<ProcessesBackplaneOptions['journal']> {
  requireJournalOptions(`${OPERATION}: journal`, options);
  return options;
}
