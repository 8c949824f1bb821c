/**
 * Web applications on Landspout: routes, middleware, handlers, arguments, responses, static files.
 *
 * This package handles requests and responses. `@landspout/httpserver` handles sockets and the wire format. The parts
 * of `@landspout/httpserver` that handlers need are re-exported here.
 *
 * @packageDocumentation
 */

// The application.

export { Application, type RouteDescription } from './application/application.ts';
export type { ApplicationListenOptions, ApplicationStartOptions } from './application/application-server.ts';
export {
  type ApplicationSettings,
  accessLog,
  type FinishedRequest,
  type LogFunction,
  type StaticUrlOptions,
} from './application/settings.ts';

// Diagnostics channels.

export type { RequestEndMessage, RouteMessage } from './application/request-channels.ts';

// Routes.

export type { MatchedRoute, RouteUse } from './handler/lifecycle.ts';
export { HostPattern, host } from './routing/host-pattern.ts';
export {
  type HostRoutes,
  type LazyHandler,
  type MountableApplication,
  type MountedApplication,
  type NestedRoutes,
  type Route,
  type RouteGroupOptions,
  type RouteOptions,
  type RouteSpec,
  type Routes,
  route,
} from './routing/route.ts';
export type { RouteMatch } from './routing/rule.ts';

// Handlers.

export { authenticated } from './handler/authenticated.ts';
export type {
  AnyApplication,
  AnyHandler,
  AnyVerb,
  HandlerClass,
  HandlerContext,
  HandlerMixinBase,
  PathParams,
} from './handler/lifecycle.ts';
export {
  ErrorHandler,
  type ErrorHandlerInit,
  RedirectHandler,
  type RedirectHandlerInit,
} from './handler/ready-made.ts';
export { type Awaitable, type RedirectOptions, RequestHandler } from './handler/request-handler.ts';
export type { HealthCheck } from './health/health-checks.ts';
export { HEALTH_ERRORS, HealthCheckError, type HealthErrorCode } from './health/health-error.ts';
export { LivenessHandler, ReadinessHandler } from './health/health-handlers.ts';
export type { HealthInit } from './health/health-options.ts';
export { FallbackHandler, type FallbackHandlerInit } from './mounting/fallback-handler.ts';
export { type MountOptions, mount } from './mounting/mount.ts';
export type { PrecompressedCoding } from './static/precompressed.ts';
export type { StaticFile } from './static/static-file.ts';
export { StaticFileHandler } from './static/static-file-handler.ts';
export type { StaticFileHandlerInit } from './static/static-options.ts';
export type { StaticSettings } from './static/static-routes.ts';
export type { StaticUrlSettings } from './static/static-url.ts';

// Pages.

export type { HtmlTemplate } from './handler/page-renderer.ts';
export type { HtmlValue } from './html/content.ts';
export { html, unsafeHtml } from './html/html.ts';
export { Html } from './html/html-value.ts';
export type { HtmlSink, RenderOptions } from './html/rendering.ts';
export {
  embeddedCss,
  embeddedJavascript,
  linkedCss,
  linkedJavascript,
} from './templates/asset-elements.ts';
export type { TemplateEngine, TemplateEngineOptions } from './templates/template-engine.ts';
export { type TemplateCaller, TemplateError, type TemplatePlace } from './templates/template-error.ts';
export type { TemplateHandler } from './templates/template-handler.ts';
export { TemplateModule, type TemplateResources } from './templates/template-module.ts';
export type { TemplateView } from './templates/template-view.ts';
export {
  type AssetList,
  type ModuleContent,
  type RenderedModule,
  UIModule,
  type UIModuleClass,
} from './templates/ui-module.ts';
export type { UIMethod, UIMethodsSetting, UIModulesSetting } from './templates/ui-settings.ts';
export { escapeHtml } from './text/escape-html.ts';
export { type UrlEscapeOptions, urlEscape, urlUnescape } from './text/escape-url.ts';
export { JsonScript, jsonScript } from './text/json-script.ts';
export { squeeze } from './text/squeeze.ts';

// Languages.

export type { Catalogue, MessageLookup } from './locale/catalogues/catalogue.ts';
export { CatalogueError } from './locale/catalogues/catalogue-error.ts';
export type { MessageTexts, PluralTexts } from './locale/catalogues/object-catalogue.ts';
export type { PluralCategory } from './locale/catalogues/text-catalogue.ts';
export type { HtmlValues, TextValues } from './locale/filled-message.ts';
export type { FormatDateOptions, FormatDayOptions, TimeZoneOptions } from './locale/format-date.ts';
export { Locale, type MissingTranslation, type TranslateFunction } from './locale/locale.ts';
export {
  type CatalogueFolderOptions,
  type CsvFolderOptions,
  Locales,
  type LocalesOptions,
} from './locale/locales.ts';

// Event streams.

export type { Authorize, TopicAction, TopicAuthorization } from './event-stream/authorization.ts';
export type {
  CursorAttachment,
  CursorEvent,
  CursorReadOptions,
  CursorSink,
  CursorSource,
  CursorSubscription,
  EndEvent,
  GapEvent,
  PresenceEvent,
  RecordEvent,
} from './event-stream/cursor-source.ts';
export type { CursorStreamOptions, EventStreamOptions } from './event-stream/event-stream-options.ts';
export type { EventStreamSource } from './event-stream/serve-event-stream.ts';
export { ServerEvent, type ServerEventParts } from './event-stream/server-event.ts';

// Middleware.

export type { Middleware, MiddlewareContext, RequestState } from './handler/lifecycle.ts';
export { type BasicAuthOptions, type BasicAuthVerify, basicAuth } from './middleware/basic-auth.ts';
export { type CorsOptions, cors, type OriginCheck } from './middleware/cors.ts';
export { type RateLimitKey, type RateLimitOptions, rateLimit } from './middleware/rate-limit.ts';
export { type RequestIdOptions, requestId } from './middleware/request-id.ts';
export {
  type ReferrerPolicy,
  type SecurityHeadersOptions,
  type StrictTransportSecurityOptions,
  securityHeaders,
} from './middleware/security-headers.ts';
export { addSlash, removeSlash } from './middleware/slashes.ts';

// Requests.

export type { ArgumentOptions } from './request/arguments.ts';
export { safeFileName, UploadedFile } from './request/files.ts';
export { HTTPServerRequest } from './request/http-server-request.ts';
export { MAX_JSON_LEVELS, type ParsedJson, parseJson } from './request/json.ts';
export { type MultipartForm, parseMultipart } from './request/multipart-form.ts';
export { MultipartReader, type MultipartReaderOptions } from './request/multipart-reader.ts';
export { FileSink, type PartSink, type SaveOptions, saveTo } from './request/part-sink.ts';
export {
  type FieldIssue,
  type Schema,
  type SchemaOutput,
  type SchemaResult,
  validateWith,
  validateWithAsync,
} from './request/schema.ts';
export { type StreamedForm, StreamedPart } from './request/streamed-part.ts';
export { type UnparsedBodyOptions, unparsedBodyHint } from './request/unparsed-body.ts';
export { type Arguments, MAX_FIELDS } from './request/url-encoding.ts';

// Responses.

export type { Chunk } from './errors.ts';
export type {
  CompressionLevels,
  CompressionOptions,
  CompressionSettings,
} from './response/compression/compression-settings.ts';
export type { CurrentValidators } from './response/conditional.ts';
export { type HeaderHook, HTTPServerResponse } from './response/http-server-response.ts';
export type { HeaderValue } from './response/response-head.ts';

// Cookies, signed and encrypted values, XSRF tokens.

export {
  CookieSecret,
  type CookieSecretOptions,
  type Secret,
  type SecretVersions,
} from './cookies/cookie-secret.ts';
export { type CookieSettings, Cookies, type ReadCookieOptions } from './cookies/cookies.ts';
export {
  createEncryptedValue,
  decodeEncryptedBytes,
  decodeEncryptedValue,
  encryptionKeyVersion,
} from './cookies/encrypted-value.ts';
export {
  type ClearCookieOptions,
  ResponseCookies,
  type SecretCookieOptions,
} from './cookies/response-cookies.ts';
export {
  createSignedValue,
  decodeSignedBytes,
  decodeSignedValue,
  signatureKeyVersion,
} from './cookies/signed-value.ts';
export type { CreateValueOptions, DecodeValueOptions } from './cookies/value-options.ts';
export {
  checkXsrf,
  decodeXsrfToken,
  encodeXsrfToken,
  makeXsrfToken,
  requiresXsrfToken,
  type XsrfRefusal,
  type XsrfRequest,
  type XsrfToken,
} from './cookies/xsrf.ts';

// Origins, and redirects to a login and back.

export { canonicalOrigin, isOwnOrigin, isSameOrigin } from '@landspout/http1/protocol';
export type { PublicOrigins } from './request/public-origins.ts';
export { loginRedirect, safeNext } from './response/login-redirect.ts';

// Errors.

export {
  Finish,
  HTTPError,
  type HTTPErrorCode,
  type HTTPErrorOptions,
  MissingArgumentError,
  WEB_ERRORS,
  type WebErrorCode,
  WebUsageError,
  type WebUsageErrorCode,
} from './errors.ts';

// Re-exported from lower packages, so that this package is enough to serve a web application.

export { HTTPHeaders } from '@landspout/http1';
export type { MultipartLimits } from '@landspout/http1/protocol';
export { HTTPServer, type HTTPServerOptions } from '@landspout/httpserver';
export { type Clock, IOLoop, type Logger } from '@landspout/ioloop';
