import { loopChecks } from '../checks.ts';
import { consoleLogger, type Logger } from '../logger.ts';
import type { OptionNames } from '../option-names.ts';

/** What becomes of errors that no caller can be told, because another one was thrown or the caller has left. */
export interface FailureReport {
  /** Which of them are expected and not logged: all, or those that the function says; default: none. */
  readonly quiet?: boolean | ((error: unknown) => boolean) | undefined;
  /** Where the others are logged; default: the console. */
  readonly logger?: Logger | undefined;
}

const REPORT_OPTIONS: OptionNames<FailureReport> = { quiet: true, logger: true };

/**
 * Looks at a report when it is given, as the failure that it is for may come in another year.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for one that cannot be meant.
 */
export function checkReport(operation: string, report: FailureReport): void {
  loopChecks.options(operation, report, REPORT_OPTIONS);
  checkReportValues(operation, report);
}

/** As {@link checkReport}, for a report among options that have been looked at together. */
export function checkReportValues(operation: string, report: FailureReport): void {
  const { quiet, logger } = report;
  if (quiet !== undefined && typeof quiet !== 'boolean' && typeof quiet !== 'function') {
    throw loopChecks.wrong(operation, 'a boolean or a function as quiet', quiet);
  }
  if (logger !== undefined) loopChecks.withMethods(operation, 'a Logger as logger', logger, 'error');
}

/** Logs `error` unless it is a quiet one. */
export function reportFailure(error: unknown, message: string, report: FailureReport): void {
  const { logger = consoleLogger } = report;
  try {
    if (isQuiet(error, report.quiet)) return;
  } catch (fault) {
    // Thrown on, it would be an unhandled rejection: there is nobody above us.
    logger.error({ error: fault }, 'the function that says which errors are quiet failed');
  }
  logger.error({ error }, message);
}

function isQuiet(error: unknown, quiet: FailureReport['quiet']): boolean {
  return typeof quiet === 'function' ? quiet(error) : quiet === true;
}
