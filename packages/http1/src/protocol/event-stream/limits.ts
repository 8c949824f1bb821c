import type { OptionNames } from '@landspout/ioloop/errors';
import { limitChecks } from '../grammar/limits.ts';

/** Limits of one event stream. Each is a whole number of at least 1. */
export interface EventStreamLimits {
  /** Maximum length of a line without its line end, in bytes; comments included. Default: 64 KiB. */
  readonly maxLineBytes: number;
  /**
   * Maximum size of the lines of one event together, in bytes; comments not included, and each line end counted as one
   * byte. Default: 1 MiB.
   */
  readonly maxEventBytes: number;
}

/** The limits that apply if the program sets none. */
export const DEFAULT_EVENT_STREAM_LIMITS: EventStreamLimits = Object.freeze({
  maxLineBytes: 64 * 1024,
  maxEventBytes: 1024 * 1024,
});

/** The names of the limits, for checking options that include them. */
export const EVENT_STREAM_LIMIT_NAMES: OptionNames<EventStreamLimits> = Object.freeze({
  maxLineBytes: true,
  maxEventBytes: true,
});

/**
 * Checks limits and fills in the defaults.
 *
 * @param operation - the name of the caller's operation, for the error message.
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is not a whole number of at least 1.
 */
export function resolveEventStreamLimits(
  operation: string,
  limits: Partial<EventStreamLimits>,
): EventStreamLimits {
  const { maxLineBytes, maxEventBytes } = { ...DEFAULT_EVENT_STREAM_LIMITS, ...limits };
  return {
    maxLineBytes: limitChecks.wholeNumber(operation, 'maxLineBytes', maxLineBytes, 1),
    maxEventBytes: limitChecks.wholeNumber(operation, 'maxEventBytes', maxEventBytes, 1),
  };
}
