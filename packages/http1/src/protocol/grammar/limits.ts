import { ArgumentChecks, type OptionNames } from '@landspout/ioloop/errors';
import { Http1UsageError } from './errors.ts';

/** The limits of one message. Every limit is a whole number of zero or more. */
export interface Http1Limits {
  /**
   * Maximum size of the start line and the headers together, in bytes; status 414 or 431 if exceeded. Default: 64 KiB,
   * as in Tornado.
   */
  readonly maxHeadBytes: number;
  /**
   * Maximum number of header fields of one message, and of fields of one trailer section; status 431 if exceeded.
   * Default: 200.
   */
  readonly maxHeaders: number;
  /**
   * Maximum size of the body without its transfer coding, in bytes; status 413 if exceeded. Default: 100 MiB, as in
   * Tornado.
   */
  readonly maxBodyBytes: number;
  /**
   * Maximum size of all chunk extensions of one message, in bytes; status 400 if exceeded. The extensions are ignored.
   * Default: 16 KiB.
   */
  readonly maxChunkExtensionBytes: number;
  /**
   * Maximum size of one trailer section, in bytes; status 431 if exceeded. Default: 16 KiB, enough for checksums and
   * timings.
   */
  readonly maxTrailerBytes: number;
  /**
   * Client only: maximum number of 1xx responses before the final response. Default: 20, because a server may repeat
   * 102 or 103.
   */
  readonly maxInterimResponses: number;
}

/** Checks limits. Refuses NaN, Infinity, fractions and negative numbers. */
export const limitChecks = new ArgumentChecks((problem) => new Http1UsageError('ERR_HTTP1_LIMIT', problem));

/**
 * Checked and frozen limits: a server resolves them once, and all its connections share the object. Only objects of
 * this class have the private field, which proves that the limits were checked; a copy does not have it.
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

/** The limits that apply if the program sets none. */
export const DEFAULT_LIMITS: Http1Limits = new ResolvedLimits({});

/** The names of the limits, for checking options that include them. */
export const LIMIT_NAMES: OptionNames<Http1Limits> = Object.freeze({
  maxHeadBytes: true,
  maxHeaders: true,
  maxBodyBytes: true,
  maxChunkExtensionBytes: true,
  maxTrailerBytes: true,
  maxInterimResponses: true,
});

/**
 * Checks limits and fills in the defaults. If `limits` is a result of this function, it is returned unchanged.
 *
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is unknown or is not a whole number of zero or more. There is no
 *   value for "unlimited": use `Number.MAX_SAFE_INTEGER` if you really need it.
 */
export function resolveLimits(limits: Partial<Http1Limits> | undefined): Http1Limits {
  if (limits === undefined) return DEFAULT_LIMITS;
  if (ResolvedLimits.isResolved(limits)) return limits;
  limitChecks.options('limits', limits, LIMIT_NAMES);
  return new ResolvedLimits(limits);
}
