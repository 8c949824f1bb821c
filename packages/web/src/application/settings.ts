import { logAccess } from '@landspout/httpserver';
import type { Clock, Logger } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import type { HandlerClass } from '../handler/lifecycle.ts';
import type { RequestHandler } from '../handler/request-handler.ts';

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
  webChecks.options('Application', settings, SETTINGS);
  const { logFunction, logger } = settings;
  if (logFunction !== undefined) webChecks.callback('Application', 'logFunction', logFunction);
  if (logger !== undefined) webChecks.withMethods('Application', 'a logger', logger, 'error');
}

/** A {@link LogFunction} that writes a line like `200 GET /path (127.0.0.1) 1.25ms`, as `logAccess` of the server does. */
export const accessLog: LogFunction = ({ application, request, status }) => {
  const { method, target, remoteIp } = request;
  logAccess({ method, target, remoteIp, status, durationMs: request.requestTime() }, application.logger);
};
