/**
 * HTTPServer: HTTP/1.1 and HTTPS over streams, with the limits and deadlines that protect it.
 *
 * This package handles connections and requests. Routes and handler classes are in `@landspout/web`.
 *
 * @packageDocumentation
 */

// The server.

export type { DecompressionOptions } from './decompression/decompression-options.ts';
export type { ForwardedHeaders } from './forwarded/forwarded-readers.ts';
export type { ForwardedOptions } from './forwarded/resolve-forwarded.ts';
export { HTTPServer } from './http-server.ts';
export { HTTP_SERVER_OPTIONS, type HTTPServerOptions, type HTTPServerTimeouts } from './options.ts';

// Requests.

export { HTTPHeaders, type QueryArguments } from '@landspout/http1';
export type { ContentCoding } from '@landspout/http1/content-coding';
export type { RequestCallback } from './callback-delegate.ts';
export type { ServerRequest } from './server-request.ts';

// Processes, and stopping.

export { gatherStats, START_OPTIONS, type StartOptions } from './server-processes.ts';
export type { SignalStop, StopOnSignalsOptions } from './stopping/stop-on-signals.ts';
export type { StopOptions, StopResult } from './stopping/stop-options.ts';

// Observing: access log, statistics, diagnostics channels.

export type { RequestOutcome } from '@landspout/http1/server';
export type { LoggedRequest } from './monitor/access-details.ts';
export {
  type AccessLogHook,
  formatAccessRecord,
  logAccess,
  requestSummary,
} from './monitor/access-log.ts';
export type { AccessRecord } from './monitor/access-record.ts';
export {
  type HTTPServerStats,
  type RequestCounts,
  type ResponseCounts,
  sumStats,
} from './monitor/http-server-stats.ts';
export type {
  ConnectionEndMessage,
  ConnectionStartMessage,
  RequestMessage,
  RequestStartMessage,
} from './monitor/server-channels.ts';

// For the packages above.

export { NODE_MESSAGES, type NodeMessagesBehind, nodeMessagesOf } from './calling/node-messages.ts';
export { type FileSink, type FilesOwner, OutgoingFiles } from './calling/outgoing-files.ts';
export { containerRemedy } from './container-remedy.ts';
export { listenCallbackProblem, nodeNameProblem } from './options.ts';

// Errors.

export { HTTPInputError } from '@landspout/http1';
export {
  CONTENT_CODING_ERRORS,
  ContentCodingLimitError,
  ContentCodingProtocolError,
} from '@landspout/http1/content-coding';
