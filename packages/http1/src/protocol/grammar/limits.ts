import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { Http1UsageError } from './errors.ts';

/** What one message may cost us. Every limit is a whole number of zero or more. */
export interface Http1Limits {
  /** Bytes of a start line with its headers. Default 64 KiB, as Tornado; 414 or 431 beyond. */
  readonly maxHeadBytes: number;
  /** Header fields of one message, and of one trailer section. Default 200; 431 beyond. */
  readonly maxHeaders: number;
  /** Body bytes after the transfer coding is undone. Default 100 MiB, as Tornado; 413 beyond. */
  readonly maxBodyBytes: number;
  /** Bytes of chunk extensions in one message. They carry nothing, so 16 KiB is plenty; 400 beyond. */
  readonly maxChunkExtensionBytes: number;
  /** Bytes of one trailer section. Default 16 KiB: checksums and timings fit; 431 beyond. */
  readonly maxTrailerBytes: number;
  /** Client only: 1xx responses before the final one. Default 20: a server may repeat 102 or 103. */
  readonly maxInterimResponses: number;
}

/** The limits that hold where the program says nothing. */
export const DEFAULT_LIMITS: Http1Limits = Object.freeze({
  maxHeadBytes: 64 * 1024,
  maxHeaders: 200,
  maxBodyBytes: 100 * 1024 * 1024,
  maxChunkExtensionBytes: 16 * 1024,
  maxTrailerBytes: 16 * 1024,
  maxInterimResponses: 20,
});

/** The names of the limits, for an object of options that has others beside them. */
export const LIMIT_NAMES: OptionNames<Http1Limits> = Object.freeze({
  maxHeadBytes: true,
  maxHeaders: true,
  maxBodyBytes: true,
  maxChunkExtensionBytes: true,
  maxTrailerBytes: true,
  maxInterimResponses: true,
});

/** Limits that have been checked: a server resolves once, and all its connections share the one object. */
const resolved = new WeakSet<object>([DEFAULT_LIMITS]);

/**
 * Fills in the defaults. Its result can be given back to it, which costs nothing.
 *
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` for a limit that is not known or not a whole number of zero or more. There is no
 *   "unlimited"; use `Number.MAX_SAFE_INTEGER` where that is really meant.
 */
export function resolveLimits(limits: Partial<Http1Limits> | undefined): Http1Limits {
  if (limits === undefined) return DEFAULT_LIMITS;
  if (resolved.has(limits)) return limits as Http1Limits;
  const problem = optionsProblem(limits, LIMIT_NAMES);
  if (problem !== undefined) throw new Http1UsageError('ERR_HTTP1_LIMIT', `limits: ${problem}`);
  const result: Http1Limits = Object.freeze({
    maxHeadBytes: limits.maxHeadBytes ?? DEFAULT_LIMITS.maxHeadBytes,
    maxHeaders: limits.maxHeaders ?? DEFAULT_LIMITS.maxHeaders,
    maxBodyBytes: limits.maxBodyBytes ?? DEFAULT_LIMITS.maxBodyBytes,
    maxChunkExtensionBytes: limits.maxChunkExtensionBytes ?? DEFAULT_LIMITS.maxChunkExtensionBytes,
    maxTrailerBytes: limits.maxTrailerBytes ?? DEFAULT_LIMITS.maxTrailerBytes,
    maxInterimResponses: limits.maxInterimResponses ?? DEFAULT_LIMITS.maxInterimResponses,
  });
  for (const [name, value] of Object.entries(result)) checkLimit(name, value);
  resolved.add(result);
  return result;
}

/** Refuses a limit that would not limit: NaN, Infinity, a fraction, or less than nothing. */
export function checkLimit(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new Http1UsageError(
    'ERR_HTTP1_LIMIT',
    `${name} must be a whole number of zero or more, not ${shownValue(value)}`,
  );
}
