/**
 * Landspout brings the design of Tornado, the Python web framework, to TypeScript on Node.js. This entry point exports
 * what most applications use. Subpaths such as `landspout/iostream` and `landspout/ioloop/processes` export everything
 * that a layer offers.
 *
 * @packageDocumentation
 */

// Web applications.

export {
  Application,
  type ApplicationListenOptions,
  type ApplicationSettings,
  type ApplicationStartOptions,
  type Awaitable,
  accessLog,
  addSlash,
  authenticated,
  basicAuth,
  CatalogueError,
  type CompressionOptions,
  cors,
  createSignedValue,
  ErrorHandler,
  escapeHtml,
  FallbackHandler,
  Finish,
  type HandlerClass,
  type HandlerMixinBase,
  HEALTH_ERRORS,
  type HealthCheck,
  HealthCheckError,
  type HealthInit,
  HTTPError,
  HTTPServerRequest,
  Html,
  type HtmlTemplate,
  host,
  html,
  JsonScript,
  jsonScript,
  LivenessHandler,
  type Locale,
  Locales,
  type Middleware,
  type MiddlewareContext,
  MissingArgumentError,
  type MountOptions,
  MultipartReader,
  mount,
  type PartSink,
  type PathParams,
  ReadinessHandler,
  RedirectHandler,
  RequestHandler,
  type Route,
  type RouteOptions,
  type RouteSpec,
  type Routes,
  rateLimit,
  removeSlash,
  requestId,
  route,
  ServerEvent,
  StaticFileHandler,
  StreamedPart,
  safeFileName,
  safeNext,
  saveTo,
  securityHeaders,
  type TemplateEngine,
  TemplateError,
  type TemplateView,
  UIModule,
  UploadedFile,
  unsafeHtml,
  urlEscape,
  urlUnescape,
} from '@landspout/web';

// WebSocket.

export {
  broadcast,
  CLOSE_CODES,
  type MessageData,
  PreparedMessage,
  parseMessage,
  parseMessageAsync,
  ReconnectingWebSocket,
  type ReconnectingWebSocketOptions,
  type SendPolicy,
  WebSocketClientConnection,
  WebSocketClosedError,
  type WebSocketConnectOptions,
  WebSocketHandler,
  WebSocketHandshakeError,
  WebSocketLimitError,
  WebSocketMessageError,
  type WebSocketOptions,
  WebSocketReconnectError,
  websocketConnect,
} from '@landspout/websocket';

// Topics and runs.

export {
  type Backplane,
  JournalBackplane,
  MemoryBackplane,
  ProcessesBackplane,
  type Run,
  RunError,
  RunFailure,
  type RunHandle,
  Runs,
  type RunsOptions,
  type Subscription,
  type Topic,
  type TopicEvent,
  type TopicRecord,
  Topics,
  type TopicsOptions,
} from '@landspout/topics';
export { type TopicAuthorization, TopicHandler, type TopicOptions } from '@landspout/websocket/topics';

// The HTTP server and client.

export { HTTPHeaders, type HTTPHeadersInit, type StopNotice, urlConcat } from '@landspout/http1';
export {
  AsyncHTTPClient,
  type AsyncHTTPClientOptions,
  HTTPClientError,
  HTTPClientLimitError,
  HTTPConnectError,
  HTTPRequest,
  HTTPResponse,
  HTTPStreamClosedError,
  HTTPTimeoutError,
  type RequestOptions,
} from '@landspout/httpclient';
export {
  type AccessRecord,
  HTTPInputError,
  HTTPServer,
  type HTTPServerOptions,
  type HTTPServerStats,
  type RequestCallback,
  type ServerRequest,
  type StopOnSignalsOptions,
  type StopOptions,
  type StopResult,
} from '@landspout/httpserver';

// Streams.

export {
  IOStream,
  type IOStreamOptions,
  type SocketAddress,
  type StartTlsOptions,
  StreamClosedError,
  StreamConnectError,
  StreamLimitError,
  StreamTimeoutError,
  startTls,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
  type TlsClientOptions,
  type TlsInfo,
  TlsServerContext,
  type TlsServerOptions,
} from '@landspout/iostream';

// The event loop, coroutines, locks and queues.

export {
  BoundedSemaphore,
  type Clock,
  CodedError,
  Condition,
  consoleLogger,
  createConsoleLogger,
  Event,
  IOLoop,
  LifoQueue,
  Lock,
  type Logger,
  LoopTimeoutError,
  multi,
  notifySystemd,
  PeriodicCallback,
  PriorityQueue,
  Queue,
  QueueEmptyError,
  QueueFullError,
  Semaphore,
  type SystemdNotice,
  SystemdNotifyError,
  SystemError,
  sleep,
  startSystemdWatchdog,
  type Timeout,
  WaitIterator,
  withTimeout,
} from '@landspout/ioloop';

// Worker threads and processes.

export { runOnExecutor, ThreadPoolExecutor, transfer } from '@landspout/ioloop/executors';
export { forkProcesses, taskId } from '@landspout/ioloop/processes';
