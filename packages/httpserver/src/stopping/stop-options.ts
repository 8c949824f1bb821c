import { ArgumentChecks, type OptionNames } from '@landspout/ioloop/errors';
import { StreamUsageError } from '@landspout/iostream';

/** Checks the options and arguments of a server. */
export const serverChecks = new ArgumentChecks(
  (problem) => new StreamUsageError('ERR_STREAM_USAGE', problem),
);

/** How a server stops. */
export interface StopOptions {
  /**
   * How long the server still accepts connections after the stop began, before {@link graceMs}. Meanwhile it responds
   * to requests with `Connection: close`, `HTTPServer.stopping` is aborted and a ReadinessHandler responds 503, so that
   * load balancers that check the server send requests elsewhere before connections are refused. Set it to the time
   * that they need to notice. Streams that were taken over are asked to close after it. Default: 0.
   */
  readonly acceptMs?: number;
  /**
   * How long an idle connection may still send one more request, whose response has `Connection: close`. Default: 1 s.
   */
  readonly graceMs?: number;
  /**
   * Maximum time of the whole stop; after it, remaining connections are reset. Default: 30 s, but at least
   * {@link acceptMs} and {@link graceMs} together.
   */
  readonly drainMs?: number;
  /**
   * Whether the service ends for good. If false, it is restarted or replaced by another process, and clients may
   * reconnect: WebSockets are closed with 1012 (service restart) instead of 1001 (going away). Default: false.
   */
  readonly final?: boolean;
  /**
   * Maximum number of streams that were taken over, such as WebSockets, that are asked to close in any second; 1 or
   * more. They are asked in random order. A number up to this is asked at once. The rate is raised if it would not be
   * enough to ask all of them 5 s before {@link drainMs}. `Infinity`: all at once. Default: 500.
   */
  readonly closesPerSecond?: number;
  /** Source of that order: returns numbers from 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
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

const DEFAULT_CLOSES_PER_SECOND = 500;

/** The names of all {@link StopOptions}. */
export const STOP_OPTIONS: OptionNames<StopOptions> = {
  acceptMs: true,
  graceMs: true,
  drainMs: true,
  final: true,
  closesPerSecond: true,
  random: true,
};

/**
 * Checks the options and fills in defaults.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is unknown or invalid.
 */
export function resolveStopOptions(options: StopOptions): Required<StopOptions> {
  serverChecks.options('stop', options, STOP_OPTIONS);
  const { graceMs = DEFAULT_GRACE_MS, final = false, random = Math.random } = options;
  const { acceptMs = 0 } = options;
  serverChecks.durationMs('stop', 'acceptMs', acceptMs);
  serverChecks.durationMs('stop', 'graceMs', graceMs);
  const leastMs = acceptMs + graceMs;
  const { drainMs = Math.max(DEFAULT_DRAIN_MS, leastMs) } = options;
  serverChecks.durationMs('stop', 'drainMs', drainMs, leastMs);
  const { closesPerSecond = DEFAULT_CLOSES_PER_SECOND } = options;
  serverChecks.boolean('stop', 'final', final);
  serverChecks.number('stop', 'closesPerSecond', closesPerSecond, 1);
  serverChecks.callback('stop', 'random', random);
  return { acceptMs, graceMs, drainMs, final, closesPerSecond, random };
}
