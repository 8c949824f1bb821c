import { channel } from 'node:diagnostics_channel';
import type { RequestHead } from '@landspout/http1';
import type { AnyApplication, HandlerClass } from '../handler/lifecycle.ts';
import type { HTTPServerRequest } from '../request/http-server-request.ts';
import { type RouteMatch, type Rule, textBeforeRest } from '../routing/rule.ts';
import type { RequestContext } from './request-context.ts';

/**
 * The events that applications publish on `node:diagnostics_channel`, for tracing a program without changing it. If there
 * are no subscribers, an event costs a few checks.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.web.request.route` | the route of a request is found, before its middleware runs | {@link RouteMessage} |
 * | `landspout.web.request.end` | the response has ended, and the middleware has returned | {@link RequestEndMessage} |
 *
 * Messages are published synchronously, in the async context of the request. An error thrown by a subscriber does not
 * reach the application: Node throws it on the next tick as an uncaught exception.
 */
const routeFound = channel('landspout.web.request.route');
const requestEnd = channel('landspout.web.request.end');

export interface RouteMessage {
  /**
   * The head of the request, as the server received it: the same object as `record.head` in the messages of the server,
   * and in all messages about this request.
   */
  readonly head: RequestHead;
  readonly request: HTTPServerRequest;
  /** The application that contains the route: the innermost one if applications are mounted. */
  readonly application: AnyApplication;
  /**
   * The pattern of the route, with the prefixes of the routes and mounted applications around it: `/user/:id`; for a
   * regular expression, its source. Undefined if no route matched, so that the handler is the `defaultHandlerClass` or
   * the response is a 421. There are as many values as the program has routes, whatever clients send.
   */
  readonly route: string | undefined;
  /** The name of the route. */
  readonly name: string | undefined;
  /** Undefined if the route loads it lazily and has not loaded it yet. */
  readonly handlerClass: HandlerClass | undefined;
}

export interface RequestEndMessage extends Pick<RouteMessage, 'head' | 'request' | 'route'> {
  /**
   * Of the response, also if the client has not received all of it. Undefined if there was none: another protocol, such
   * as WebSocket, has taken over the connection, or the connection has ended before.
   */
  readonly status: number | undefined;
  /** What was thrown or passed to `sendError`, so that the response is an error page; undefined otherwise. */
  readonly error: unknown;
}

/** The text before the routes of an application to which another one has passed a request, while there are subscribers. */
const passedFrom = new WeakMap<RequestHead, string>();

/** Publishes the route of a request. */
export function publishRoute(context: RequestContext, rule: Rule): void {
  if (!routeFound.hasSubscribers) return;
  const { request, application } = context;
  const { name, isLoaded } = rule;
  routeFound.publish({
    head: receivedHead(request.head),
    request,
    application,
    route: routeOf(request.head, rule),
    name,
    handlerClass: isLoaded ? rule.handlerClass : undefined,
  } satisfies RouteMessage);
}

export function publishRequestEnd(context: RequestContext): void {
  if (!requestEnd.hasSubscribers) return;
  const { request, match, error } = context;
  requestEnd.publish({
    head: receivedHead(request.head),
    request,
    route: routeOf(request.head, match),
    status: statusOf(context),
    error,
  } satisfies RequestEndMessage);
}

/**
 * Remembers the route by which a request is passed to a mounted delegate. If the delegate is an Application, the route
 * becomes the start of its own routes.
 *
 * @param inner - the head that the delegate gets, which does not contain the path of the route.
 */
export function rememberPassing(outer: RequestHead, inner: RequestHead, match: RouteMatch): void {
  if (inner === outer || (!routeFound.hasSubscribers && !requestEnd.hasSubscribers)) return;
  passedFrom.set(inner, `${passedFrom.get(outer) ?? ''}${textBeforeRest(match.rule)}`);
}

function statusOf({ response }: RequestContext): number | undefined {
  const { gone, exchange, isDetached, status } = response;
  if (isDetached) return undefined;
  // If the connection has refused the rest of the request, it has sent a response itself.
  const isRefused = typeof (gone as { status?: unknown } | undefined)?.status === 'number';
  return gone === undefined || exchange.headSent || isRefused ? status : undefined;
}

function receivedHead(head: RequestHead): RequestHead {
  return head.received ?? head;
}

function routeOf(head: RequestHead, { route }: Rule): string | undefined {
  if (route === undefined) return undefined;
  const before = passedFrom.get(head);
  return before === undefined ? route : `${before}${route}`;
}
