import { isCancellation } from '@landspout/ioloop';
import { errorOf } from '@landspout/ioloop/errors';
import type { IOStream } from '@landspout/iostream';
import type { HTTPConnectionInfo, RefusalPage, RequestRefusal } from '../../delegate.ts';
import { type HTTPHeaders, Http1ProtocolError, STATUS_REASONS } from '../../protocol/index.ts';
import { type HTTPDeadlineError, HTTPInputError } from '../errors.ts';
import type { ConnectionServices } from './connection-host.ts';
import type { RequestToken } from './connection-monitor.ts';

/** A response that the connection sends itself, in place of the delegate. */
export interface Refusal {
  readonly status: number;
  /** What was wrong, as sent to the client; may be empty. */
  readonly detail: string;
  /** Header fields to add to those that every refusal has. */
  readonly headers?: HTTPHeaders | undefined;
}

/**
 * Why the connection responds in place of the delegate, and with what:
 *
 * - refused: the client sent bytes that break a rule or that the delegate refused, or the client was too slow
 * - given-up: the delegate stopped its work because the client has half-closed, which is not an error. The client may
 *   still read, so the response is a 499, the status that nginx introduced for this case
 * - broken: the delegate failed, which is the server's fault
 */
export interface FailedRequest {
  readonly kind: 'refused' | 'given-up' | 'broken';
  readonly error: Error;
  readonly refusal: Refusal;
}

/**
 * Decides how to respond to a request whose decoder or delegate threw `error`, which may be any value.
 *
 * @param closeReason - the reason already passed to the delegate's connectionClosed, if any: the delegate may have
 *   aborted its work with that reason.
 */
export function judgeFailure(error: unknown, closeReason: Error | undefined): FailedRequest {
  const failure = errorOf(error);
  if (failure instanceof Http1ProtocolError || failure instanceof HTTPInputError) {
    const headers = failure instanceof HTTPInputError ? failure.headers : undefined;
    const { status, message } = failure;
    return { kind: 'refused', error: failure, refusal: { status, detail: message, headers } };
  }
  if (closeReason !== undefined && isCancellation(error, closeReason)) {
    return { kind: 'given-up', error: closeReason, refusal: { status: 499, detail: '' } };
  }
  return { kind: 'broken', error: failure, refusal: { status: 500, detail: '' } };
}

/** Decides how to respond to a request that was not received in time. */
export function tooSlow(error: HTTPDeadlineError): FailedRequest {
  return { kind: 'refused', error, refusal: { status: 408, detail: error.message } };
}

/** Logs a refused request, at a limited rate: any client can cause refusals. */
export function logRefusal(
  { error, refusal }: FailedRequest,
  { remoteAddress }: HTTPConnectionInfo,
  { refusalLog }: ConnectionServices,
): void {
  const kind = `${(error as { code?: string }).code} ${refusal.status}`;
  refusalLog.info(kind, { error, peer: remoteAddress }, 'refused a request');
}

/**
 * Writes the response, and notifies the monitor.
 *
 * @param request - the request to respond to; undefined if no complete head was received.
 */
export function sendRefusal(
  { kind, refusal, error }: FailedRequest,
  request:
    | { readonly head: { readonly method: string }; readonly token: RequestToken | undefined }
    | undefined,
  connection: HTTPConnectionInfo & { readonly stream: IOStream },
  services: ConnectionServices,
): void {
  const { dates, loop, monitor } = services;
  const { status } = refusal;
  // If there is a request, its delegate has already had the chance to respond, in `refused`.
  const page =
    request === undefined && kind === 'refused' ? askForPage({ ...refusal, error }, services) : undefined;
  const date = dates.at(loop.clock.wallTime());
  const { head, body } = encodeRefusal(refusal, page ?? textPage(refusal), date, request?.head.method ?? '');
  connection.stream.send(head + body);
  if (request === undefined) monitor.headRefused(connection, status, body.length, error);
  else
    monitor.requestEnded(request.token, status < 500 ? 'refused' : 'completed', status, body.length, error);
}

/** Encodes a complete response with `Connection: close`, as latin1. `body` is empty if the method was HEAD. */
function encodeRefusal(
  refusal: Refusal,
  page: RefusalPage,
  date: string,
  method: string,
): { readonly head: string; readonly body: string } {
  const reason = STATUS_REASONS[refusal.status] ?? 'Error';
  const fields = refusal.headers?.serialize() ?? '';
  const body = Buffer.from(page.body).toString('latin1');
  const head =
    `HTTP/1.1 ${refusal.status} ${reason}\r\nContent-Type: ${page.contentType}\r\n${fields}` +
    `Content-Length: ${body.length}\r\nDate: ${date}\r\nConnection: close\r\n\r\n`;
  return { head, body: method === 'HEAD' ? '' : body };
}

function askForPage(
  refusal: RequestRefusal,
  { delegate, loop }: ConnectionServices,
): RefusalPage | undefined {
  try {
    return delegate.refusalPage?.(refusal);
  } catch (error) {
    loop.logger.error({ error }, "the delegate's refusalPage callback threw");
    return undefined;
  }
}

function textPage({ status, detail }: Refusal): RefusalPage {
  const reason = STATUS_REASONS[status] ?? 'Error';
  const body = `${status} ${reason}${detail === '' ? '' : `: ${asciiForWire(detail)}`}\n`;
  return { contentType: 'text/plain; charset=utf-8', body };
}

/**
 * Reduces the detail, which may quote the client, to ASCII. Any other character becomes a question mark, because the
 * escapes used in log lines would confuse the client.
 */
function asciiForWire(text: string): string {
  return text.replaceAll('§', 'section ').replace(/[^\u0020-\u007e]/g, '?');
}
