import { Buffer } from 'node:buffer';
import { HTTPHeaders, type HTTPHeadersInit } from '@landspout/http1';
import type { OptionNames } from '@landspout/ioloop/errors';
import { mockChecks } from './errors.ts';

/** One piece of a body; text is sent as UTF-8. */
export type MockChunk = string | Uint8Array;

/** A response to be sent. */
export interface MockResponse {
  /** 200 to 599. Default: 200. */
  readonly status?: number;
  /** Default: the registered phrase of the status. */
  readonly reason?: string;
  /**
   * Header fields. Content-Length or chunked framing, and Date, are added. `Connection: close` ends the connection after
   * the response.
   */
  readonly headers?: HTTPHeadersInit;
  /**
   * Text or bytes, which are sent with a Content-Length; or an iterable of chunks, sync or async, which is sent chunked,
   * as fast as the client reads. Chunks are sent as they are: compress them to match a Content-Encoding. An iterable
   * that can be iterated only once serves one request; for more, use a function that creates the response.
   */
  readonly body?: MockChunk | Iterable<MockChunk> | AsyncIterable<MockChunk>;
  /** Sent as JSON with Content-Type application/json, unless there is one. Instead of `body`. */
  readonly json?: unknown;
  /** How long to wait before the response is sent, on the clock of the loop. Default: 0. */
  readonly delayMs?: number;
}

const RESPONSE: OptionNames<MockResponse> = {
  status: true,
  reason: true,
  headers: true,
  body: true,
  json: true,
  delayMs: true,
};

/** A checked response. */
export interface PreparedResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
  /** Undefined if there is none. */
  readonly body: Uint8Array | Iterable<MockChunk> | AsyncIterable<MockChunk> | undefined;
  readonly delayMs: number;
}

/** @throws MockUsageError `ERR_MOCK_USAGE`, or Http1UsageError for a header that must not be sent. */
export function prepareResponse(operation: string, response: MockResponse): PreparedResponse {
  mockChecks.options(operation, response, RESPONSE);
  const { status = 200, reason = '', delayMs = 0 } = response;
  mockChecks.wholeNumber(operation, 'status', status, 200, 599);
  mockChecks.durationMs(operation, 'delayMs', delayMs);
  if (typeof reason !== 'string') throw mockChecks.wrong(operation, 'a text as reason', reason);
  if (response.body !== undefined && response.json !== undefined)
    throw mockChecks.wrong(operation, 'body or json, not both,', 'both');
  const headers = HTTPHeaders.from(response.headers ?? []);
  if (response.json === undefined)
    return {
      status,
      reason,
      headers,
      body: bodyOf(operation, response.body),
      delayMs,
    };
  if (!headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
  return {
    status,
    reason,
    headers,
    body: jsonOf(operation, response.json),
    delayMs,
  };
}

/** The bytes of a chunk. @throws MockUsageError for another value. */
export function bytesOfChunk(operation: string, chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw mockChecks.wrong(operation, 'text or bytes as a chunk of the body', chunk);
}

function bodyOf(operation: string, body: MockResponse['body']): PreparedResponse['body'] {
  if (body === undefined) return undefined;
  if (typeof body === 'string' || body instanceof Uint8Array) return bytesOfChunk(operation, body);
  const isIterable =
    typeof body === 'object' && body !== null && (Symbol.iterator in body || Symbol.asyncIterator in body);
  if (isIterable) return body;
  throw mockChecks.wrong(operation, 'body: text, bytes or an iterable of chunks (pass data as json),', body);
}

function jsonOf(operation: string, json: unknown): Uint8Array {
  const text = JSON.stringify(json) as string | undefined;
  if (text === undefined) throw mockChecks.wrong(operation, 'json: a value that JSON can represent', json);
  return Buffer.from(text);
}
