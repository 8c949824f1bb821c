import { logAccess } from '@landspout/httpserver';
import type { Clock, Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import type { HandlerClass } from '../handler/lifecycle.ts';
import type { RequestHandler } from '../handler/request-handler.ts';

/** Called when a response is complete. If it throws or rejects, that is logged. */
export type LogFunction = (handler: RequestHandler) => unknown;

export interface ApplicationSettings {
  /** Turns on help for development: {@link serveTraceback}, and a log record for every refusal. Default: false. */
  readonly debug?: boolean;
  /** Whether error pages show the stack. Never use it on a public server. Default: the value of {@link debug}. */
  readonly serveTraceback?: boolean;
  /** Handles requests that no route matches. Default: responds with 404. */
  readonly defaultHandlerClass?: HandlerClass;
  /** Passed to `initialize` of {@link defaultHandlerClass}. */
  readonly defaultHandlerInit?: object;
  /**
   * Called to log each response. `logFunction: accessLog` writes the usual line. Default: none, because a log line
   * costs more than a small response. Errors are logged anyway.
   */
  readonly logFunction?: LogFunction;
  /** Default: standard error. */
  readonly logger?: Logger;
  /** The clock for the rate-limited log of refusals. Default: the clock of the system. */
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

/** @throws WebUsageError `ERR_WEB_USAGE` if a setting is unknown, or the function or the logger is invalid. */
export function requireSettings(settings: ApplicationSettings): void {
  webChecks.options('Application', settings, SETTINGS);
  const { logFunction, logger } = settings;
  if (logFunction !== undefined) webChecks.callback('Application', 'logFunction', logFunction);
  if (logger !== undefined) webChecks.withMethods('Application', 'a logger', logger, 'error');
}

/**
 * A {@link LogFunction} that writes a line such as `200 GET /path (127.0.0.1) 1.25ms`, in the format of `logAccess` of
 * the server.
 */
export const accessLog: LogFunction = ({ application, request, status }) => {
  const { method, target, remoteIp } = request;
  logAccess({ method, target, remoteIp, status, durationMs: request.requestTime() }, application.logger);
};
