import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';

/** How a server stops. */
export interface StopOptions {
  /** How long idle connections may still send a request, which is answered with `Connection: close`. Default 1 s. */
  readonly graceMs?: number;
  /** How long everything may take; then the rest is cut. Default 30 s, and at least {@link graceMs}. */
  readonly drainMs?: number;
}

/** How the connections of a stopped server ended. */
export interface StopResult {
  /** Those that had a request answered after the stop began, and streams that their new owners closed in time. */
  readonly finished: number;
  /** Those that had none: closed after the grace period, or by their peers. */
  readonly idle: number;
  /** Those that were cut at the end of `drainMs`. */
  readonly cut: number;
}

const DEFAULT_GRACE_MS = 1_000;
const DEFAULT_DRAIN_MS = 30_000;

const STOP_OPTIONS: OptionNames<StopOptions> = { graceMs: true, drainMs: true };

/** Fills in the defaults. @throws StreamUsageError `ERR_STREAM_USAGE` for an option that is not known or invalid. */
export function resolveStopOptions(options: StopOptions): Required<StopOptions> {
  requireServerOptions('stop', options, STOP_OPTIONS);
  const { graceMs = DEFAULT_GRACE_MS } = options;
  const { drainMs = Math.max(DEFAULT_DRAIN_MS, graceMs) } = options;
  requireTime('graceMs', graceMs, 0);
  requireTime('drainMs', drainMs, graceMs);
  return { graceMs, drainMs };
}

/** @throws StreamUsageError `ERR_STREAM_USAGE` for what is no object of options, and for names that are not known. */
export function requireServerOptions<Options extends object>(
  operation: string,
  options: Options,
  known: OptionNames<Options>,
): void {
  const problem = optionsProblem(options, known);
  if (problem !== undefined) throw new StreamUsageError('ERR_STREAM_USAGE', `${operation}: ${problem}`);
}

function requireTime(name: string, value: number, least: number): void {
  if (value >= least && value < 2 ** 31) return;
  throw new StreamUsageError(
    'ERR_STREAM_USAGE',
    `stop: ${name} of at least ${least} was expected, not ${shownValue(value)}`,
  );
}
