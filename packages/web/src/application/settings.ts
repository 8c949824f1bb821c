import type { Clock, Logger } from '@landspout/ioloop';
import { type OptionNames, optionsProblem, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';
import type { HandlerClass } from '../handler/lifecycle.ts';
import type { RequestHandler } from '../handler/request-handler.ts';
import { requestSummary } from '../request/log-text.ts';

/** Called when a response is complete. If it throws or rejects, that is logged. */
export type LogFunction = (handler: RequestHandler) => unknown;

export interface ApplicationSettings {
  /** Turns on what helps while programming: {@link serveTraceback}, and a log record for each refusal. Default false. */
  readonly debug?: boolean;
  /** Whether error pages show the stack. Default: as {@link debug}. Never on a public server. */
  readonly serveTraceback?: boolean;
  /** Answers what no route matches. Default: a 404. */
  readonly defaultHandlerClass?: HandlerClass;
  /** What {@link defaultHandlerClass} is given by `initialize`. */
  readonly defaultHandlerInit?: object;
  /**
   * Logs each answer. Default: none, as a line costs more than a small answer does; errors are logged anyway.
   * `logFunction: accessLog` writes the usual line.
   */
  readonly logFunction?: LogFunction;
  /** Default: standard error. */
  readonly logger?: Logger;
  /** Whose time the log of refusals goes by. Default: the machine's. */
  readonly clock?: Clock;
}

const SETTINGS: OptionNames<ApplicationSettings> = {
  debug: true,
  serveTraceback: true,
  defaultHandlerClass: true,
  defaultHandlerInit: true,
  logFunction: true,
  logger: true,
  clock: true,
};

/** @throws WebUsageError `ERR_WEB_USAGE` for a setting that is not known, and for functions and loggers that are none. */
export function requireSettings(settings: ApplicationSettings): void {
  const problem = optionsProblem(settings, SETTINGS);
  if (problem !== undefined) throw new WebUsageError('ERR_WEB_USAGE', `Application: ${problem}`);
  const { logFunction, logger } = settings;
  if (logFunction !== undefined && typeof logFunction !== 'function')
    refuse('a function as logFunction', logFunction);
  if (logger !== undefined && typeof logger?.error !== 'function') refuse('a logger', logger);
}

function refuse(expected: string, value: unknown): never {
  const problem = `Application: ${expected} was expected, not ${shownValue(value)}`;
  throw new WebUsageError('ERR_WEB_USAGE', problem);
}

/**
 * A {@link LogFunction} that writes a line like `200 GET /path (127.0.0.1) 1.25ms`: 4xx as warnings, 5xx as errors. A 499
 * is information: the client ended its side, and the handler gave up because of that.
 */
export const accessLog: LogFunction = (handler) => {
  const { request, status } = handler;
  const { logger } = handler.application;
  const line = `${status} ${requestSummary(request)} ${request.requestTime().toFixed(2)}ms`;
  if (status < 400 || status === 499) logger.info({ status }, line);
  else if (status < 500) logger.warn({ status }, line);
  else logger.error({ status }, line);
};
