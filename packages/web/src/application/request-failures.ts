// What becomes of a request whose handler has thrown something: the response, if the handler does not make it.

import { errorOf } from '@landspout/ioloop/errors';
import { reportRejection } from '@landspout/ioloop/reactor';
import { Finish, WebUsageError } from '../errors.ts';
import type { AnyHandler } from '../handler/lifecycle.ts';
import { appendErrorPage, respondWithClosed, respondWithError } from '../response/error-response.ts';
import type { RequestContext } from './request-context.ts';
import { logFailure } from './request-hooks.ts';

/**
 * Returns what was thrown; an Error that describes it if inspecting it throws, as with a revoked proxy.
 */
export function readable(thrown: unknown): unknown {
  try {
    if (!(thrown instanceof Error)) return thrown;
  } catch {
    // See below.
  }
  return errorOf(thrown);
}

/** Completes the response because {@link Finish} was thrown. */
export function finishWith(
  context: RequestContext,
  handler: AnyHandler | undefined,
  { chunk }: Finish,
): void {
  const failed = (error: unknown): void => context.failed(error instanceof Finish ? endless(error) : error);
  try {
    if (handler === undefined) context.response.finish(undefined, chunk);
    else reportRejection(handler.finish(chunk), failed);
  } catch (error) {
    failed(error);
  }
}

/** The error for a {@link Finish} that was thrown while the response was being finished because of an earlier one. */
function endless(cause: Finish): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', 'finish must not throw Finish', { cause });
}

/**
 * Responds without a handler, because there is none yet or because making its error page failed. The headers must not
 * have been sent.
 *
 * @param shown - the error of the page; undefined for the page of a 500 that shows nothing.
 */
export function respondPlainly(
  context: RequestContext,
  handler: AnyHandler | undefined,
  shown: unknown,
): void {
  const { request, response } = context;
  try {
    const { settings, serveTraceback } = context.application;
    const { writeError } = settings;
    const write = (): void => {
      if (writeError === undefined || shown === undefined)
        appendErrorPage(request, response, shown, serveTraceback);
      else writeError(context, shown);
    };
    respondWithError(request, response, shown, write);
  } catch (failure) {
    // Either a `beforeHeaders` hook threw (it is not called again), or the headers or data of the error are invalid.
    logFailure(context, handler, failure);
    writeLastPage(context);
  }
}

function writeLastPage({ request, response }: RequestContext): void {
  if (response.ended) return;
  try {
    respondWithError(request, response, undefined);
  } catch (failure) {
    response.abort(errorOf(failure));
  }
}

/**
 * Ends a request whose handler stopped because the client has half-closed, which is not an error. The client may still
 * read: it gets a 499 or, if the headers were already sent, sees that the response is incomplete.
 */
export function giveUp({ request, response }: RequestContext): void {
  if (response.headSent) response.abort(request.closeReason as Error);
  else respondWithClosed(response);
}
