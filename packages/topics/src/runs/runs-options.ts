import type { Clock, Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import type { Backplane, RunSettings } from '../backplane/backplane.ts';
import { topicsChecks } from '../errors.ts';
import { payloadOf } from '../topic/payload.ts';
import { requireName } from '../topic-name.ts';
import type { RunProducer } from './run.ts';
import type { TaskLimits } from './run-task.ts';

/** A run whose producer's process ended before it. */
export interface InterruptedRun {
  readonly id: string;
  readonly owner: string;
  /** What was passed to `start`; undefined if nothing was. */
  readonly input: unknown;
  /** Which continuation this would be, from 1. */
  readonly attempt: number;
  /** When the run was started, in milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** The position of its last record. */
  readonly cursor: string;
  /** Number of its records, for producers that go on after as many. `runs.read(id)` reads them. */
  readonly records: number;
}

/**
 * Decides whether an interrupted run goes on.
 *
 * @returns a new producer, which appends to the same log; or undefined, and the run ends as interrupted.
 */
export type OnInterrupted = (
  run: InterruptedRun,
) => RunProducer | undefined | PromiseLike<RunProducer | undefined>;

/** What can be set for all runs and for each. */
export interface RunLimits {
  /** Most records of a run. Default: 50,000. */
  readonly maxRecords?: number | undefined;
  /** Most bytes of a run, with 150 bytes for each record. Default: 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** How long the log is kept after its end, in milliseconds. Default: 1 hour. */
  readonly ttlMs?: number | undefined;
  /** How long a producer may take before its run is cancelled, in milliseconds; anew for each attempt. Default: 1 hour. */
  readonly maxDurationMs?: number | undefined;
}

export interface RunsOptions extends RunLimits {
  /** Where runs are kept. Default: a `MemoryBackplane` of its own, which is closed with the runs. */
  readonly backplane?: Backplane;
  /**
   * Called with a run whose process ended, in one of the processes. With it, {@link Runs.drain} and {@link Runs.close}
   * leave unfinished runs to other processes. Default: such runs end as interrupted.
   */
  readonly onInterrupted?: OnInterrupted;
  /** How often a run is continued. Default: 1. */
  readonly maxAttempts?: number;
  /**
   * How long a process may be silent before its runs count as interrupted, in milliseconds, by the clock of the
   * backplane. Leases are renewed every third of it. The same in all processes. Default: 15 s.
   */
  readonly leaseMs?: number;
  /** How long the producer of a cancelled run may go on, in milliseconds. Default: 5 s. */
  readonly cancelGraceMs?: number;
  /** Most bytes of one record, of a result and of an input. Default: 1 MiB. */
  readonly maxRecordBytes?: number;
  /** Most runs with a producer in this process at once. Default: 10,000. */
  readonly maxRuns?: number;
  /** Default: the console. */
  readonly logger?: Logger;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const RUNS_OPTIONS: OptionNames<RunsOptions> = {
  backplane: true,
  onInterrupted: true,
  maxAttempts: true,
  leaseMs: true,
  maxRecords: true,
  maxBytes: true,
  maxRecordBytes: true,
  maxDurationMs: true,
  cancelGraceMs: true,
  ttlMs: true,
  maxRuns: true,
  logger: true,
  clock: true,
};

export interface StartOptions extends RunLimits {
  /** To whom the run belongs: 1 to 256 bytes of UTF-8. Only a `start` with the same owner joins it. */
  readonly owner: string;
  /** JSON that `onInterrupted` needs to continue the run. Default: none. */
  readonly input?: unknown;
}

const START_OPTIONS: OptionNames<StartOptions> = {
  owner: true,
  input: true,
  maxRecords: true,
  maxBytes: true,
  ttlMs: true,
  maxDurationMs: true,
};

export interface DrainOptions {
  /** How long to wait for producers, in milliseconds. Default: 30 s. */
  readonly drainMs?: number;
}

const DRAIN_OPTIONS: OptionNames<DrainOptions> = { drainMs: true };

const DEFAULTS = Object.freeze({
  maxAttempts: 1,
  leaseMs: 15_000,
  maxRecords: 50_000,
  maxBytes: 16 * 1024 * 1024,
  maxRecordBytes: 1024 * 1024,
  maxDurationMs: 60 * 60 * 1000,
  cancelGraceMs: 5000,
  ttlMs: 60 * 60 * 1000,
  maxRuns: 10_000,
});
/** The default of `server.stop`. */
const DEFAULT_DRAIN_MS = 30_000;

/** The checked settings of a {@link Runs}. */
export interface RunsSettings {
  readonly run: RunSettings;
  readonly task: TaskLimits;
  readonly maxAttempts: number;
  readonly maxRuns: number;
  readonly onInterrupted: OnInterrupted | undefined;
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function settingsOf(options: RunsOptions): RunsSettings {
  topicsChecks.options('Runs', options, RUNS_OPTIONS);
  const given = { ...DEFAULTS, ...defined(options) };
  const { onInterrupted } = options;
  if (onInterrupted !== undefined) topicsChecks.callback('Runs', 'onInterrupted', onInterrupted);
  const leaseMs = topicsChecks.durationMs('Runs', 'leaseMs', given.leaseMs, 3);
  const maxDurationMs = topicsChecks.positiveNumber('Runs', 'maxDurationMs', given.maxDurationMs);
  return Object.freeze({
    run: Object.freeze({ ...logLimitsOf('Runs', given), leaseMs, maxDurationMs }),
    task: Object.freeze({
      cancelGraceMs: topicsChecks.durationMs('Runs', 'cancelGraceMs', given.cancelGraceMs),
      maxRecordBytes: topicsChecks.wholeNumber('Runs', 'maxRecordBytes', given.maxRecordBytes, 1),
    }),
    maxAttempts: topicsChecks.wholeNumber('Runs', 'maxAttempts', given.maxAttempts),
    maxRuns: topicsChecks.wholeNumber('Runs', 'maxRuns', given.maxRuns),
    onInterrupted,
  });
}

/** The checked options of one start. */
export interface StartPlan {
  readonly owner: string;
  readonly input: string | undefined;
  readonly settings: RunSettings;
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`; TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE`. */
export function planStart(options: StartOptions, { run, task }: RunsSettings): StartPlan {
  topicsChecks.options('start', options, START_OPTIONS);
  const owner = requireName('start', 'owner', options.owner);
  const input = options.input === undefined ? undefined : inputOf(options.input, task.maxRecordBytes);
  const given = { ...run, ...defined(options) };
  const maxDurationMs = topicsChecks.positiveNumber('start', 'maxDurationMs', given.maxDurationMs);
  return {
    owner,
    input,
    settings: { ...logLimitsOf('start', given), leaseMs: run.leaseMs, maxDurationMs },
  };
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function drainMsOf(options: DrainOptions): number {
  topicsChecks.options('drain', options, DRAIN_OPTIONS);
  return topicsChecks.durationMs('drain', 'drainMs', options.drainMs ?? DEFAULT_DRAIN_MS);
}

function inputOf(input: unknown, maxBytes: number): string {
  if (ArrayBuffer.isView(input)) throw topicsChecks.wrong('start', 'input: a JSON value', input);
  return payloadOf('start: input', input, maxBytes) as string;
}

type LogLimits = Pick<RunSettings, 'maxRecords' | 'maxBytes' | 'ttlMs'>;

function logLimitsOf(operation: string, given: LogLimits): LogLimits {
  return {
    maxRecords: topicsChecks.wholeNumber(operation, 'maxRecords', given.maxRecords, 1),
    maxBytes: topicsChecks.wholeNumber(operation, 'maxBytes', given.maxBytes, 1),
    ttlMs: topicsChecks.durationMs(operation, 'ttlMs', given.ttlMs),
  };
}

/** Without the options that are undefined, which are as good as absent. */
function defined<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Options]?: Exclude<Options[Name], undefined> };
}
