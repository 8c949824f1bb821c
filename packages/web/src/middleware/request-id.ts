import { randomUUID } from 'node:crypto';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { disown, WebUsageError, webChecks } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';

export interface RequestIdOptions {
  /**
   * Whether an id that the client sent is used. Set it to true only if all requests come through a proxy that sets or
   * removes the id; or pass a function that decides, for example by the address of the connection. Default: false.
   */
  readonly trust?: boolean | ((context: MiddlewareContext) => boolean);
  /** The request headers that may contain a trusted id, in order of preference. Default: `['X-Request-Id']`. */
  readonly headers?: readonly string[];
  /** The response header for the id; false to send none. Default: `X-Request-Id`. */
  readonly responseHeader?: string | false;
  /** Creates an id of 1 to 128 characters. Default: a random UUID. */
  readonly generate?: () => string;
}

const REQUEST_ID_OPTIONS: OptionNames<RequestIdOptions> = {
  trust: true,
  headers: true,
  responseHeader: true,
  generate: true,
};

/**
 * Ids are copied into log lines and headers, so quotes, separators and spaces are not allowed: they could forge
 * entries.
 */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:=+/@~-]{0,127}$/;
const NAME = /^[A-Za-z0-9-]{1,64}$/;

/**
 * Creates middleware that sets an id for each request: in `context.state.requestId`, in `request.id`, which is added to
 * log records about the request, and in a response header, including that of error pages. A request that already has an
 * id keeps it.
 *
 * An id that the client sends is used only if it is trusted, and has 1 to 128 letters, digits and `._:=+/@~-`, of which
 * the first is a letter or digit. Otherwise it is ignored, and a new id is made.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid. Requests fail with it (500) if `generate`
 *   returns an invalid id, or `trust` returns anything but a boolean.
 *
 * @example
 * // All requests come through a proxy, which replaces the header.
 * new Application(routes, { middleware: [requestId({ trust: true })] });
 */
export function requestId(options: RequestIdOptions = {}): Middleware {
  webChecks.options('requestId', options, REQUEST_ID_OPTIONS);
  const { trust = false, headers = ['X-Request-Id'], responseHeader = 'X-Request-Id' } = options;
  const generate = webChecks.callback('requestId', 'generate', options.generate ?? randomUUID);
  if (typeof trust !== 'boolean' && typeof trust !== 'function') {
    throw usage(`trust must be true, false or a function, got ${shownValue(trust)}`);
  }
  if (!Array.isArray(headers) || headers.length === 0 || !headers.every(isName)) {
    throw usage(`headers must be a list of header names, got ${shownValue(headers)}`);
  }
  if (responseHeader !== false && !isName(responseHeader)) {
    throw usage(`responseHeader must be a header name or false, got ${shownValue(responseHeader)}`);
  }
  return function requestId(context, next) {
    const { request, response, state } = context;
    const id =
      request.id ?? (isTrusted(trust, context) ? receivedId(context, headers) : undefined) ?? make(generate);
    request.id = id;
    state.requestId = id;
    if (responseHeader !== false) response.beforeHeaders((sent) => sent.setHeader(responseHeader, id));
    return next();
  };
}

function isTrusted(trust: NonNullable<RequestIdOptions['trust']>, context: MiddlewareContext): boolean {
  const trusted: unknown = typeof trust === 'function' ? trust(context) : trust;
  // Only booleans are accepted: a promise would be truthy.
  if (typeof trusted === 'boolean') return trusted;
  disown(trusted);
  throw usage(`trust must return true or false, got ${shownValue(trusted)}`);
}

function receivedId({ request }: MiddlewareContext, names: readonly string[]): string | undefined {
  for (const name of names) {
    const id = request.headers.get(name);
    if (id !== undefined && ID.test(id)) return id;
  }
  return undefined;
}

function make(generate: () => unknown): string {
  const id = generate();
  if (typeof id === 'string' && ID.test(id)) return id;
  disown(id);
  throw usage(`generate must return 1 to 128 letters, digits and ._:=+/@~-, got ${shownValue(id)}`);
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && NAME.test(name);
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `requestId: ${problem}`);
}
