import { ArgumentChecks, type OptionNames } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';

/** Checks the options and arguments of a server. */
export const serverChecks = new ArgumentChecks(
  (problem) => new StreamUsageError('ERR_STREAM_USAGE', problem),
);

/** How a server stops. */
export interface StopOptions {
  /**
   * How long an idle connection may still send one more request, whose response has `Connection: close`. Default: 1 s.
   */
  readonly graceMs?: number;
  /**
   * Maximum time of the whole stop; after it, remaining connections are reset. Default: 30 s, but at least
   * {@link graceMs}.
   */
  readonly drainMs?: number;
}

/** How the connections of a stopped server ended. */
export interface StopResult {
  /** Connections that completed a request after the stop started, and streams that their new owners closed in time. */
  readonly finished: number;
  /**
   * Connections that completed no request after the stop started: they were closed after the grace period, or by their
   * peers.
   */
  readonly idle: number;
  /** Connections that were reset at the end of `drainMs`. */
  readonly cut: number;
}

const DEFAULT_GRACE_MS = 1_000;
const DEFAULT_DRAIN_MS = 30_000;

const STOP_OPTIONS: OptionNames<StopOptions> = { graceMs: true, drainMs: true };

/**
 * Checks the options and fills in defaults.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is unknown or invalid.
 */
export function resolveStopOptions(options: StopOptions): Required<StopOptions> {
  serverChecks.options('stop', options, STOP_OPTIONS);
  const { graceMs = DEFAULT_GRACE_MS } = options;
  const { drainMs = Math.max(DEFAULT_DRAIN_MS, graceMs) } = options;
  serverChecks.durationMs('stop', 'graceMs', graceMs);
  serverChecks.durationMs('stop', 'drainMs', drainMs, graceMs);
  return { graceMs, drainMs };
}
