import { HTTPError, statusOfError } from '../errors.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { debugPage } from './debug-page.ts';
import { errorPage } from './error-page.ts';
import type { HTTPServerResponse } from './http-server-response.ts';

/** Sets the status of an error response, and the reason and headers of the error if it is an {@link HTTPError}. */
export function setErrorHead(response: HTTPServerResponse, status: number, error: unknown): void {
  const refusal = error instanceof HTTPError ? error : undefined;
  response.setStatus(status, refusal?.reason ?? '');
  const extra = refusal?.extraHeaders() ?? [];
  // They replace headers of the response. First clear, then add, because a name may occur several times.
  for (const [name] of extra) response.clearHeader(name);
  for (const [name, value] of extra) response.addHeader(name, value);
}

/**
 * Appends an error page, in the form that the client accepts.
 *
 * @param isDebugging - whether the page shows the error, with its stack and excerpts of the source.
 */
export function appendErrorPage(
  request: HTTPServerRequest,
  response: HTTPServerResponse,
  error: unknown,
  isDebugging: boolean,
): void {
  const refusal = error instanceof HTTPError ? error : undefined;
  const { status, reason } = response;
  const facts = { status, reason, detail: refusal?.detail, extensions: refusal?.extensions };
  const shows = isDebugging && error !== undefined;
  const page = shows ? debugPage(request, facts, error) : errorPage(request, facts);
  const hasType = refusal?.extraHeaders().some(([name]) => name.toLowerCase() === 'content-type') ?? false;
  if (!hasType) response.setHeader('Content-Type', page.contentType);
  response.append(page.body);
}

/**
 * Responds with an error page, which replaces everything that was set and written before.
 *
 * @param writePage - writes the body and sets its Content-Type. Default: {@link appendErrorPage}.
 */
export function respondWithError(
  request: HTTPServerRequest,
  response: HTTPServerResponse,
  error: unknown,
  writePage: () => void = () => appendErrorPage(request, response, error, false),
): void {
  response.reset();
  setErrorHead(response, statusOfError(error), error);
  writePage();
  if (!response.ended) response.end();
}

/** Responds with a 499 after the client has ended its side and the handler has stopped; the client may still read. */
export function respondWithClosed(response: HTTPServerResponse): void {
  response.reset();
  response.status = 499;
  response.headers.set('Content-Type', 'text/plain; charset=UTF-8').set('Connection', 'close');
  response.append('499: Client Closed Request\n');
  response.end();
}
