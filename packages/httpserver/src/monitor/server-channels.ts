import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { HTTPConnectionInfo } from '@landspout/http1';
import { publishStart, type StartMessage } from '@landspout/ioloop/reactor';
import type { AccessRecord } from './access-record.ts';

/**
 * The events that servers publish on `node:diagnostics_channel`, for tracing a program without changing it. If there
 * are no subscribers, an event costs a few checks.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.http.server.connection.start` | a connection uses HTTP, after TLS | {@link ConnectionStartMessage} |
 * | `landspout.http.server.connection.end` | it has ended, or was taken over | {@link ConnectionEndMessage} |
 * | `landspout.http.server.request.start` | the request's headers have arrived | {@link RequestStartMessage} |
 * | `landspout.http.server.request.error` | it ends without a response from the delegate | {@link RequestMessage} |
 * | `landspout.http.server.request.end` | it has ended, after `error` | {@link RequestMessage} |
 *
 * Messages are published synchronously, in the middle of processing. An error thrown by a subscriber does not reach the
 * server: Node throws it on the next tick as an uncaught exception, which ends the process unless the program handles
 * uncaught exceptions.
 */
const connectionStart = channel('landspout.http.server.connection.start');
const connectionEnd = channel('landspout.http.server.connection.end');
const requestStart = channel('landspout.http.server.request.start');
const requestError = channel('landspout.http.server.request.error');
const requestEnd = channel('landspout.http.server.request.end');

export interface ConnectionStartMessage {
  /** The same object is in the message of the connection's end, and is the `peer` of its requests. */
  readonly connection: HTTPConnectionInfo;
}

export interface ConnectionEndMessage extends ConnectionStartMessage {
  /** The `closeReason` of the stream, such as `peer-ended`; `detached` if a delegate took the connection over. */
  readonly how: string;
  /** The error of the stream; undefined after an orderly close. */
  readonly error: Error | undefined;
}

export interface RequestMessage {
  /**
   * All messages of one request have the same record object, so it can be used as a key. `outcome`, `status`,
   * `bytesSent`, `durationMs` and `error` are set at the end. A request that started before there was a subscriber has
   * no messages. A request refused before its headers could be decoded has only `error` and `end`.
   */
  readonly record: AccessRecord;
}

/**
 * `runWithin` chooses the async context of the request: all methods of its delegate are called in it, also with pieces of
 * the body that arrive later, and when the connection ends.
 */
export interface RequestStartMessage extends RequestMessage, StartMessage {}

/** Whether there is a subscriber for the messages of a request that starts now. */
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

/** @returns the async context of the request; undefined if no subscriber asked for one. */
export function publishRequestStart(record: AccessRecord): AsyncResource | undefined {
  return publishStart<RequestStartMessage>(requestStart, (runWithin) => ({ record, runWithin }));
}

/** Publishes `error` before `end` if the record has an error. */
export function publishRequestEnd(record: AccessRecord): void {
  if (record.error !== undefined && requestError.hasSubscribers)
    requestError.publish({ record } satisfies RequestMessage);
  if (requestEnd.hasSubscribers) requestEnd.publish({ record } satisfies RequestMessage);
}
