import { ArgumentChecks, type OptionNames } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';

/** The checks of options and arguments of a server, those of stopping and all others. */
export const serverChecks = new ArgumentChecks(
  (problem) => new StreamUsageError('ERR_STREAM_USAGE', problem),
);

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
  serverChecks.options('stop', options, STOP_OPTIONS);
  const { graceMs = DEFAULT_GRACE_MS } = options;
  const { drainMs = Math.max(DEFAULT_DRAIN_MS, graceMs) } = options;
  serverChecks.durationMs('stop', 'graceMs', graceMs);
  serverChecks.durationMs('stop', 'drainMs', drainMs, graceMs);
  return { graceMs, drainMs };
}
