import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HTTPServerExchange } from '@landspout/http1';

/** A request and response of node:http that middleware in front of an exchange has seen. */
export interface NodeMessagesBehind {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The property of an exchange that {@link nodeMessagesOf} returns. An exchange over another one passes it on. */
export const NODE_MESSAGES: unique symbol = Symbol('messages of node:http behind the exchange');

/**
 * Returns the request and response of node:http behind an exchange: those that `toNodeHandler` was called with, or those
 * of middleware in front of a mounted delegate.
 *
 * @returns undefined if there are none.
 */
export function nodeMessagesOf(exchange: HTTPServerExchange): NodeMessagesBehind | undefined {
  return (exchange as { readonly [NODE_MESSAGES]?: NodeMessagesBehind | undefined })[NODE_MESSAGES];
}
