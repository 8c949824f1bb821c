import { acceptLogger } from '../bound-logger.ts';
import { loopChecks } from '../checks.ts';
import { consoleLogger } from '../console-logger.ts';
import type { Logger } from '../logger.ts';
import type { OptionNames } from '../option-names.ts';

/** How to report errors that do not reach a caller, because another error was thrown or the caller no longer waits. */
export interface FailureReport {
  /**
   * Errors that are expected and not logged: all if `true`, or those for which the function returns true. Default:
   * none.
   */
  readonly quiet?: boolean | ((error: unknown) => boolean) | undefined;
  /** Gets the log records of all other errors. Default: the console. */
  readonly logger?: Logger | undefined;
}

const REPORT_OPTIONS: OptionNames<FailureReport> = { quiet: true, logger: true };

/**
 * Checks a report when it is passed, since the failure to report may occur much later.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` if it is invalid.
 */
export function checkReport(operation: string, report: FailureReport): void {
  loopChecks.options(operation, report, REPORT_OPTIONS);
  checkReportValues(operation, report);
}

/** As {@link checkReport}, for a report whose option names were already checked. */
export function checkReportValues(operation: string, report: FailureReport): void {
  const { quiet, logger } = report;
  if (quiet !== undefined && typeof quiet !== 'boolean' && typeof quiet !== 'function') {
    throw loopChecks.wrong(operation, 'a boolean or a function as quiet', quiet);
  }
  if (logger !== undefined) loopChecks.withMethods(operation, 'a Logger as logger', logger, 'error');
}

/** Logs `error` unless it is quiet. */
export function reportFailure(error: unknown, message: string, report: FailureReport): void {
  const logger = acceptLogger(report.logger ?? consoleLogger);
  try {
    if (isQuiet(error, report.quiet)) return;
  } catch (fault) {
    // No caller can catch this error: if it were rethrown, it would become an unhandled rejection.
    logger.error({ error: fault }, 'the `quiet` function threw; the error that it was called with is logged');
  }
  logger.error({ error }, message);
}

function isQuiet(error: unknown, quiet: FailureReport['quiet']): boolean {
  return typeof quiet === 'function' ? quiet(error) : quiet === true;
}
