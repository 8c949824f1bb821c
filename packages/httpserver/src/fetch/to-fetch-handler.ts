import { HTTPHeaders, type HTTPServerConnectionDelegate, HTTPUsageError } from '@landspout/http1';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import { callEnded } from '../calling/call-failure.ts';
import { CALL_OPTIONS, type CallOptions, CallSettings } from '../calling/call-settings.ts';
import { DelegateCall } from '../calling/delegate-call.ts';
import { callingChecks } from '../calling/errors.ts';
import { requireMountPath } from '../calling/mount-path.ts';
import {
  addFields,
  announcedLength,
  checkFields,
  checkHead,
  OuterRequestHead,
} from '../calling/outer-head.ts';
import { exchangeOf } from './fetch-container.ts';
import { OuterFetchBody, READ_ELSEWHERE } from './outer-fetch-body.ts';
import { type FetchConnectionInfo, OuterFetchConnection } from './outer-fetch-connection.ts';
import { OuterFetchResponse } from './outer-fetch-response.ts';

export interface ToFetchHandlerOptions extends CallOptions {
  /**
   * The start of the path that the framework in front has removed from the URL, as `app.mount` of Hono does: the
   * `mountPath` of the head. Default: none.
   */
  readonly mountPath?: string;
}

const OPTIONS: OptionNames<ToFetchHandlerOptions> = { ...CALL_OPTIONS, mountPath: true };

/**
 * A Fetch handler.
 *
 * @param info - what the server in front knows about the connection: a {@link FetchConnectionInfo}, or the environment
 *   of a server over node:http, whose `incoming` is the request of Node. Other objects are ignored.
 */
export type DelegateFetchHandler = (
  request: Request,
  info?: FetchConnectionInfo | object,
) => Promise<Response>;

/**
 * Returns a Fetch handler that passes requests to a delegate, such as an Application: for Hono, h3, servers of other
 * runtimes, and tests.
 *
 * The promise resolves when the delegate has written its headers; a body that is not complete then is a stream, which
 * respects back-pressure. If the delegate throws, the response is a 500; if the request breaks a limit, it is a 4xx. If
 * the signal of the request aborts, or the body of the response is cancelled, the delegate is notified, and a response
 * that has not started is a 499 that no client reads.
 *
 * The promise rejects with HTTPUsageError if the body of the request was already read; with HTTPClosedError
 * `ERR_HTTP_CLOSED` if the body of the request fails, or the delegate aborts the response before its headers are
 * written: see its `cause`. After the headers are written, the body of the response fails with that error.
 *
 * Trailers and interim responses are dropped, since a Response has none, and so are Upgrade and the fields of the connection, such as Connection and Keep-Alive.
 * `detach` throws HTTPDetachError; the client gets a 501. Only for a request that a FetchContainer made, as in `serve`,
 * interim responses and Upgrade are sent, the connection is described completely, and `detach` hands it over. If the server of that
 * request has `trustedProxies` that have reported the client, those of this handler are not looked for again.
 *
 * @throws HTTPUsageError, StreamUsageError, Http1UsageError if an option is invalid.
 *
 * @example
 * const live = toFetchHandler(application, { mountPath: '/live' });
 * hono.mount('/live', live);
 */
export function toFetchHandler(
  delegate: HTTPServerConnectionDelegate,
  options: ToFetchHandlerOptions = {},
): DelegateFetchHandler {
  callingChecks.options('toFetchHandler', options, OPTIONS);
  const { mountPath, ...ofCall } = options;
  requireMountPath('toFetchHandler', mountPath);
  const settings = new CallSettings('toFetchHandler', delegate, ofCall);
  return async (request, info) => respond(settings, mountPath, request, info);
}

function respond(
  settings: CallSettings,
  mountPath: string | undefined,
  request: Request,
  info: unknown,
): Promise<Response> {
  const body = bodyOf(request);
  const { protocol, host, target } = partsOf(request.url);
  const { exchange: outer, head: from } = exchangeOf(request) ?? {};
  const head = new OuterRequestHead(request.method, target, 'HTTP/1.1', new HTTPHeaders(), mountPath, from);
  let problem: unknown;
  let announcedBytes = 0;
  try {
    announcedBytes = fillHeaders(head, request, host, body !== null, settings);
  } catch (error) {
    problem = error;
  }
  const sink = new OuterFetchResponse((cause) => {
    const reason = call.closed(callEnded('the body of the response was cancelled', cause));
    if (reason !== undefined) source.cancel(reason);
  }, outer);
  const source = new OuterFetchBody(body, announcedBytes, (error) => {
    const reason = call.closed(callEnded('the body of the request failed', error));
    if (reason !== undefined) sink.fail(reason);
  });
  const connection =
    outer?.connection ?? new OuterFetchConnection(settings.protocol ?? protocol, request, info);
  const call = new DelegateCall(settings, sink, source, head, connection);
  source.call = call;
  if (problem === undefined) call.begin();
  else call.refuseHead(problem);
  // A request that is complete by now needs no signal, which is expensive to create on some servers.
  if (!call.isOver) listen(request.signal, call, sink, source);
  return sink.response;
}

/** Ends the call when the client leaves. */
function listen(
  signal: AbortSignal,
  call: DelegateCall,
  sink: OuterFetchResponse,
  source: OuterFetchBody,
): void {
  const forget = onAbort(signal, (cause) => {
    const reason = call.closed(callEnded('the request was aborted', cause));
    if (reason === undefined) return;
    source.cancel(reason);
    sink.abandon(reason);
  });
  if (call.isOver) forget();
  else call.onOver = forget;
}

/** @throws HTTPUsageError if `request` is no Request, or its body was already read. */
function bodyOf(request: Request): Request['body'] {
  // Servers of other runtimes may have a class of their own.
  if (typeof (request as Partial<Request> | undefined)?.url !== 'string')
    throw new HTTPUsageError(`a Fetch handler is called with a Request, not with ${shownValue(request)}`);
  const { method } = request;
  if (method === 'GET' || method === 'HEAD') return null;
  const { body } = request;
  if (body === null || !(request.bodyUsed || body.locked)) return body;
  throw new HTTPUsageError(READ_ELSEWHERE);
}

/** Splits a serialised URL, which has no user information. The fragment is not sent to servers. */
function partsOf(url: string): {
  readonly protocol: 'http' | 'https';
  readonly host: string;
  readonly target: string;
} {
  const [, scheme, host = '', rest = ''] = /^([a-z]+):\/\/([^/?#]*)([^#]*)/.exec(url) ?? [];
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  return { protocol: scheme === 'https' ? 'https' : 'http', host, target };
}

/** @returns the announced length of the body; 0 if there is none. @throws Http1ProtocolError if a field is invalid. */
function fillHeaders(
  head: OuterRequestHead,
  request: Request,
  host: string,
  hasBody: boolean,
  settings: CallSettings,
): number {
  const fields: string[] = [];
  for (const [name, value] of request.headers) fields.push(name, value);
  checkFields(fields, head.target, settings);
  const headers = addFields(head.headers, fields);
  if (!headers.has('Host')) headers.set('Host', host.slice(host.lastIndexOf('@') + 1));
  checkHead(head);
  const announced = announcedLength(headers);
  if (hasBody) {
    // As the message would be framed. Clients of Fetch leave that to the connection.
    if (announced === -1) headers.set('Transfer-Encoding', 'chunked');
    return announced;
  }
  headers.delete('Transfer-Encoding');
  const hasNone = request.method === 'GET' || request.method === 'HEAD';
  // Fetch drops the body of a GET, which was announced.
  if (hasNone) headers.delete('Content-Length');
  return hasNone ? 0 : Math.max(0, announced);
}
