import { ArgumentChecks, type OptionNames } from '@landspout/ioloop/errors';
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

/** Refuses a limit that would not limit: NaN, Infinity, a fraction, or less than nothing. */
export const limitChecks = new ArgumentChecks((problem) => new Http1UsageError('ERR_HTTP1_LIMIT', problem));

/**
 * Limits that were checked, and cannot change: a server resolves once, and all its connections share the one object. The
 * private field is the proof, which a copy of the limits does not have.
 */
class ResolvedLimits implements Http1Limits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly maxBodyBytes: number;
  readonly maxChunkExtensionBytes: number;
  readonly maxTrailerBytes: number;
  readonly maxInterimResponses: number;
  readonly #isChecked = true;

  /** @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is invalid. */
  constructor(limits: Partial<Http1Limits>) {
    this.maxHeadBytes = limits.maxHeadBytes ?? 64 * 1024;
    this.maxHeaders = limits.maxHeaders ?? 200;
    this.maxBodyBytes = limits.maxBodyBytes ?? 100 * 1024 * 1024;
    this.maxChunkExtensionBytes = limits.maxChunkExtensionBytes ?? 16 * 1024;
    this.maxTrailerBytes = limits.maxTrailerBytes ?? 16 * 1024;
    this.maxInterimResponses = limits.maxInterimResponses ?? 20;
    for (const [name, value] of Object.entries(this)) limitChecks.wholeNumber('limits', name, value);
    Object.freeze(this);
  }

  static isResolved(limits: unknown): limits is ResolvedLimits {
    return typeof limits === 'object' && limits !== null && #isChecked in limits;
  }
}

/** The limits that hold where the program says nothing. */
export const DEFAULT_LIMITS: Http1Limits = new ResolvedLimits({});

/** The names of the limits, for an object of options that has others beside them. */
export const LIMIT_NAMES: OptionNames<Http1Limits> = Object.freeze({
  maxHeadBytes: true,
  maxHeaders: true,
  maxBodyBytes: true,
  maxChunkExtensionBytes: true,
  maxTrailerBytes: true,
  maxInterimResponses: true,
});

/**
 * Fills in the defaults. Its result can be given back to it, which costs nothing.
 *
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` for a limit that is not known or not a whole number of zero or more. There is no
 *   "unlimited"; use `Number.MAX_SAFE_INTEGER` where that is really meant.
 */
export function resolveLimits(limits: Partial<Http1Limits> | undefined): Http1Limits {
  if (limits === undefined) return DEFAULT_LIMITS;
  if (ResolvedLimits.isResolved(limits)) return limits;
  limitChecks.options('limits', limits, LIMIT_NAMES);
  return new ResolvedLimits(limits);
}
