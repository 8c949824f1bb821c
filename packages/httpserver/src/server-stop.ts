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

/** Fills in the defaults. @throws StreamUsageError `ERR_STREAM_USAGE` for times that cannot be. */
export function resolveStopOptions(options: StopOptions): Required<StopOptions> {
  const { graceMs = DEFAULT_GRACE_MS } = options;
  const { drainMs = Math.max(DEFAULT_DRAIN_MS, graceMs) } = options;
  requireTime('graceMs', graceMs, 0);
  requireTime('drainMs', drainMs, graceMs);
  return { graceMs, drainMs };
}

function requireTime(name: string, value: number, least: number): void {
  if (value >= least && value < 2 ** 31) return;
  throw new StreamUsageError(
    'ERR_STREAM_USAGE',
    `stop: ${name} of at least ${least} was expected, not ${value}`,
  );
}
