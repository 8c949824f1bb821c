/**
 * Fetch handlers, `(Request) => Response`, such as those of Hono and h3: `serve` runs one, `FetchContainer` is one for an
 * HTTPServer, and `toFetchHandler` is the reverse, an Application as such a handler.
 *
 * @packageDocumentation
 */

export { CALLING_ERRORS, type CallingErrorCode, HTTPDetachError } from '../calling/errors.ts';
export { FetchServer } from '../serving/fetch-server.ts';
export { serve } from '../serving/serve.ts';
export type {
  FetchServerEvents,
  FetchServerOptions,
  PluginServer,
  ServeErrorHandler,
  ServeFetch,
  ServeMiddleware,
  ServeOptions,
  ServePlugin,
  ServeRequest,
} from '../serving/serve-options.ts';
export {
  exchangeOf,
  FetchContainer,
  type FetchContainerOptions,
  type FetchEnvironment,
  type FetchHandler,
} from './fetch-container.ts';
export type { RequestExchange } from './fetch-request.ts';
export type { FetchConnectionInfo } from './outer-fetch-connection.ts';
export { type DelegateFetchHandler, type ToFetchHandlerOptions, toFetchHandler } from './to-fetch-handler.ts';
