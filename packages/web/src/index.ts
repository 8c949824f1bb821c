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
export { Application, type ApplicationListenOptions } from './application/application.ts';
export { type ApplicationSettings, accessLog, type LogFunction } from './application/settings.ts';
export { WEB_ERRORS, type WebErrorCode, WebUsageError, type WebUsageErrorCode } from './errors.ts';
export { ErrorHandler, type ErrorHandlerInit } from './handler/error-handler.ts';
export type { ArgumentOptions } from './handler/handler-arguments.ts';
export type { HandlerContext } from './handler/handler-context.ts';
export type { Chunk, CurrentValidators, HeaderValue, RedirectOptions } from './handler/handler-response.ts';
export type { PathParams } from './handler/path-params.ts';
export { RedirectHandler, type RedirectHandlerInit } from './handler/redirect-handler.ts';
// Handlers.
export { type Awaitable, RequestHandler } from './handler/request-handler.ts';
export {
  type HandlerClass,
  type NestedRoutes,
  type Route,
  type RouteSpec,
  type RouteUse,
  route,
} from './handler/route.ts';
// What can go wrong.
export { Finish, HTTPError, type HTTPErrorOptions, MissingArgumentError } from './http-error.ts';
export { type Arguments, MAX_FIELDS } from './request/form-fields.ts';
export { HTTPServerRequest } from './request/http-server-request.ts';
export type { RouteMatch } from './routing/router.ts';
export { StaticFileHandler, type StaticFileHandlerInit } from './static/static-file-handler.ts';
