import { isThenable } from '@landspout/ioloop/reactor';
import type { FetchEnvironment, FetchHandler } from './fetch-container.ts';
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

/** Calls `onError` if the handler throws or rejects. */
export function withErrorHandler(
  fetch: FetchHandler,
  onError: ServeErrorHandler | undefined,
): (request: Request, environment?: FetchEnvironment) => Result {
  const direct = (request: Request, environment?: FetchEnvironment): Result =>
    fetch(request, environment as FetchEnvironment) as Result;
  if (onError === undefined) return direct;
  return (request, environment) => {
    try {
      const result = direct(request, environment);
      return isThenable(result) ? Promise.resolve(result).catch(onError) : result;
    } catch (error) {
      return onError(error);
    }
  };
}
