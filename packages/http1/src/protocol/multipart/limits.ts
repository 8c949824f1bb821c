import type { OptionNames } from '@landspout/ioloop/errors';
import { limitChecks } from '../grammar/limits.ts';

/**
 * The limits of one multipart body. Every limit is a whole number of zero or more. The size of the whole body is limited
 * by `maxBodyBytes` of the message, see `Http1Limits`.
 */
export interface MultipartLimits {
  /**
   * Maximum number of parts, both fields and files; status 400 if exceeded. Default: 1,000, as for the fields of other
   * forms.
   */
  readonly maxParts: number;
  /** Maximum number of parts with a file name; status 400 if exceeded. Default: 100. */
  readonly maxFiles: number;
  /**
   * Maximum size of the headers of one part, including the empty line, in bytes; status 400 if exceeded. Default: 10
   * KiB, as in Tornado.
   */
  readonly maxPartHeaderBytes: number;
  /** Maximum number of header fields of one part; status 400 if exceeded. Default: 32. Browsers send two. */
  readonly maxPartHeaders: number;
  /** Maximum size of the body of a part without a file name, in bytes; status 413 if exceeded. Default: 1 MiB. */
  readonly maxFieldBytes: number;
}

/** The limits that apply if the program sets none. */
export const DEFAULT_MULTIPART_LIMITS: MultipartLimits = Object.freeze({
  maxParts: 1_000,
  maxFiles: 100,
  maxPartHeaderBytes: 10 * 1024,
  maxPartHeaders: 32,
  maxFieldBytes: 1024 * 1024,
});

/** The names of the limits, for checking options that include them. */
export const MULTIPART_LIMIT_NAMES: OptionNames<MultipartLimits> = Object.freeze({
  maxParts: true,
  maxFiles: true,
  maxPartHeaderBytes: true,
  maxPartHeaders: true,
  maxFieldBytes: true,
});

/**
 * Checks limits and fills in the defaults.
 *
 * @param operation - the name of the caller's operation, for the error message.
 * @throws Http1UsageError `ERR_HTTP1_LIMIT` if a limit is unknown or is not a whole number of zero or more.
 */
export function resolveMultipartLimits(
  operation: string,
  limits: Partial<MultipartLimits> = DEFAULT_MULTIPART_LIMITS,
): MultipartLimits {
  if (limits === DEFAULT_MULTIPART_LIMITS) return DEFAULT_MULTIPART_LIMITS;
  limitChecks.options(operation, limits, MULTIPART_LIMIT_NAMES);
  const defaults = DEFAULT_MULTIPART_LIMITS;
  const resolved = {
    maxParts: limits.maxParts ?? defaults.maxParts,
    maxFiles: limits.maxFiles ?? defaults.maxFiles,
    maxPartHeaderBytes: limits.maxPartHeaderBytes ?? defaults.maxPartHeaderBytes,
    maxPartHeaders: limits.maxPartHeaders ?? defaults.maxPartHeaders,
    maxFieldBytes: limits.maxFieldBytes ?? defaults.maxFieldBytes,
  };
  for (const [name, value] of Object.entries(resolved)) limitChecks.wholeNumber(operation, name, value);
  return resolved;
}
