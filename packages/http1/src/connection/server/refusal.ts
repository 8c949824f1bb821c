import { isCancellation } from '@landspout/ioloop';
import type { IOStream } from '@landspout/iostream';
import type { HTTPConnectionInfo } from '../../delegate.ts';
import { type HTTPHeaders, Http1ProtocolError, STATUS_REASONS } from '../../protocol/index.ts';
import { type HTTPDeadlineError, HTTPInputError } from '../errors.ts';
import type { ConnectionServices } from './connection-host.ts';
import type { RequestToken } from './connection-monitor.ts';

/** An answer that the connection gives by itself, before or in place of the delegate. */
export interface Refusal {
  readonly status: number;
  /** What was wrong, in words that the peer may see; may be empty. */
  readonly detail: string;
  /** Fields besides those that each refusal has. */
  readonly headers?: HTTPHeaders | undefined;
}

/**
 * Why a request is answered in place of its delegate, and how:
 *
 * - refused: the peer sent bytes that break a rule, or that the delegate refuses, or sends too slowly
 * - given-up: the delegate stopped its work because the peer has ended its side, which is no error. The peer may still
 *   read: it gets a 499, the status that nginx introduced for it
 * - broken: the delegate failed, which is our side's fault
 */
export interface FailedRequest {
  readonly kind: 'refused' | 'given-up' | 'broken';
  readonly error: Error;
  readonly refusal: Refusal;
}

/**
 * What becomes of a request whose decoding or delegate has thrown.
 *
 * @param closeReason - what its delegate was told before, if anything: it may have aborted its work with that.
 */
export function judgeFailure(error: unknown, closeReason: Error | undefined): FailedRequest {
  if (error instanceof Http1ProtocolError || error instanceof HTTPInputError) {
    const headers = error instanceof HTTPInputError ? error.headers : undefined;
    return { kind: 'refused', error, refusal: { status: error.status, detail: error.message, headers } };
  }
  if (closeReason !== undefined && isCancellation(error, closeReason)) {
    return { kind: 'given-up', error: closeReason, refusal: { status: 499, detail: '' } };
  }
  const failure = error instanceof Error ? error : new Error(String(error));
  return { kind: 'broken', error: failure, refusal: { status: 500, detail: '' } };
}

/** What becomes of a request that did not come in time. */
export function tooSlow(error: HTTPDeadlineError): FailedRequest {
  return { kind: 'refused', error, refusal: { status: 408, detail: error.message } };
}

/** One line for the operator, of which strangers can cause only so many. */
export function logRefusal(
  { error, refusal }: FailedRequest,
  { remoteAddress }: HTTPConnectionInfo,
  { refusalLog }: ConnectionServices,
): void {
  const kind = `${(error as { code?: string }).code} ${refusal.status}`;
  refusalLog.info(kind, { error, peer: remoteAddress }, 'refused a request');
}

/**
 * Writes the answer, and tells the monitor.
 *
 * @param request - what is answered; undefined where there was no head of one.
 */
export function sendRefusal(
  { refusal, error }: FailedRequest,
  request:
    | { readonly head: { readonly method: string }; readonly token: RequestToken | undefined }
    | undefined,
  connection: HTTPConnectionInfo & { readonly stream: IOStream },
  { dates, loop, monitor }: ConnectionServices,
): void {
  const { status } = refusal;
  const { head, body } = encodeRefusal(refusal, dates.at(loop.clock.wallTime()), request?.head.method ?? '');
  connection.stream.send(head + body);
  if (request === undefined) monitor.headRefused(connection, status, body.length, error);
  else monitor.requestEnded(request.token, status < 500 ? 'refused' : 'answered', status, body.length, error);
}

/** A complete answer that ends the connection; `body` is empty where the request was HEAD. All of it is latin1. */
function encodeRefusal(
  refusal: Refusal,
  date: string,
  method: string,
): { readonly head: string; readonly body: string } {
  const reason = STATUS_REASONS[refusal.status] ?? 'Error';
  const fields = refusal.headers?.serialize() ?? '';
  const body = `${refusal.status} ${reason}${refusal.detail === '' ? '' : `: ${asciiForWire(refusal.detail)}`}\n`;
  const head =
    `HTTP/1.1 ${refusal.status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\n${fields}` +
    `Content-Length: ${body.length}\r\nDate: ${date}\r\nConnection: close\r\n\r\n`;
  return { head, body: method === 'HEAD' ? '' : body };
}

/**
 * ASCII, as the response leaves as latin1 and the detail may quote the peer. A question mark stands for anything else:
 * the escapes of a log line would be our syntax in a text for the client.
 */
function asciiForWire(text: string): string {
  return text.replaceAll('§', 'section ').replace(/[^\u0020-\u007e]/g, '?');
}
