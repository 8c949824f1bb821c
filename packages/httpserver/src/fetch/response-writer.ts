import type { ServerResponse } from 'node:http';
import { HTTPHeaders, type HTTPServerExchange, HTTPUsageError, Http1UsageError } from '@landspout/http1';
import { CONNECTION_FIELDS, isConnectionField } from '@landspout/http1/protocol';
import { shownValue } from '@landspout/ioloop/errors';
import { LightResponse } from './light-response.ts';
import { isDisturbed, NativeResponse, nativeBodySource } from './native-objects.ts';
import { withOutgoingFields } from './outgoing-fields.ts';
import { isSelfPreparing, prepare, type SelfPreparingResponse } from './prepared-response.ts';
import { ResponseStream, type StreamedResponse } from './response-stream.ts';

/** `RESPONSE_ALREADY_SENT` of @hono/node-server has this header. */
const ALREADY_SENT = 'x-hono-already-sent';

/** Native responses of which the text or bytes were written without reading their stream. */
const written = new WeakSet<Response>();

/** What the writer needs from the request. */
export interface ResponseOwner {
  readonly exchange: HTTPServerExchange;
  readonly isHead: boolean;
  /** Has fields that the handler may have set for its Response; undefined if nothing asked for it. */
  readonly outgoing: ServerResponse | undefined;
  /** The response is complete. */
  responded(status: number): void;
  /** The response cannot be completed. If its head was not written, another response may be. */
  responseFailed(error: unknown): void;
}

/**
 * Writes what a handler returned.
 *
 * @returns the writer of a body that is still being written; `'left'` if the program writes the response itself.
 * @throws HTTPUsageError if it is no Response that can be written, Http1UsageError if a field cannot be sent. Nothing
 *   was written then.
 */
export function writeResponse(owner: ResponseOwner, response: unknown): ResponseStream | 'left' | undefined {
  if (typeof response === 'object' && response !== null) {
    if (LightResponse.isLight(response)) return writeLight(owner, response);
    if (isResponse(response)) {
      return isSelfPreparing(response) ? writePrepared(owner, response) : writeNative(owner, response);
    }
  }
  throw notResponse(response);
}

/** Cancels the body of a response that is not written. */
export function discardResponse(response: unknown, reason: Error | undefined): void {
  if (typeof response !== 'object' || response === null || !isResponse(response)) return;
  try {
    const { body } = response;
    if (body === null || body.locked) return;
    body.cancel(reason).catch(() => {});
  } catch {
    // A getter of a subclass threw. There is nothing left to cancel.
  }
}

/**
 * Returns a function that returns the response to send for what a handler has thrown: a Response itself, or an error with
 * a method `getResponse`, such as the HTTPException of Hono and a WebSocketUpgradeError.
 *
 * @returns undefined if there is none. The function may throw, and return anything.
 */
export function carriedResponse(error: unknown): (() => unknown) | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (isResponse(error)) return () => error;
  const carrier = error as { readonly getResponse?: unknown };
  const { getResponse } = carrier;
  return typeof getResponse === 'function' ? () => getResponse.call(carrier) as unknown : undefined;
}

function writeLight(owner: ResponseOwner, response: LightResponse): ResponseStream | 'left' | undefined {
  const { status, statusText } = response;
  let headers = LightResponse.fieldsOf(response);
  const body = LightResponse.takeBody(response);
  if (body === undefined) throw usedBody();
  if (body === null && headers.get(ALREADY_SENT) !== undefined) return 'left';
  if (CONNECTION_FIELDS.some((name) => headers.get(name) !== undefined))
    headers = withoutConnectionFields(headers);
  return write(owner, { status, statusText, headers }, body);
}

function writePrepared(
  owner: ResponseOwner,
  response: SelfPreparingResponse,
): ResponseStream | 'left' | undefined {
  const { body, headers, ...status } = prepare(response);
  if (body === null && headers.has(ALREADY_SENT)) return 'left';
  if (body instanceof ReadableStream && (body.locked || isDisturbed(body))) throw usedBody();
  return write(owner, { ...status, headers: withoutConnectionFields(headers) }, body);
}

function writeNative(owner: ResponseOwner, response: Response): ResponseStream | 'left' | undefined {
  const { status, statusText } = response;
  if (status < 200) {
    throw new HTTPUsageError(
      `FetchContainer: a response with status ${status}, such as Response.error(), cannot be sent`,
    );
  }
  const headers = new HTTPHeaders();
  for (const [name, value] of response.headers) {
    if (name === ALREADY_SENT) return 'left';
    if (!isConnectionField(name)) headers.add(name, value);
  }
  const source = nativeBodySource(response);
  if (source === null) return write(owner, { status, statusText, headers }, null);
  if (response.bodyUsed || response.body?.locked === true || written.has(response)) throw usedBody();
  if (source === undefined) {
    const { body } = response;
    // Whatever has the name of a Response is taken for one, since it may be that of another implementation.
    if (body !== null && typeof body?.getReader !== 'function') throw notResponse(response);
    return write(owner, { status, statusText, headers }, body);
  }
  written.add(response);
  return write(owner, { status, statusText, headers }, source);
}

function write(
  owner: ResponseOwner,
  response: StreamedResponse,
  body: string | Uint8Array | ReadableStream<Uint8Array> | null,
): ResponseStream | undefined {
  const { exchange, isHead, outgoing } = owner;
  const head =
    outgoing === undefined
      ? response
      : { ...response, headers: withOutgoingFields(response.headers, outgoing) };
  const { status, statusText, headers } = head;
  const isStream = body !== null && typeof body === 'object' && !(body instanceof Uint8Array);
  if (isHead || status === 204 || status === 205 || status === 304) {
    if (isStream) body.cancel().catch(() => {});
    const length = isStream || body === null ? undefined : body;
    // The length of the body that the response to GET has is not known.
    const isLengthKnown = !isHead || length !== undefined;
    exchange.writeHead(status, statusText, headers, length, isLengthKnown);
    if (!isLengthKnown) exchange.finish();
    owner.responded(status);
    return undefined;
  }
  if (isStream) return new ResponseStream(owner, head, body);
  exchange.writeHead(status, statusText, headers, body ?? undefined, true);
  owner.responded(status);
  return undefined;
}

/** Whether this is a Response of Node, or of another implementation such as the package undici. */
function isResponse(value: object): value is Response {
  return value instanceof NativeResponse || Object.prototype.toString.call(value) === '[object Response]';
}

function withoutConnectionFields(headers: HTTPHeaders): HTTPHeaders {
  const kept = headers.copy();
  for (const name of CONNECTION_FIELDS) kept.delete(name);
  return kept;
}

function notResponse(value: unknown): HTTPUsageError {
  return new HTTPUsageError(
    `FetchContainer: the handler must return a Response, or a promise of one, not ${shownValue(value)}`,
  );
}

function usedBody(): HTTPUsageError {
  return new HTTPUsageError(
    'FetchContainer: the body of the response has already been read or is locked; return a new Response, or `response.clone()`',
  );
}

/** Whether the program made a mistake, which is reported even if the client has left. */
export function isUsageError(error: unknown): boolean {
  return error instanceof HTTPUsageError || error instanceof Http1UsageError;
}
