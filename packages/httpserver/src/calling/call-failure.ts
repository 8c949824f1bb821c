import {
  HTTPClosedError,
  HTTPDeadlineError,
  HTTPHeaders,
  HTTPInputError,
  Http1ProtocolError,
  STATUS_REASONS,
} from '@landspout/http1';
import { errorOf } from '@landspout/ioloop/errors';
import { HTTPDetachError } from './errors.ts';

/** How to respond in place of a delegate, and why. */
export interface CallFailure {
  /** Whether the delegate failed. Otherwise, the request is refused, which clients can cause at will. */
  readonly isBroken: boolean;
  readonly error: Error;
  readonly status: number;
  /** What was wrong, for the client; '' if the client must not know. */
  readonly detail: string;
  readonly headers: HTTPHeaders | undefined;
}

/** Decides how to respond to a request that broke a rule, or whose delegate threw `thrown`, which may be any value. */
export function judgeCall(thrown: unknown): CallFailure {
  const error = errorOf(thrown);
  if (error instanceof HTTPInputError) return refused(error, error.status, error.headers);
  if (error instanceof Http1ProtocolError || error instanceof HTTPDetachError)
    return refused(error, error.status);
  if (error instanceof HTTPDeadlineError) return refused(error, 408);
  return { isBroken: true, error, status: 500, detail: '', headers: undefined };
}

/** Returns the page in place of a delegate: its headers, and a line of text. */
export function failurePage({ status, detail, headers }: CallFailure): {
  readonly headers: HTTPHeaders;
  readonly body: string;
} {
  const reason = STATUS_REASONS[status] ?? 'Error';
  const own = new HTTPHeaders().set('Content-Type', 'text/plain; charset=utf-8');
  for (const [name, value] of headers?.getAll() ?? []) own.add(name, value);
  return { headers: own, body: `${status} ${reason}${detail === '' ? '' : `: ${plain(detail)}`}\n` };
}

/** Returns the reason to pass to a delegate whose request cannot be completed. Its own errors are returned unchanged. */
export function endOfCall(error: unknown): Error {
  if (error instanceof HTTPClosedError || error instanceof HTTPDeadlineError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return new HTTPClosedError('ERR_HTTP_RESET', 'the peer reset the connection', { cause: error });
  return callEnded('the request was aborted before the response was complete', error);
}

const deliberate = new WeakSet<object>();

/** Returns an error with which the body of a response fails because the delegate has aborted it, and has logged why. */
export function responseAborted(cause: Error): HTTPClosedError {
  const error = callEnded('the delegate aborted the response', cause);
  deliberate.add(error);
  return error;
}

/** Whether this is an error of {@link responseAborted}: a server in front that is ours need not log it again. */
export function isResponseAborted(error: unknown): boolean {
  return typeof error === 'object' && error !== null && deliberate.has(error);
}

export function callEnded(message: string, cause?: unknown): HTTPClosedError {
  return new HTTPClosedError('ERR_HTTP_CLOSED', message, cause === undefined ? {} : { cause });
}

function refused(error: Error, status: number, headers?: HTTPHeaders): CallFailure {
  return { isBroken: false, error, status, detail: error.message, headers };
}

/** The detail may quote the client: everything but visible ASCII becomes a question mark. */
function plain(text: string): string {
  return text.replaceAll('§', 'section ').replace(/[^\u0020-\u007e]/g, '?');
}
