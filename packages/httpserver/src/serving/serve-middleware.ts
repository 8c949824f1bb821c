import { isThenable } from '@landspout/ioloop/reactor';
import type { FetchEnvironment, FetchHandler } from '../fetch/fetch-container.ts';
import { carriedResponse } from '../fetch/response-writer.ts';
import type { ServeErrorHandler, ServeFetch, ServeMiddleware } from './serve-options.ts';

type Result = Response | Promise<Response>;

/** Puts middleware in front of a handler, the first outermost. Without middleware, returns the handler. */
export function withMiddleware(fetch: ServeFetch, middleware: readonly ServeMiddleware[]): FetchHandler {
  let composed = fetch as FetchHandler;
  for (const one of [...middleware].reverse()) {
    const inner = composed;
    composed = (request, environment) => one(request, () => inner(request, environment) as Result);
  }
  return composed;
}

/**
 * Calls `onError` if the handler throws or rejects. What is thrown with a response of its own becomes that response, as in
 * a FetchContainer.
 */
export function withErrorHandler(
  fetch: FetchHandler,
  onError: ServeErrorHandler | undefined,
): (request: Request, environment?: FetchEnvironment) => Result {
  const direct = (request: Request, environment?: FetchEnvironment): Result =>
    fetch(request, environment as FetchEnvironment) as Result;
  const failed = (error: unknown): Result => {
    const carried = carriedResponse(error);
    if (carried !== undefined) return carried() as Result;
    if (onError === undefined) throw error;
    return onError(error);
  };
  return (request, environment) => {
    try {
      const result = direct(request, environment);
      return isThenable(result) ? Promise.resolve(result).catch(failed) : result;
    } catch (error) {
      return failed(error);
    }
  };
}
