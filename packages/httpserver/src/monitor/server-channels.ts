import { channel } from 'node:diagnostics_channel';
import type { HTTPConnectionInfo } from '@landspout/http1';
import type { AccessRecord } from './access-record.ts';

/**
 * What servers tell by `node:diagnostics_channel`, for whoever wants to trace them without touching the program.
 * Nothing is made, and nothing costs more than a look, while nobody listens.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.http.server.connection.start` | a connection speaks HTTP, after TLS | {@link ConnectionStartMessage} |
 * | `landspout.http.server.connection.end` | it has ended, or was taken over | {@link ConnectionEndMessage} |
 * | `landspout.http.server.request.start` | a head has come | {@link RequestMessage} |
 * | `landspout.http.server.request.error` | it ends otherwise than by an answer of the delegate's | {@link RequestMessage} |
 * | `landspout.http.server.request.end` | it has ended, behind `error` | {@link RequestMessage} |
 *
 * Messages are sent synchronously, in the middle of the work. What a subscriber throws does not reach the server: Node
 * throws it on the next tick, as an uncaught exception, which ends a process that has no handler for those.
 */
const connectionStart = channel('landspout.http.server.connection.start');
const connectionEnd = channel('landspout.http.server.connection.end');
const requestStart = channel('landspout.http.server.request.start');
const requestError = channel('landspout.http.server.request.error');
const requestEnd = channel('landspout.http.server.request.end');

export interface ConnectionStartMessage {
  /** The same object in the end's message, and as `peer` in those of its requests. */
  readonly connection: HTTPConnectionInfo;
}

export interface ConnectionEndMessage extends ConnectionStartMessage {
  /** As `closeReason` of a stream, such as `peer-ended`; or `detached` when a delegate took the connection over. */
  readonly how: string;
  /** Of the stream, where it did not end in order. */
  readonly error: Error | undefined;
}

export interface RequestMessage {
  /**
   * The same object in all messages of one request: a key to keep things by. `outcome`, `status`, `bytesSent`,
   * `durationMs` and `error` are filled in at the end. A request that began before anybody listened has no messages;
   * what was refused before it was a head has `error` and `end` alone.
   */
  readonly record: AccessRecord;
}

/** Whether a request that begins now has somebody to hear of it. */
export function someoneHearsRequests(): boolean {
  return requestStart.hasSubscribers || requestEnd.hasSubscribers || requestError.hasSubscribers;
}

export function publishConnectionStart(connection: HTTPConnectionInfo): void {
  if (connectionStart.hasSubscribers)
    connectionStart.publish({ connection } satisfies ConnectionStartMessage);
}

export function publishConnectionEnd(
  connection: HTTPConnectionInfo,
  how: string,
  error: Error | undefined,
): void {
  if (connectionEnd.hasSubscribers)
    connectionEnd.publish({ connection, how, error } satisfies ConnectionEndMessage);
}

export function publishRequestStart(record: AccessRecord): void {
  if (requestStart.hasSubscribers) requestStart.publish({ record } satisfies RequestMessage);
}

/** The error first, where there is one. */
export function publishRequestEnd(record: AccessRecord): void {
  if (record.error !== undefined && requestError.hasSubscribers)
    requestError.publish({ record } satisfies RequestMessage);
  if (requestEnd.hasSubscribers) requestEnd.publish({ record } satisfies RequestMessage);
}
