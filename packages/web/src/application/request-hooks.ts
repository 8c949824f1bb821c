// The hooks of a handler and of its application that only observe a request, and the records of what fails in it.

import { isCancellation } from '@landspout/ioloop';
import { callReporting, isThenable, reportRejection } from '@landspout/ioloop/reactor';
import { HTTPError, WebUsageError } from '../errors.ts';
import type { AnyHandler } from '../handler/lifecycle.ts';
import { logRequestError } from '../request/log-text.ts';
import type { RequestContext } from './request-context.ts';

const LOGGING_FAILED = 'logFunction threw or rejected';
const ON_FINISH_FAILED = 'onFinish threw or rejected';

/** Whether the error is that of a handler that wrote to a complete response. */
export function isTooLate(error: unknown): boolean {
  return error instanceof WebUsageError && error.code === 'ERR_WEB_FINISHED';
}

/** Whether an error only reports that the client has disconnected, which is not a fault of the program. */
export function isOfClosing(context: RequestContext, error: unknown): boolean {
  const { closeReason } = context.request;
  if (closeReason === undefined) return false;
  if (context.response.gone !== undefined || isCancellation(error, closeReason)) return true;
  // The handler wrote after its timeout had ended the response with a 503.
  return closeReason instanceof HTTPError && isTooLate(error);
}

/** Logs an error: through the handler, if there is one. */
export function logFailure(context: RequestContext, handler: AnyHandler | undefined, error: unknown): void {
  if (isOfClosing(context, error)) {
    // Without an access log, nothing else would record a 499.
    const { gone, ended } = context.response;
    const isOnlyRecord = gone === undefined && !ended && !context.application.logsRequests;
    report(context, isOnlyRecord ? 'info' : 'debug', error, 'a handler failed after its client had left');
    return;
  }
  callHook(context, () => {
    if (handler === undefined) logRequestError(error, context.request, context.application);
    else return handler.logException(error);
  });
}

/** Writes a record. If the logger throws, the client must still get its response, and the process must not end. */
export function report(
  context: RequestContext,
  level: 'debug' | 'info' | 'error',
  error: unknown,
  message: string,
): void {
  try {
    context.log[level]({ error }, message);
  } catch {
    // The logger itself failed, so there is no place to report that.
  }
}

/** Calls a hook of the handler. What it throws, or rejects with, is logged. */
export function callHook(context: RequestContext, hook: () => unknown): void {
  callReporting(hook, undefined, (error) =>
    report(context, 'error', error, 'a hook of a handler threw or rejected'),
  );
}

/** Logs a request that is finished, and calls `onFinish` of its handler. */
export function callFinishHooks(context: RequestContext, handler: AnyHandler | undefined): void {
  try {
    watchHook(context, context.application.logRequest(context), LOGGING_FAILED);
  } catch (error) {
    report(context, 'error', error, LOGGING_FAILED);
  }
  try {
    watchHook(context, handler?.onFinish(), ON_FINISH_FAILED);
  } catch (error) {
    report(context, 'error', error, ON_FINISH_FAILED);
  }
}

/** Like {@link callHook}, but needs no closure, for a hook that was already called. */
function watchHook(context: RequestContext, result: unknown, message: string): void {
  if (!isThenable(result)) return;
  reportRejection(result, (error) => report(context, 'error', error, message));
}
