/**
 * Web applications on Landspout: routes, handlers, arguments, answers, static files.
 *
 * Knows requests and answers. Does not know sockets or the wire: `@landspout/httpserver` carries it, and what a
 * handler's author needs of that is exported here too.
 *
 * @packageDocumentation
 */

// From below, so that this package alone is enough to serve a web application.
export { HTTPHeaders } from '@landspout/http1';
export { HTTPServer, type HTTPServerOptions } from '@landspout/httpserver';
export { IOLoop, type Logger } from '@landspout/ioloop';
// The application.
export { Application, type ApplicationListenOptions } from './application.ts';
export { type ApplicationSettings, accessLog, type LogFunction } from './application-settings.ts';
export { ErrorHandler, type ErrorHandlerInit } from './error-handler.ts';
export { WEB_ERRORS, type WebErrorCode, WebUsageError, type WebUsageErrorCode } from './errors.ts';
export { type Arguments, MAX_FIELDS } from './form-fields.ts';
export type { ArgumentOptions } from './handler-arguments.ts';
export type { HandlerContext } from './handler-context.ts';
export type { Chunk, CurrentValidators, HeaderValue, RedirectOptions } from './handler-response.ts';
// What can go wrong.
export { Finish, HTTPError, type HTTPErrorOptions, MissingArgumentError } from './http-error.ts';
export { HTTPServerRequest } from './http-server-request.ts';
export type { PathParams } from './path-params.ts';
export { RedirectHandler, type RedirectHandlerInit } from './redirect-handler.ts';
// Handlers.
export { type Awaitable, RequestHandler } from './request-handler.ts';
export {
  type HandlerClass,
  type NestedRoutes,
  type Route,
  type RouteSpec,
  type RouteUse,
  route,
} from './route.ts';
export type { RouteMatch } from './router.ts';
export { StaticFileHandler, type StaticFileHandlerInit } from './static-file-handler.ts';
