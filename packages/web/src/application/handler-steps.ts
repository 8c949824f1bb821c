// The steps of a handler: what precedes its verb, the call of the verb, and what the verb may return.

import { isThenable } from '@landspout/ioloop/reactor';
import { requiresXsrfToken } from '../cookies/xsrf.ts';
import { WebUsageError } from '../errors.ts';
import type { AnyHandler, VerbMethod } from '../handler/lifecycle.ts';
import { allowedMethods, requireMethod } from '../handler/verbs.ts';
import { Html } from '../html/html-value.ts';
import { FallbackHandler } from '../mounting/fallback-handler.ts';
import type { HTTPServerResponse } from '../response/http-server-response.ts';
import { paramsInOrder } from '../routing/rule.ts';
import type { RequestContext } from './request-context.ts';

/** Runs everything that precedes the verb. @returns a promise if a step is asynchronous; otherwise anything. */
export function prepareHandler(context: RequestContext, handler: AnyHandler): unknown {
  const setting: unknown = handler.setDefaultHeaders();
  if (isThenable(setting)) return after(context, setting, () => initialize(context, handler));
  return initialize(context, handler);
}

function initialize(context: RequestContext, handler: AnyHandler): unknown {
  const initializing: unknown = handler.initialize(context.match.init);
  if (isThenable(initializing)) return after(context, initializing, () => callPrepare(context, handler));
  return callPrepare(context, handler);
}

/** Calls `next` after a step has settled, unless the response is complete by then. */
async function after(
  context: RequestContext,
  step: PromiseLike<unknown>,
  next: () => unknown,
): Promise<unknown> {
  await step;
  return context.isOpen ? next() : undefined;
}

function callPrepare(context: RequestContext, handler: AnyHandler): unknown {
  const { request } = context;
  const { rule, values } = context.routeMatch;
  requireMethod(handler, rule.handlerClass, request.method);
  // A delegate gets the path as it is, even if it cannot be decoded.
  if (values.length > 0 && !(handler instanceof FallbackHandler)) context.pathArgs = paramsInOrder(values);
  // Parse the form now, so that a malformed one is refused before the code of the handler relies on it.
  if (request.body.length > 0) void request.bodyArguments;
  if (context.application.settings.xsrfCookies === true && requiresXsrfToken(request.method))
    return checkXsrf(context, handler);
  return handler.prepare() ?? context.rendering?.done;
}

function checkXsrf(context: RequestContext, handler: AnyHandler): unknown {
  const checking: unknown = handler.checkXsrfCookie();
  if (isThenable(checking)) return after(context, checking, () => handler.prepare());
  return handler.prepare() ?? context.rendering?.done;
}

/** Calls the verb with the parameters of the path. */
export function callVerb(context: RequestContext, handler: AnyHandler, verb: VerbMethod): unknown {
  const { pathArgs } = context;
  if (pathArgs.length === 0) return verb.call(handler);
  return context.match.hasNames ? verb.call(handler, context.pathParams) : verb.apply(handler, [...pathArgs]);
}

/** Responds to an OPTIONS that the handler does not define (RFC 9110 §9.3.7). @returns what `finish` returned. */
export function describeOptions(context: RequestContext, handler: AnyHandler): unknown {
  handler.setHeader('Allow', allowedMethods(handler, context.match.handlerClass.supportedMethods));
  handler.setStatus(204);
  return handler.finish();
}

/**
 * In plain JavaScript, a handler may return its content by mistake, which would be an empty response. Objects and lists
 * are refused for GET and HEAD only: other methods may return the result of what they did.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if nothing was written, and the handler returned text, bytes, HTML, a Response,
 *   or data for a GET.
 */
export function requireNoContent(
  returned: unknown,
  method: string,
  { unsent, headSent }: HTTPServerResponse,
): void {
  if (headSent || !unsent.isEmpty) return;
  // Without the global class, which Node loads only when it is read.
  const isResponse = Object.prototype.toString.call(returned) === '[object Response]';
  const isText = typeof returned === 'string' || returned instanceof Uint8Array || Html.isHtml(returned);
  const isRead = method === 'GET' || method === 'HEAD';
  if (!isText && !isResponse && !(isRead && isData(returned))) return;
  const remedy = isResponse ? 'call this.write, or mount a FetchContainer' : 'call this.write or this.render';
  const problem = `the handler returned its content, which is not sent: ${remedy}`;
  throw new WebUsageError('ERR_WEB_USAGE', problem);
}

/** Whether a value is a list or a plain object. */
function isData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
