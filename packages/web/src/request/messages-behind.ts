import type { HTTPServerExchange } from '@landspout/http1';
import { type NodeMessagesBehind, nodeMessagesOf } from '@landspout/httpserver';
import type { HTTPServerRequest } from './http-server-request.ts';

const BEHIND = new WeakMap<HTTPServerRequest, NodeMessagesBehind>();

/** Remembers the messages of node:http behind the exchange of a request, if there are any. */
export function rememberMessagesBehind(request: HTTPServerRequest, exchange: HTTPServerExchange): void {
  const messages = nodeMessagesOf(exchange);
  if (messages !== undefined) BEHIND.set(request, messages);
}

/** Returns the messages of node:http behind the exchange of a request; undefined if there are none. */
export function messagesBehind(request: HTTPServerRequest): NodeMessagesBehind | undefined {
  return BEHIND.get(request);
}
