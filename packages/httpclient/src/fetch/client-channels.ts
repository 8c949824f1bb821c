import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { HTTPHeaders } from '@landspout/http1';
import { EncodedRequestHead, RequestFields } from '@landspout/http1/protocol';
import { publishStart, type StartMessage } from '@landspout/ioloop/reactor';
import type { HTTPRequest } from '../request/http-request.ts';
import { HTTPClientUsageError } from '../request/usage.ts';

/**
 * The events that clients publish on `node:diagnostics_channel`, for tracing a program without changing it. If there
 * are no subscribers, an event costs a few checks.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.http.client.request.start` | `fetch` or `stream` was called | {@link FetchStartMessage} |
 * | `landspout.http.client.request.sent` | a request is about to be sent, also for each redirect and attempt | {@link FetchSentMessage} |
 * | `landspout.http.client.request.response` | the head of a response has arrived, also of a redirect or a challenge | {@link FetchMessage} |
 * | `landspout.http.client.request.head` | the head of the last response has arrived, after `response` | {@link FetchMessage} |
 * | `landspout.http.client.request.error` | the fetch fails | {@link FetchMessage} |
 * | `landspout.http.client.request.end` | it has ended, after `error` | {@link FetchMessage} |
 *
 * Messages are published synchronously, in the middle of processing. An error thrown by a subscriber does not reach the
 * client: Node throws it on the next tick as an uncaught exception.
 */
const start = channel('landspout.http.client.request.start');
const sent = channel('landspout.http.client.request.sent');
const response = channel('landspout.http.client.request.response');
const head = channel('landspout.http.client.request.head');
const error = channel('landspout.http.client.request.error');
const end = channel('landspout.http.client.request.end');

/** What is known of a fetch. Its properties are set as it goes on. */
export interface FetchRecord {
  readonly request: HTTPRequest;
  /** The URL of the current hop, without user information and fragment. */
  url: string;
  method: string;
  /** Whether the current request was sent on a connection that was already open. */
  reused: boolean;
  attempt: number;
  /** The number of redirects that were followed. */
  redirects: number;
  /** The status of the last response whose head has arrived. */
  status: number | undefined;
  error: unknown;
  /** From the call to the end; 0 before that. */
  durationMs: number;
}

export interface FetchMessage {
  /** All messages of one fetch have the same object, so it can be used as a key. */
  readonly record: FetchRecord;
}

/**
 * Published in the async context of the caller. `runWithin` chooses the context in which the callbacks of the request
 * are called, and its body is produced. The promise of the fetch settles in the context of the caller.
 */
export interface FetchStartMessage extends FetchMessage, StartMessage {}

export interface FetchSentMessage extends FetchMessage {
  /**
   * Sets a header field of the request that is about to be sent, in place of those with the same name. The field is not
   * sent with another attempt or after a redirect, unless it is set again. Possible only during the message.
   *
   * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` after the message, or if the client sets the field itself, as
   *   for `Host` and `Content-Length`; Http1UsageError if the name or the value is invalid. The request is sent all the
   *   same.
   */
  setHeader(name: string, value: string): void;
}

/** Fields that describe the connection or the framing of the request, in lower case. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'transfer-encoding',
  'upgrade',
]);

/** The record of a fetch, and the async context that a subscriber has chosen for it. */
export interface RecordedFetch {
  readonly record: FetchRecord;
  readonly context: AsyncResource | undefined;
}

/** Creates the record of a fetch and publishes its start. @returns undefined if there is no subscriber. */
export function recordFetch(request: HTTPRequest, url: string): RecordedFetch | undefined {
  const isHeard =
    start.hasSubscribers ||
    sent.hasSubscribers ||
    response.hasSubscribers ||
    head.hasSubscribers ||
    error.hasSubscribers ||
    end.hasSubscribers;
  if (!isHeard) return undefined;
  const record: FetchRecord = {
    request,
    url,
    method: request.method,
    reused: false,
    attempt: 1,
    redirects: 0,
    status: undefined,
    error: undefined,
    durationMs: 0,
  };
  const context = publishStart<FetchStartMessage>(start, (runWithin) => ({ record, runWithin }));
  return { record, context };
}

/** @returns the header fields that subscribers have set; undefined if there are none. */
export function publishSent(
  record: FetchRecord,
  method: string,
  url: string,
  reused: boolean,
  attempt: number,
  redirects: number,
): HTTPHeaders | undefined {
  Object.assign(record, { method, url, reused, attempt, redirects });
  if (!sent.hasSubscribers) return undefined;
  let fields: HTTPHeaders | undefined;
  let isOpen = true;
  const setHeader = (name: string, value: string): void => {
    if (!isOpen) throw usage('it must be called while the message is being published');
    if (OWN_FIELDS.has(String(name).toLowerCase())) throw usage(`the client sets ${name} itself`);
    fields ??= new HTTPHeaders();
    fields.set(name, value);
  };
  sent.publish({ record, setHeader } satisfies FetchSentMessage);
  isOpen = false;
  return fields;
}

/** Returns a head with other fields in place of those with the same names. */
export function headWith(encoded: EncodedRequestHead, fields: HTTPHeaders): EncodedRequestHead {
  const headers = HTTPHeaders.parse(encoded.fields.text);
  for (const [name, value] of fields.getAll()) headers.set(name, value);
  return new EncodedRequestHead(
    encoded.method,
    encoded.target,
    new RequestFields(headers),
    encoded.bodyLength,
  );
}

export function publishResponse(record: FetchRecord, status: number): void {
  record.status = status;
  if (response.hasSubscribers) response.publish({ record } satisfies FetchMessage);
}

export function publishHead(record: FetchRecord): void {
  if (head.hasSubscribers) head.publish({ record } satisfies FetchMessage);
}

/** Publishes `end`, and `error` before that if there is one. */
export function publishEnd(record: FetchRecord, failure: unknown, durationMs: number): void {
  record.error = failure;
  record.durationMs = durationMs;
  if (record.error !== undefined) error.publish({ record } satisfies FetchMessage);
  end.publish({ record } satisfies FetchMessage);
}

function usage(problem: string): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', `setHeader: ${problem}`);
}
