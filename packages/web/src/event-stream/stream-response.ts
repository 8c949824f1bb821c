import { HTTPHeaders } from '@landspout/http1';
import type { HTTPHeadersInit } from '@landspout/http1/protocol';
import { webChecks } from '../errors.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';

const EVENT_STREAM_TYPE = /^[ \t]*text\/event-stream[ \t]*(?:;|$)/i;

/** Headers of a `Response` that belong to its own connection, or that this response has itself. */
const NOT_PASSED = [
  'Cache-Control',
  'Connection',
  'Content-Encoding',
  'Content-Length',
  'Content-Type',
  'Date',
  'Keep-Alive',
  'Server',
  'Set-Cookie',
  'Transfer-Encoding',
  'Upgrade',
];

/** Sets the headers of an event stream. Those of the caller win over default headers, but not over these. */
export function setStreamHeaders(response: HTTPServerResponse, headers: HTTPHeadersInit): void {
  for (const [name, value] of HTTPHeaders.from(headers).getAll()) response.setHeader(name, value);
  response.clearHeader('Content-Length');
  response.setHeader('Content-Type', 'text/event-stream');
  response.setHeader('Cache-Control', 'no-store');
  // nginx would otherwise collect the events until its buffer is full.
  response.setHeader('X-Accel-Buffering', 'no');
}

/** The body and the headers of a `Response` whose body is an event stream. */
export interface PassedResponse {
  readonly body: AsyncIterable<Uint8Array>;
  readonly headers: HTTPHeaders;
}

/** @throws WebUsageError `ERR_WEB_USAGE` if the response is not an event stream. */
export function passedResponse(response: Response): PassedResponse {
  const { status, body } = response;
  const type = response.headers.get('Content-Type') ?? '';
  if (status !== 200 || body === null || response.bodyUsed || !EVENT_STREAM_TYPE.test(type)) {
    const expected = 'a Response with status 200 and a body of type text/event-stream that was not read';
    throw webChecks.wrong('eventStream', expected, response);
  }
  const headers = HTTPHeaders.from(response.headers);
  for (const name of NOT_PASSED) headers.delete(name);
  return { body: body as AsyncIterable<Uint8Array>, headers };
}
