import { channel } from 'node:diagnostics_channel';
import type { HTTPRequest } from '../request/http-request.ts';

/**
 * The events that clients publish on `node:diagnostics_channel`, for tracing a program without changing it. If there
 * are no subscribers, an event costs one check.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.http.client.request.start` | `fetch` or `stream` was called | {@link FetchMessage} |
 * | `landspout.http.client.request.sent` | a request is sent, also for each redirect and attempt | {@link FetchMessage} |
 * | `landspout.http.client.request.head` | the head of the last response has arrived | {@link FetchMessage} |
 * | `landspout.http.client.request.error` | the fetch fails | {@link FetchMessage} |
 * | `landspout.http.client.request.end` | it has ended, after `error` | {@link FetchMessage} |
 *
 * Messages are published synchronously, in the middle of processing. An error thrown by a subscriber does not reach the
 * client: Node throws it on the next tick as an uncaught exception.
 */
const start = channel('landspout.http.client.request.start');
const sent = channel('landspout.http.client.request.sent');
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
  status: number | undefined;
  error: unknown;
  /** From the call to the end; 0 before that. */
  durationMs: number;
}

export interface FetchMessage {
  /** All messages of one fetch have the same object, so it can be used as a key. */
  readonly record: FetchRecord;
}

/** Creates the record of a fetch and publishes its start. @returns undefined if there is no subscriber. */
export function recordFetch(request: HTTPRequest, url: string): FetchRecord | undefined {
  const isHeard =
    start.hasSubscribers ||
    sent.hasSubscribers ||
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
  start.publish({ record } satisfies FetchMessage);
  return record;
}

export function publishSent(
  record: FetchRecord,
  method: string,
  url: string,
  reused: boolean,
  attempt: number,
  redirects: number,
): void {
  Object.assign(record, { method, url, reused, attempt, redirects });
  sent.publish({ record } satisfies FetchMessage);
}

export function publishHead(record: FetchRecord): void {
  head.publish({ record } satisfies FetchMessage);
}

/** Publishes `end`, and `error` before that if there is one. */
export function publishEnd(record: FetchRecord, failure: unknown, durationMs: number): void {
  record.error = failure;
  record.durationMs = durationMs;
  if (record.error !== undefined) error.publish({ record } satisfies FetchMessage);
  end.publish({ record } satisfies FetchMessage);
}
